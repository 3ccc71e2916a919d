"""Intervals and tests for a few seeds: Welch's, contrasts of cells, Holm's correction, whether seeds pair."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats


class Estimate(NamedTuple):
    """An effect: its estimate, the ends of its 95 % confidence interval, and the two-sided p-value of no effect."""

    value: float
    low: float
    high: float
    p: float


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of at least two `values` and the ends of its 95 % confidence interval, by Student's t."""
    mean = statistics.mean(values)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return float(mean), float(mean - half), float(mean + half)


def contrast(cells: Mapping[str, Sequence[float]], weights: Mapping[str, float], level: float = 0.95) -> Estimate:
    """Estimate a weighted sum of the cells' means, variances unequal (Welch-Satterthwaite).

    With the weights 1 and -1 it is Welch's test of two cells; a main effect or an interaction has four.

    Args:
        cells: From a cell's name to the results of its runs, at least two.
        weights: From the name of each cell that takes part to its weight.
        level: Of the confidence interval.

    Returns:
        An `Estimate`.
    """
    samples = {name: np.asarray(cells[name], "float64") for name in weights}
    value = sum(weight * samples[name].mean() for name, weight in weights.items())
    parts = [weight**2 * samples[name].var(ddof=1) / len(samples[name]) for name, weight in weights.items()]
    error = math.sqrt(sum(parts))
    if error == 0:
        return Estimate(float(value), float(value), float(value), float(value == 0))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(samples[name]) - 1) for name, part in zip(weights, parts, strict=True)
    )
    half = scipy.stats.t.ppf((1 + level) / 2, freedom) * error
    p = 2 * scipy.stats.t.sf(abs(value) / error, freedom)
    return Estimate(float(value), float(value - half), float(value + half), float(p))


def paired(one: Sequence[float], other: Sequence[float], level: float = 0.95) -> Estimate:
    """Estimate the mean difference of results paired by their seeds, by Student's t.

    It is honest only where the seeds of the two correlate: see `seed_correlation`.
    """
    differences = np.asarray(one, "float64") - np.asarray(other, "float64")
    return contrast({"difference": differences}, {"difference": 1.0}, level)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method (1979)."""
    order = np.argsort(p_values)
    adjusted, running = np.empty(len(p_values)), 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return [float(p) for p in adjusted]


def seed_correlation(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return Pearson's correlation of results with the same seeds and its two-sided p-value."""
    found = scipy.stats.pearsonr(one, other)
    return float(found.statistic), float(found.pvalue)


FACTORIAL = {  # (kernels, sharing) -> the operator's cell
    ("static", "shared"): "static",
    ("static", "per channel"): "depthwise",
    ("generated", "shared"): "involution",
    ("generated", "per channel"): "involution per channel",
}

EFFECTS = {  # effect -> the weights of the cells' means
    "generation": {"static": -0.5, "depthwise": -0.5, "involution": 0.5, "involution per channel": 0.5},
    "sharing": {"static": -0.5, "depthwise": 0.5, "involution": -0.5, "involution per channel": 0.5},
    "interaction": {"static": 1.0, "depthwise": -1.0, "involution": -1.0, "involution per channel": 1.0},
}


def factorial_effects(cells: Mapping[str, Sequence[float]]) -> dict[str, Estimate]:
    """Estimate both main effects and the interaction of the two-by-two factorial.

    Args:
        cells: From the name of each cell in `FACTORIAL` to its test accuracies.

    Returns:
        `"generation"`: generated less static kernels, averaged over sharing; `"sharing"`: one kernel per channel less
        shared ones, averaged over generation; `"interaction"`: by how much generation gains more where each channel
        has its own kernel than where 16 share one.
    """
    return {name: contrast(cells, weights) for name, weights in EFFECTS.items()}
