"""The checks of notebook 07."""

import operator
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

    def operator_parameters(
        channels, kernel_size, group_channels, reduction_ratio, *, full=(2, 2), depthwise=(2, 1), norm=2, bias=1
    ):
        hidden, convolutions = channels // reduction_ratio, [kernel_size**k * channels**c for k, c in (full, depthwise)]
        span = kernel_size**2 * (channels // group_channels)
        return *convolutions, hidden * (channels + norm) + (hidden + bias) * span

    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": {"norm": 0},
        "no gradient trains the moving mean and variance.": {"norm": 4},
        "the second convolution of the generator does have a bias.": {"bias": 0},
        "there are channels // group_channels groups, not group_channels.": (
            lambda c, k, n, r: operator_parameters(c, k, c // n, r)
        ),
        "a kernel of size K has K rows and K columns.": {"full": (1, 2), "depthwise": (1, 1)},
        "a full convolution has a kernel for each pair of channels, a depthwise one for each channel.": (
            {"full": (2, 1)},
            {"depthwise": (2, 0)},
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

    def equivalence(differences, margin, *, of_both=max, ddof=1, distribution=stats.t):
        mean, error = np.mean(differences), np.std(differences, ddof=ddof) / np.sqrt(len(differences))
        return of_both(distribution(df=len(differences) - 1).sf([(margin + mean) / error, (margin - mean) / error]))

    of_both = min, sum, np.prod, np.asarray, operator.itemgetter(0), operator.itemgetter(1)
    mistakes = {
        "both tests must succeed, so the larger of the two p-values counts.": tuple({"of_both": f} for f in of_both),
        "these tests ask whether the difference is below -margin or above margin; turn the alternatives around.": (
            {"of_both": lambda p: max(1 - p)},
            {"of_both": lambda p: min(1 - p)},
        ),
        "these tests are two-sided; each asks about one side alone.": {
            "of_both": lambda p: max(2 * np.minimum(p, 1 - p))
        },
        "this tests whether the difference is zero; the margin plays no part in it.": (
            lambda d, m: stats.ttest_1samp(d, 0).pvalue
        ),
        "the standard deviation divides by n; for a sample, by n - 1.": {"ddof": 0},
        "for so few seeds, take Student's t, not the normal distribution.": {"distribution": lambda df: stats.norm()},
    }
    cases = [([0.1, -0.2, 0.3], 0.5), ([-0.4, 0.1, -0.3, -0.35, 0.05], 0.5), ([0.9, 0.2, 1.1, 0.7], 0.5)]
    cases += [([0.02, -0.01, 0.03, 0.0, 0.015, -0.005], 0.03)]
    return judge(answer, cases, equivalence, "equality, too, must be shown.", mistakes)


def check_holm(answer: Any) -> Verdict:
    """Check `my_holm(p_values)`.

    Args:
        answer: function of a list of p-values that returns those adjusted by Holm's method, in the same order.
    """

    def my_holm(p_values, *, most=1, factor=lambda p: len(p) + 1 - stats.rankdata(p, method="ordinal"), run=None):
        p = np.array(p_values)
        products = p * factor(p)
        return np.minimum(most, [run(products, p, one) if run else max(products[p <= one]) for one in p])

    mistakes = {
        "only the smallest p-value is multiplied by their number; the next by one less.": {"factor": len},
        "along the order of size, no value may be smaller than the one before it.": {
            "run": lambda products, p, one: products[p == one][0]
        },
        "a p-value is at most 1.": {"most": np.inf},
        "return the adjusted values in the order in which the p-values came.": lambda p: np.sort(my_holm(p)),
        "the smallest p-value gets the largest factor.": {"factor": stats.rankdata},
        "this is the method of Benjamini and Hochberg.": stats.false_discovery_control,
        "this is Hochberg's step-up method, which takes minima from the largest p-value on.": {
            "run": lambda products, p, one: min(products[p >= one])
        },
        "these are the p-values as they came.": list,
    }
    cases = [([0.01, 0.04, 0.03, 0.005],), ([0.9, 0.6],), ([0.02],), ([0.03, 0.001, 0.0131, 0.4, 0.014],)]
    return judge(answer, cases, my_holm, "the smallest of them decides whether the next is asked at all.", mistakes)
