"""Answers to the exercises of notebook 07, right ones and wrong ones."""

import math

import numpy as np
from scipy import stats

from exercises import mistake, right, solution


# operator_parameters
@solution("operator_parameters")
def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, norm=2, bias=1):
    hidden, taps = channels // reduction_ratio, kernel_size * kernel_size
    made = channels * hidden + norm * hidden + (hidden + bias) * taps * channels // group_channels
    return taps * channels * channels, taps * channels, made


for name, hint, wrong in [
    ("no_norm", "a scale and a shift", lambda *sizes: operator_parameters(*sizes, norm=0)),
    ("moving", "moving mean", lambda *sizes: operator_parameters(*sizes, norm=4)),
    ("no_bias", "does have a bias", lambda *sizes: operator_parameters(*sizes, bias=0)),
    ("groups", "not group_channels", lambda c, k, n, r: operator_parameters(c, k, c // n, r)),
    ("rows", "rows and K columns", lambda c, k, n, r: (k * c * c, k * c, operator_parameters(c, k, n, r)[2])),
    (
        "depthwise",
        "each pair of channels",
        lambda c, k, n, r: (k * k * c, k * k * c, operator_parameters(c, k, n, r)[2]),
    ),
    ("order", ", got ", lambda *sizes: operator_parameters(*sizes)[::-1]),
]:
    mistake("operator_parameters", hint, name)(wrong)


# equivalence
@solution("equivalence")
def equivalence(differences, margin):
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return max(above, below)


@right("equivalence")
def nearer_end(differences, margin):
    """Test against the end of the margin that is nearer to the mean."""
    error = np.std(differences, ddof=1) / math.sqrt(len(differences))
    return stats.t.cdf((abs(np.mean(differences)) - margin) / error, len(differences) - 1)


def by_hand(differences, margin, ddof=1, cdf=None):
    error = np.std(differences, ddof=ddof) / math.sqrt(len(differences))
    cdf = cdf or stats.t(len(differences) - 1).cdf
    return cdf((abs(np.mean(differences)) - margin) / error)


def against(differences, bound, alternative="two-sided"):
    return stats.ttest_1samp(differences, bound, alternative=alternative).pvalue


for name, hint, wrong in [
    ("smaller", "larger of the two", lambda d, m: min(against(d, -m, "greater"), against(d, m, "less"))),
    ("above", "larger of the two", lambda d, m: against(d, -m, "greater")),
    ("below", "larger of the two", lambda d, m: against(d, m, "less")),
    ("both", "larger of the two", lambda d, m: (against(d, -m, "greater"), against(d, m, "less"))),
    ("outside", "turn the alternatives", lambda d, m: max(against(d, -m, "less"), against(d, m, "greater"))),
    ("two_sided", "one side alone", lambda d, m: max(against(d, -m), against(d, m))),
    ("zero", "plays no part", lambda d, m: against(d, 0)),
    ("population", "n - 1", lambda d, m: by_hand(d, m, ddof=0)),
    ("normal", "Student's t", lambda d, m: by_hand(d, m, cdf=stats.norm.cdf)),
    ("decision", "got a bool", lambda d, m: bool(equivalence(d, m) < 0.05)),
    ("half_margin", ", got ", lambda d, m: equivalence(d, m / 2)),
    ("no_root", ", got ", lambda d, m: stats.t.cdf((abs(np.mean(d)) - m) / np.std(d, ddof=1), len(d) - 1)),
    ("degrees", ", got ", lambda d, m: by_hand(d, m, cdf=stats.t(len(d)).cdf)),
    ("signed", ", got ", lambda d, m: equivalence(np.abs(d), m)),
    ("half", ", got ", lambda d, m: equivalence(d, m) / 2),
    ("complement", "turn the alternatives", lambda d, m: 1 - equivalence(d, m)),
]:
    mistake("equivalence", hint, name)(wrong)


# holm
@solution("holm")
def my_holm(p_values):
    adjusted, before = [0] * len(p_values), 0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        before = max(before, min(1, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = before
    return adjusted


def step_up(p_values, factor):
    order = sorted(range(len(p_values)), key=lambda i: -p_values[i])
    adjusted, before = [0] * len(p_values), 1
    for above, index in enumerate(order):
        before = min(before, factor(above, len(p_values)) * p_values[index])
        adjusted[index] = before
    return adjusted


def ranks(p_values):
    return np.argsort(np.argsort(p_values))


for name, hint, wrong in [
    ("bonferroni", "only the smallest", lambda p: [min(1, len(p) * each) for each in p]),
    ("no_maximum", "smaller than the one before", lambda p: np.minimum(1, (len(p) - ranks(p)) * np.array(p))),
    ("no_cap", "at most 1", lambda p: np.maximum.accumulate(np.arange(len(p), 0, -1) * np.sort(p))[ranks(p)]),
    ("sorted", "in which the p-values came", lambda p: sorted(my_holm(p))),
    (
        "factors_turned",
        "the largest factor",
        lambda p: np.minimum(1, np.arange(1, len(p) + 1) * np.sort(p))[ranks(p)],
    ),
    ("benjamini_hochberg", "Benjamini and Hochberg", lambda p: step_up(p, lambda above, n: n / (n - above))),
    ("hochberg", "step-up", lambda p: step_up(p, lambda above, n: above + 1)),
    ("unchanged", "as they came", lambda p: list(p)),
    ("sidak", ", got ", lambda p: [1 - (1 - each) ** len(p) for each in p]),
    ("divided", ", got ", lambda p: np.array(p) / (len(p) - ranks(p))),
    ("decisions", "got a list", lambda p: [each < 0.05 for each in my_holm(p)]),
    ("one_less", ", got ", lambda p: [min(1, (len(p) - 1) * each) for each in p]),
    ("smallest_alone", "got a single number", lambda p: len(p) * min(p)),
]:
    mistake("holm", hint, name)(wrong)


right("holm", "array")(lambda p: np.array(my_holm(p)))
