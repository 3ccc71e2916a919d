"""The checks of notebook 06."""

from typing import Any

import numpy as np

from involution_utils.exercises.judge import Verdict, judge


def check_operator_parameters(answer: Any) -> Verdict:
    """Check `operator_parameters(channels, kernel_size, group_channels, reduction_ratio)`.

    Args:
        answer: function that returns the weights (full convolution, depthwise convolution, involution) of a spatial
            operator without biases on that many channels; the involution's are those of a
            `KernelGenerator(use_bias=False)` with batch normalization.
    """

    def involution(c, k, n, r, *, norm=2, bias=1, taps=None):
        hidden = c // r
        return hidden * (c + norm) + (hidden + bias) * (taps or k * k * (c // n))

    def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, **change):
        c, taps = channels, kernel_size**2
        return taps * c * c, taps * c, involution(c, kernel_size, group_channels, reduction_ratio, **change)

    count = operator_parameters
    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the second convolution of the generator does have a bias.": lambda *sizes: count(*sizes, bias=0),
        "there are channels // group_channels groups, not group_channels.": (
            lambda c, k, n, r: count(c, k, n, r, taps=k * k * n)
        ),
        "a kernel of size K has K rows and K columns.": (
            lambda c, k, n, r: (k * c * c, k * c, involution(c, k, n, r, taps=k * (c // n))),
            lambda c, k, n, r: (k * c * c, k * c, involution(c, k, n, r)),
        ),
        "a full convolution has a kernel for each pair of channels, a depthwise one for each channel.": (
            lambda c, k, n, r: (k * k * c, k * k * c, involution(c, k, n, r)),
            lambda c, k, n, r: (k * k * c, k * k * c * c, involution(c, k, n, r)),
            lambda c, k, n, r: (k * k * c * c, k * k, involution(c, k, n, r)),
        ),
    }
    cases = [(16, 3, 16, 4), (32, 5, 16, 4), (64, 7, 8, 2), (256, 3, 16, 4)]
    return judge(answer, cases, operator_parameters, "K*K*C*C, K*K*C, and what makes the kernels.", mistakes)


def check_paired_interval(answer: Any) -> Verdict:
    """Check `paired_interval(one, other)`.

    Args:
        answer: function of two lists of 3 to 6 accuracies, run by run with the same seed, that returns (low, high),
            the 95 % Student interval of the mean of one - other. The t values for 3, 4, 5 and 6 runs are 4.303,
            3.182, 2.776 and 2.571.
    """
    quantiles = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}

    def around(middle, half):
        return middle - half, middle + half

    def paired_interval(one, other, *, ddof=1, root=0.5, t=None):
        d = np.subtract(one, other)
        return around(d.mean(), (t or quantiles[len(d)]) * d.std(ddof=ddof) / len(d) ** root)

    def unpaired(one, other):
        n = len(one)
        spread = np.sqrt(np.var(one, ddof=1) + np.var(other, ddof=1))
        return around(np.mean(one) - np.mean(other), quantiles[n] * spread / np.sqrt(n))

    mistakes = {
        "this adds the spreads of both lists; subtract run by run first, then take the spread.": unpaired,
        "the difference is one - other.": lambda a, b: paired_interval(b, a),
        "the standard deviation divides by n; for a sample it divides by n - 1.": lambda a, b: paired_interval(
            a, b, ddof=0
        ),
        "1.96 holds for many runs; for so few, take Student's t.": lambda a, b: paired_interval(a, b, t=1.96),
        "this is the spread of single differences; that of their mean is smaller by a factor of sqrt(n).": (
            lambda a, b: paired_interval(a, b, root=0)
        ),
        "the two ends are swapped.": lambda a, b: paired_interval(a, b)[::-1],
    }
    cases = [([0.81, 0.83, 0.8], [0.79, 0.82, 0.77]), ([0.6, 0.71, 0.52, 0.66], [0.62, 0.7, 0.55, 0.6])]
    cases += [([0.5, 0.42, 0.61, 0.33, 0.48, 0.57], [0.4, 0.45, 0.5, 0.3, 0.41, 0.59])]
    return judge(
        answer, cases, paired_interval, "the differences by seed are one sample; the rest is as before.", mistakes
    )


def check_conv2d_multiply_adds(answer: Any) -> Verdict:
    """Check `conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides)`.

    Args:
        answer: function that returns the multiply-adds of a `keras.layers.Conv2D` with padding "same" for one image.
    """

    def conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides):
        return -(-height // strides) * -(-width // strides) * kernel_size**2 * channels * filters

    count = conv2d_multiply_adds
    mistakes = {
        "the kernel is applied once at every position of the output; with strides these are fewer.": (
            lambda h, w, c, f, k, s: count(h, w, c, f, k, 1)
        ),
        'with "same", an odd size with a stride of 2 is rounded up, not down.': (
            lambda h, w, c, f, k, s: (h // s) * (w // s) * k * k * c * f
        ),
        "each output channel looks at all input channels.": lambda h, w, c, f, k, s: count(h, w, 1, f, k, s),
        "there is a kernel for each output channel.": lambda h, w, c, f, k, s: count(h, w, c, 1, k, s),
        "a kernel of size K has K rows and K columns.": lambda h, w, c, f, k, s: count(h, w, c, f, k, s) // k,
        "a multiplication and the addition that follows it count as one.": lambda *sizes: 2 * count(*sizes),
        "these are the weights; each is used once at every position of the output.": (
            lambda h, w, c, f, k, s: k * k * c * f
        ),
        "biases are additions without a multiplication: they do not count.": (
            lambda h, w, c, f, k, s: count(h, w, c, f, k, s) + count(h, w, 1, f, 1, s)
        ),
    }
    cases = [(4, 4, 2, 3, 3, 1), (7, 5, 3, 4, 3, 2), (32, 32, 16, 8, 5, 1), (9, 10, 4, 6, 7, 3)]
    return judge(
        answer, cases, conv2d_multiply_adds, "positions of the output, times the weights of the kernels.", mistakes
    )


def check_effects(answer: Any) -> Verdict:
    """Check `effects(static, depthwise, involution, per_channel)`.

    Args:
        answer: function of four lists of accuracies, the cells of the factorial, perhaps of different lengths, that
            returns the estimates (generation, sharing, interaction).
    """

    def effects(static, depthwise, involution, per_channel, *, mean=np.mean):
        s, d, i, p = (mean(cell) for cell in (static, depthwise, involution, per_channel))
        return (i + p - s - d) / 2, (d + p - s - i) / 2, p - d - i + s

    def pooled(s, d, i, p):
        sums = np.mean(i + p) - np.mean(s + d), np.mean(d + p) - np.mean(s + i)
        return *sums, effects(s, d, i, p)[2]

    mistakes = {
        "a main effect averages the two cells of a level: halve their sum.": (
            lambda *cells: np.multiply(effects(*cells), (2, 2, 1))
        ),
        "average the means of two cells, not all of their runs at once: a cell with more runs would count for more.": (
            pooled
        ),
        "the interaction is the difference of two differences; it is not halved here.": (
            lambda *cells: np.multiply(effects(*cells), (1, 1, 0.5))
        ),
        "generation is generated less static kernels.": lambda *cells: np.multiply(effects(*cells), (-1, 1, 1)),
        "sharing is one kernel per channel less shared ones.": lambda *cells: np.multiply(effects(*cells), (1, -1, 1)),
        "the interaction is what generation gains per channel less what it gains where 16 share a kernel.": (
            lambda *cells: np.multiply(effects(*cells), (1, 1, -1))
        ),
        "generation and sharing are exchanged.": lambda s, d, i, p: effects(s, i, d, p),
        "take the mean of each cell, not its median.": lambda *cells: effects(*cells, mean=np.median),
    }
    cases = [([0.6, 0.65, 0.61], [0.7, 0.72], [0.58, 0.64, 0.59, 0.57], [0.69, 0.73, 0.77])]
    cases += [([0.5], [0.4], [0.3], [0.9]), ([0.1, 0.2, 0.6], [0.2, 0.3, 0.9], [0.3, 0.3, 0.4], [0.4, 0.5, 0.8])]
    return judge(answer, cases, effects, "a table of four means holds all three.", mistakes)


def check_holm(answer: Any) -> Verdict:
    """Check `my_holm(p_values)`.

    Args:
        answer: function of a list of p-values that returns the list of those adjusted by Holm's method, in the same
            order.
    """

    def my_holm(p_values, *, factor=lambda rank, n: n - rank, running=np.maximum.accumulate, cap=1.0, back=True):
        order, n = np.argsort(p_values, kind="stable"), len(p_values)
        adjusted = np.minimum(running([factor(rank, n) * p_values[i] for rank, i in enumerate(order)]), cap)
        return adjusted[np.argsort(order)] if back else adjusted

    def hochberg(values):
        return np.minimum.accumulate(values[::-1])[::-1]

    mistakes = {
        "only the smallest p-value is multiplied by their number; the next by one less, and so on.": (
            lambda p: my_holm(p, factor=lambda rank, n: n)
        ),
        "along the order of size, no adjusted value may be smaller than the one before it.": (
            lambda p: my_holm(p, running=np.asarray)
        ),
        "a p-value is at most 1.": lambda p: my_holm(p, cap=np.inf),
        "return the adjusted values in the order in which the p-values came.": lambda p: my_holm(p, back=False),
        "the smallest p-value gets the largest factor.": lambda p: my_holm(p, factor=lambda rank, n: rank + 1),
        "this is the method of Benjamini and Hochberg, which bounds the share of false findings.": (
            lambda p: my_holm(p, factor=lambda rank, n: n / (rank + 1), running=hochberg)
        ),
        "this is Hochberg's step-up method, which takes minima from the largest p-value on.": (
            lambda p: my_holm(p, running=hochberg)
        ),
        "these are the p-values as they came.": lambda p: list(p),
    }
    cases = [([0.01, 0.04, 0.03, 0.005],), ([0.9, 0.6],), ([0.02],), ([0.03, 0.001, 0.0131, 0.4, 0.014],)]
    return judge(answer, cases, my_holm, "the smallest of them decides whether the next is asked at all.", mistakes)
