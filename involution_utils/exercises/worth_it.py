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

    def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, *, norm=2, bias=1):
        taps, hidden = kernel_size**2, channels // reduction_ratio
        involution = hidden * (channels + norm) + (hidden + bias) * taps * (channels // group_channels)
        return taps * channels**2, taps * channels, involution

    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": {"norm": 0},
        "the second convolution of the generator does have a bias.": {"bias": 0},
        "there are channels // group_channels groups, not group_channels.": (
            lambda c, k, n, r: operator_parameters(c, k, c // n, r)
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

    def equivalence(differences, margin, *, of_both=max):
        mean, error = np.mean(differences), stats.sem(differences)
        return of_both(stats.t.sf([(margin + mean) / error, (margin - mean) / error], len(differences) - 1))

    of_both = min, sum, np.prod, np.asarray, operator.itemgetter(0), operator.itemgetter(1)
    mistakes = {
        "both tests must succeed, so the larger of the two p-values counts.": tuple({"of_both": f} for f in of_both),
        "these tests ask whether the difference is below -margin or above margin; turn the alternatives around.": (
            {"of_both": lambda p: max(1 - p)}
        ),
        "these tests are two-sided; each asks about one side alone.": {
            "of_both": lambda p: max(2 * np.minimum(p, 1 - p))
        },
    }
    cases = [([0.1, -0.2, 0.3], 0.5), ([-0.4, 0.1, -0.3, -0.35, 0.05], 0.5), ([0.9, 0.2, 1.1, 0.7], 0.5)]
    cases += [([0.02, -0.01, 0.03, 0.0, 0.015, -0.005], 0.03)]
    return judge(answer, cases, equivalence, "equality, too, must be shown.", mistakes)


def check_holm(answer: Any) -> Verdict:
    """Check `my_holm(p_values)`.

    Args:
        answer: function of a list of p-values that returns those adjusted by Holm's method, in the same order.
    """

    def my_holm(
        p_values, *, most=1, factor=lambda p: len(p) + 1 - stats.rankdata(p, method="ordinal"), among=np.less_equal
    ):
        p = np.array(p_values)
        products = p * factor(p)
        return np.minimum(most, [max(products[among(p, one)]) for one in p])

    mistakes = {
        "only the smallest p-value is multiplied by their number; the next by one less.": {"factor": len},
        "along the order of size, no value may be smaller than the one before it.": lambda p: np.minimum(
            1, np.array(p) * (len(p) + 1 - stats.rankdata(p, method="ordinal"))
        ),
        "a p-value is at most 1.": {"most": np.inf},
        "return the adjusted values in the order in which the p-values came.": lambda p: np.sort(my_holm(p)),
    }
    cases = [([0.01, 0.04, 0.03, 0.005],), ([0.9, 0.6],), ([0.02],), ([0.03, 0.001, 0.0131, 0.4, 0.014],)]
    cases += [([0.02, 0.3, 0.02],)]
    return judge(answer, cases, my_holm, "the smallest of them decides whether the next is asked at all.", mistakes)
