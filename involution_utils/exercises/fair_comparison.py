"""The checks of notebook 07."""

from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from involution_utils.exercises.judge import Verdict, judge


def check_operator_parameters(answer: Any) -> Verdict:
    """Check `operator_parameters(channels, kernel_size, group_channels, reduction_ratio)`.

    Args:
        answer: function that returns the weights (full convolution, depthwise convolution, involution) of a spatial
            operator without biases on that many channels; the involution's are those of a
            `KernelGenerator(use_bias=False)` with batch normalization.
    """

    def count(c, k, n, r, *, full=lambda c, k: k * k * c * c, depthwise=lambda c, k: k * k * c, norm=2, bias=1):
        hidden = c // r
        return full(c, k), depthwise(c, k), hidden * (c + norm) + (hidden + bias) * k * k * (c // n)

    def operator_parameters(channels, kernel_size, group_channels, reduction_ratio):
        return count(channels, kernel_size, group_channels, reduction_ratio)

    one_row = {"full": lambda c, k: k * c * c, "depthwise": lambda c, k: k * c}
    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the second convolution of the generator does have a bias.": lambda *sizes: count(*sizes, bias=0),
        "there are channels // group_channels groups, not group_channels.": lambda c, k, n, r: count(c, k, c // n, r),
        "a kernel of size K has K rows and K columns.": lambda *sizes: count(*sizes, **one_row),
        "a full convolution has a kernel for each pair of channels, a depthwise one for each channel.": (
            lambda *sizes: count(*sizes, full=lambda c, k: k * k * c),
            lambda *sizes: count(*sizes, depthwise=lambda c, k: k * k),
        ),
    }
    cases = [(16, 3, 16, 4), (32, 5, 16, 4), (64, 7, 8, 2), (256, 3, 16, 4)]
    return judge(answer, cases, operator_parameters, "K*K*C*C, K*K*C, and what makes the kernels.", mistakes)


def student(values, factor=1.0):
    """Return the 95 % Student interval of the mean of a sample, its half width times a factor."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return np.mean(values) + (high - low) / 2 * factor * np.array((-1, 1))


def normal_quantile(values):
    """Return 1.96 as a share of Student's t for a sample."""
    return 1.96 / stats.t.ppf(0.975, len(values) - 1)


def check_paired_interval(answer: Any) -> Verdict:
    """Check `paired_interval(one, other)`.

    Args:
        answer: function of two lists of 3 to 6 accuracies, run by run with the same seed, that returns (low, high),
            the 95 % Student interval of the mean of one - other.
    """

    def paired_interval(one, other):
        return stats.ttest_rel(one, other).confidence_interval(0.95)

    def unpaired(one, other):
        d = np.subtract(one, other)
        return student(d, np.sqrt((np.var(one) + np.var(other)) / np.var(d)))

    def scaled(factor):
        return lambda a, b: student(np.subtract(a, b), factor(a))

    mistakes = {
        "this adds the spreads of both lists; subtract run by run first, then take the spread.": unpaired,
        "the difference is one - other.": lambda a, b: paired_interval(b, a),
        "the standard deviation divides by n; for a sample, by n - 1.": scaled(lambda a: np.sqrt(1 - 1 / len(a))),
        "1.96 holds for many runs; for so few, take Student's t.": scaled(normal_quantile),
        "this is the spread of single differences; that of their mean is smaller by a factor of sqrt(n).": (
            scaled(lambda a: np.sqrt(len(a)))
        ),
        "the two ends are swapped.": lambda a, b: paired_interval(a, b)[::-1],
    }
    cases = [([0.81, 0.83, 0.8], [0.79, 0.82, 0.77]), ([0.6, 0.71, 0.52, 0.66], [0.62, 0.7, 0.55, 0.6])]
    cases += [([0.51, 0.45, 0.52, 0.56, 0.4], [0.5, 0.52, 0.41, 0.46, 0.48])]
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
        return len(range(0, height, strides)) * len(range(0, width, strides)) * kernel_size**2 * channels * filters

    f = conv2d_multiply_adds
    mistakes = {
        "with strides the positions of the output are fewer.": lambda h, w, c, n, k, s: f(h, w, c, n, k, 1),
        "an odd size with a stride of 2 is rounded up.": lambda h, w, c, n, k, s: f(h // s, w // s, c, n, k, 1),
        'this is padding "valid".': lambda h, w, c, n, k, s: f((h - k) // s + 1, (w - k) // s + 1, c, n, k, 1),
        "each output channel looks at all input channels.": lambda h, w, c, n, k, s: f(h, w, 1, n, k, s),
        "there is a kernel for each output channel.": lambda h, w, c, n, k, s: f(h, w, c, 1, k, s),
        "a kernel of size K has K rows and K columns.": lambda h, w, c, n, k, s: f(h, w, c, n, k, s) // k,
        "a multiplication and the addition that follows it count as one.": lambda *sizes: 2 * f(*sizes),
        "these are the weights; each is used at every position of the output.": lambda h, w, c, n, k, s: k * k * c * n,
    }
    cases = [(4, 4, 2, 3, 3, 1), (7, 5, 3, 4, 3, 2), (32, 32, 16, 8, 5, 1), (9, 10, 4, 6, 7, 3)]
    return judge(answer, cases, conv2d_multiply_adds, "positions of the output times weights of the kernels.", mistakes)


def check_effects(answer: Any) -> Verdict:
    """Check `effects(static, depthwise, involution, per_channel)`.

    Args:
        answer: function of four lists of accuracies, the cells of the factorial, perhaps of different lengths, that
            returns the estimates (generation, sharing, interaction).
    """

    def effects(static, depthwise, involution, per_channel):
        s, d, i, p = map(np.mean, (static, depthwise, involution, per_channel))
        return ((i - s) + (p - d)) / 2, ((d - s) + (p - i)) / 2, (p - d) - (i - s)

    def scaled(*factors):
        return lambda *cells: np.multiply(effects(*cells), factors)

    def pooled(s, d, i, p):
        return np.mean(i + p) - np.mean(s + d), np.mean(d + p) - np.mean(s + i), effects(s, d, i, p)[2]

    mistakes = {
        "a main effect averages the two cells of a level: halve their sum.": scaled(2, 2, 1),
        "average the means of two cells, not their runs: a cell with more runs would count for more.": pooled,
        "the interaction is the difference of two differences; it is not halved here.": scaled(1, 1, 0.5),
        "generation is generated less static kernels.": scaled(-1, 1, 1),
        "sharing is one kernel per channel less shared ones.": scaled(1, -1, 1),
        "the interaction is generation's gain per channel less its gain where 16 share a kernel.": scaled(1, 1, -1),
        "generation and sharing are exchanged.": lambda s, d, i, p: effects(s, i, d, p),
        "take the mean of each cell, not its median.": lambda *cells: effects(*map(np.median, cells)),
    }
    cases = [([0.6, 0.65, 0.61], [0.7, 0.72], [0.58, 0.64, 0.59, 0.57], [0.69, 0.73, 0.77])]
    cases += [([0.5], [0.4], [0.3], [0.9]), ([0.1, 0.2, 0.6], [0.2, 0.3, 0.9], [0.3, 0.3, 0.4], [0.4, 0.5, 0.8])]
    return judge(answer, cases, effects, "a table of four means holds all three.", mistakes)


def check_holm(answer: Any) -> Verdict:
    """Check `my_holm(p_values)`.

    Args:
        answer: function of a list of p-values that returns those adjusted by Holm's method, in the same order.
    """

    def my_holm(p_values):
        return multipletests(p_values, method="holm")[1]

    def products(p):
        return p * (len(p) + 1 - stats.rankdata(p, method="ordinal"))

    def uncapped(p):
        return [max(products(p)[p <= one]) for one in p]

    def turned(p):
        return np.minimum(1, [max((p * stats.rankdata(p))[p <= one]) for one in p])

    def hochberg(p):
        return np.minimum(1, [min(products(p)[p >= one]) for one in p])

    mistakes = {
        "only the smallest p-value is multiplied by their number; the next by one less.": lambda p: np.minimum(
            1, len(p) * p
        ),
        "along the order of size, no value may be smaller than the one before it.": lambda p: np.minimum(
            1, products(p)
        ),
        "a p-value is at most 1.": uncapped,
        "return the adjusted values in the order in which the p-values came.": lambda p: np.minimum(
            1, np.sort(uncapped(p))
        ),
        "the smallest p-value gets the largest factor.": turned,
        "this is the method of Benjamini and Hochberg.": stats.false_discovery_control,
        "this is Hochberg's step-up method, which takes minima from the largest p-value on.": hochberg,
        "these are the p-values as they came.": list,
    }
    mistakes = {hint: lambda p, wrong=wrong: wrong(np.array(p)) for hint, wrong in mistakes.items()}
    cases = [([0.01, 0.04, 0.03, 0.005],), ([0.9, 0.6],), ([0.02],), ([0.03, 0.001, 0.0131, 0.4, 0.014],)]
    return judge(answer, cases, my_holm, "the smallest of them decides whether the next is asked at all.", mistakes)
