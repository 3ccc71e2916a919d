"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

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
]:
    mistake("operator_parameters", hint, name)(wrong)


# paired_interval
@solution("paired_interval")
def paired_interval(one, other, ddof=1, t=None, n=None):
    differences = [a - b for a, b in zip(one, other, strict=True)]
    t = t or {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}[len(differences)]
    half = t * np.std(differences, ddof=ddof) / math.sqrt(n or len(differences))
    return np.mean(differences) - half, np.mean(differences) + half


def two_samples(one, other):
    t = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}[len(one)]
    half = t * math.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / len(one))
    return np.mean(one) - np.mean(other) - half, np.mean(one) - np.mean(other) + half


WRONG_T = {3: 4.303, 4: 3.182, 5: 2.767, 6: 2.571}
for name, hint, wrong in [
    ("t_for_5", ", got ", lambda a, b: paired_interval(a, b, t=WRONG_T[len(a)])),
    ("unpaired", "run by run", two_samples),
    ("turned", "one - other", lambda a, b: paired_interval(b, a)),
    ("population", "n - 1", lambda a, b: paired_interval(a, b, ddof=0)),
    ("normal", "Student's t", lambda a, b: paired_interval(a, b, t=1.96)),
    ("single", "smaller by a factor of sqrt(n)", lambda a, b: paired_interval(a, b, n=1)),
    ("ends", "swapped", lambda a, b: paired_interval(a, b)[::-1]),
]:
    mistake("paired_interval", hint, name)(wrong)


# conv2d_multiply_adds
@solution("conv2d_multiply_adds")
def conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides):
    places = math.ceil(height / strides) * math.ceil(width / strides)
    return places * kernel_size * kernel_size * channels * filters


for name, hint, wrong in [
    ("no_strides", "are fewer", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, f, k, 1)),
    ("floor", "rounded up", lambda h, w, c, f, k, s: conv2d_multiply_adds(h // s, w // s, c, f, k, 1)),
    ("no_input_channels", "all input channels", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, 1, f, k, s)),
    ("one_filter", "each output channel.", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, 1, k, s)),
    ("one_row", "rows and K columns", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, f, k, s) // k),
    ("flops", "count as one", lambda *sizes: 2 * conv2d_multiply_adds(*sizes)),
    ("weights", "these are the weights", lambda h, w, c, f, k, s: k * k * c * f),
]:
    mistake("conv2d_multiply_adds", hint, name)(wrong)


# effects
@solution("effects")
def effects(static, depthwise, involution, per_channel):
    s, d, i, p = (sum(cell) / len(cell) for cell in (static, depthwise, involution, per_channel))
    return ((i - s) + (p - d)) / 2, ((d - s) + (p - i)) / 2, (p - d) - (i - s)


def of_all_runs(s, d, i, p):
    return np.mean(i + p) - np.mean(s + d), np.mean(d + p) - np.mean(s + i), effects(s, d, i, p)[2]


for name, hint, wrong in [
    ("sums", "halve their sum", lambda *cells: np.multiply(effects(*cells), (2, 2, 1))),
    ("pooled", "count for more", of_all_runs),
    ("half", "not halved here", lambda *cells: np.divide(effects(*cells), (1, 1, 2))),
    ("static_first", "generated less static", lambda *cells: np.multiply(effects(*cells), (-1, 1, 1))),
    ("shared_first", "less shared ones", lambda *cells: np.multiply(effects(*cells), (1, -1, 1))),
    ("turned", "generation's gain per channel", lambda *cells: np.multiply(effects(*cells), (1, 1, -1))),
    ("exchanged", "exchanged", lambda s, d, i, p: effects(s, i, d, p)),
    ("medians", "not its median", lambda *cells: effects(*([np.median(cell)] for cell in cells))),
    ("simple_effects", ", got ", lambda s, d, i, p: (effects(s, s, i, i)[0], effects(s, d, s, d)[1], 0)),
    ("sums_of_runs", ", got ", lambda *cells: effects(*([sum(cell)] for cell in cells))),
    ("all_signs", ", got ", lambda *cells: np.multiply(effects(*cells), -1)),
    ("two", "got shape (2,)", lambda *cells: effects(*cells)[:2]),
    ("names", "got a dict", lambda *cells: dict(zip("gsi", effects(*cells), strict=True))),
    ("best_runs", ", got ", lambda *cells: effects(*([max(cell)] for cell in cells))),
]:
    mistake("effects", hint, name)(wrong)

right("effects", "array")(lambda *cells: np.array(effects(*cells)))


@right("effects")
def least_squares(*cells):
    from numpy.linalg import solve

    design = [[1, g / 2, s / 2, g * s / 4] for g in (-1, 1) for s in (-1, 1)]
    return list(solve(design, [np.mean(cell) for cell in cells])[1:])


# my_holm
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


@right("holm")
def statsmodels_holm(p_values):
    from statsmodels.stats.multitest import multipletests

    return multipletests(p_values, method="holm")[1]


right("holm", "array")(lambda p: np.array(my_holm(p)))
