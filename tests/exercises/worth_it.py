"""Answers to the exercises of notebook 07, right ones and wrong ones."""

import math

import numpy as np
from scipy import stats

from exercises import ANSWERS, mistake, right


def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, norm=2, bias=1):
    hidden, taps = channels // reduction_ratio, kernel_size * kernel_size
    made = channels * hidden + norm * hidden + (hidden + bias) * taps * channels // group_channels
    return taps * channels * channels, taps * channels, made


for name, hint, wrong in [
    ("no_norm", "a scale and a shift", lambda *sizes: operator_parameters(*sizes, norm=0)),
    ("groups", "not group_channels", lambda c, k, n, r: operator_parameters(c, k, c // n, r)),
    ("rows", "rows and K columns", lambda c, k, n, r: (k * c * c, k * c, operator_parameters(c, k, n, r)[2])),
    (
        "depthwise",
        "each pair of channels",
        lambda c, k, n, r: (k * k * c, k * k * c, operator_parameters(c, k, n, r)[2]),
    ),
]:
    mistake("operator_parameters", hint, name)(wrong)


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
    ("both", "larger of the two", lambda d, m: (against(d, -m, "greater"), against(d, m, "less"))),
    ("outside", "turn the alternatives", lambda d, m: max(against(d, -m, "less"), against(d, m, "greater"))),
    ("two_sided", "one side alone", lambda d, m: max(against(d, -m), against(d, m))),
    ("population", "n - 1", lambda d, m: by_hand(d, m, ddof=0)),
    ("normal", "Student's t", lambda d, m: by_hand(d, m, cdf=stats.norm.cdf)),
    ("decision", "got a bool", lambda d, m: bool(nearer_end(d, m) < 0.05)),
]:
    mistake("equivalence", hint, name)(wrong)


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
    ("sorted", "in which the p-values came", lambda p: sorted(ANSWERS["holm"](p))),
    ("benjamini_hochberg", "Benjamini and Hochberg", lambda p: step_up(p, lambda above, n: n / (n - above))),
    ("hochberg", "step-up", lambda p: step_up(p, lambda above, n: above + 1)),
]:
    mistake("holm", hint, name)(wrong)
