"""The checks of notebook 07."""

from typing import Any

import numpy as np
from scipy import stats

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


def check_equivalence(answer: Any) -> Verdict:
    """Check `equivalence(differences, margin)`.

    Args:
        answer: function of a list of differences and a margin that returns the p-value of two one-sided tests by
            Student's t: that the mean difference is above -margin, and that it is below margin.
    """

    def one_sided(differences, margin, ddof=1, distribution=None):
        d, n = np.asarray(differences), len(differences)
        t = np.divide([margin + d.mean(), margin - d.mean()], d.std(ddof=ddof) / np.sqrt(n))
        return (distribution or stats.t(n - 1)).sf(t)

    def equivalence(differences, margin):
        return max(one_sided(differences, margin))

    mistakes = {
        "both tests must succeed, so the larger of the two p-values counts.": (
            lambda d, m: min(one_sided(d, m)),
            lambda d, m: sum(one_sided(d, m)),
            lambda d, m: np.prod(one_sided(d, m)),
            lambda d, m: one_sided(d, m)[0],
            lambda d, m: one_sided(d, m)[1],
            one_sided,
        ),
        "these tests ask whether the difference is below -margin or above margin; turn the alternatives around.": (
            lambda d, m: max(1 - one_sided(d, m)),
            lambda d, m: min(1 - one_sided(d, m)),
        ),
        "these tests are two-sided; each asks about one side alone.": lambda d, m: max(
            2 * np.minimum(one_sided(d, m), 1 - one_sided(d, m))
        ),
        "this tests whether the difference is zero; the margin plays no part in it.": (
            lambda d, m: stats.ttest_1samp(d, 0).pvalue
        ),
        "the standard deviation divides by n; for a sample, by n - 1.": lambda d, m: max(one_sided(d, m, ddof=0)),
        "for so few seeds, take Student's t, not the normal distribution.": lambda d, m: max(
            one_sided(d, m, distribution=stats.norm())
        ),
    }
    cases = [([0.1, -0.2, 0.3], 0.5), ([-0.4, 0.1, -0.3, -0.35, 0.05], 0.5), ([0.9, 0.2, 1.1, 0.7], 0.5)]
    cases += [([0.02, -0.01, 0.03, 0.0, 0.015, -0.005], 0.03)]
    return judge(answer, cases, equivalence, "equality, too, must be shown.", mistakes)


def check_holm(answer: Any) -> Verdict:
    """Check `my_holm(p_values)`.

    Args:
        answer: function of a list of p-values that returns those adjusted by Holm's method, in the same order.
    """

    def products(p):
        return p * (len(p) + 1 - stats.rankdata(p, method="ordinal"))

    def uncapped(p):
        return np.array([max(products(p)[p <= one]) for one in p])

    def my_holm(p_values):
        return np.minimum(1, uncapped(np.array(p_values)))

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
        "return the adjusted values in the order in which the p-values came.": lambda p: np.sort(my_holm(p)),
        "the smallest p-value gets the largest factor.": turned,
        "this is the method of Benjamini and Hochberg.": stats.false_discovery_control,
        "this is Hochberg's step-up method, which takes minima from the largest p-value on.": hochberg,
        "these are the p-values as they came.": list,
    }
    mistakes = {hint: lambda p, wrong=wrong: wrong(np.array(p)) for hint, wrong in mistakes.items()}
    cases = [([0.01, 0.04, 0.03, 0.005],), ([0.9, 0.6],), ([0.02],), ([0.03, 0.001, 0.0131, 0.4, 0.014],)]
    return judge(answer, cases, my_holm, "the smallest of them decides whether the next is asked at all.", mistakes)
