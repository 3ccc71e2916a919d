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
    ("no_bias", "does have a bias", lambda *sizes: operator_parameters(*sizes, bias=0)),
    ("rows", ", got ", lambda c, k, n, r: (k * c * c, k * c, operator_parameters(c, k, n, r)[2])),
]:
    mistake("operator_parameters", hint, name)(wrong)


@right("equivalence")
def nearer_end(differences, margin):
    """Test against the end of the margin that is nearer to the mean."""
    error = np.std(differences, ddof=1) / math.sqrt(len(differences))
    return stats.t.cdf((abs(np.mean(differences)) - margin) / error, len(differences) - 1)


def against(differences, bound, alternative="two-sided"):
    return stats.ttest_1samp(differences, bound, alternative=alternative).pvalue


for name, hint, wrong in [
    ("smaller", "larger of the two", lambda d, m: min(against(d, -m, "greater"), against(d, m, "less"))),
    ("both", "larger of the two", lambda d, m: (against(d, -m, "greater"), against(d, m, "less"))),
    ("two_sided", "one side alone", lambda d, m: max(against(d, -m), against(d, m))),
    ("outside", "turn the alternatives", lambda d, m: max(against(d, -m, "less"), against(d, m, "greater"))),
    ("decision", "got a bool", lambda d, m: bool(nearer_end(d, m) < 0.05)),
]:
    mistake("equivalence", hint, name)(wrong)


def ranks(p_values):
    return np.argsort(np.argsort(p_values))


for name, hint, wrong in [
    ("bonferroni", "only the smallest", lambda p: [min(1, len(p) * each) for each in p]),
    ("no_maximum", "smaller than the one before", lambda p: np.minimum(1, (len(p) - ranks(p)) * np.array(p))),
    ("benjamini_hochberg", ", got ", stats.false_discovery_control),
    ("ties", ", got ", lambda p: [min(1, max(q * (1 + sum(r > q for r in p)) for q in p if q <= one)) for one in p]),
    ("sorted", "in which the p-values came", lambda p: sorted(ANSWERS["holm"](p))),
]:
    mistake("holm", hint, name)(wrong)
