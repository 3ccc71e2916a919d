"""Intervals and tests where a seed is a block: what is compared is compared within seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import ttest_1samp

from involution_utils import checks

if TYPE_CHECKING:
    import pandas


class Estimate(NamedTuple):
    """An effect: its estimate, the ends of its 95 % interval, two p-values, and the number of its seeds.

    `p` is that of no effect, two-sided; where all seeds have one effect it is 0, or 1 if that effect is 0.
    `p_equivalence` is that of two one-sided tests: where it is below 0.05 the effect is smaller than the margin in
    either direction; None without a margin.
    """

    value: float
    low: float
    high: float
    p: float
    p_equivalence: float | None
    seeds: int


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of at least two `values` and the ends of its 95 % interval, by Student's t."""
    interval = ttest_1samp(np.asarray(values, "float64"), 0).confidence_interval()
    return float(np.mean(values)), float(interval.low), float(interval.high)


def seed_contrast(
    frame: "pandas.DataFrame",
    weights: Mapping[str, float],
    values: str = "test_accuracy",
    margin: float | None = None,
) -> Estimate:
    """Estimate a weighted sum of cells from its values within seeds, by Student's t.

    The runs of one seed share images, order and machine. The sum is taken seed by seed and then averaged, which is
    valid whatever the correlation of the cells. A seed counts if all cells have a run of it.

    Args:
        frame: One row per run, with the columns `name`, `seed` and `values`, as `load_results` returns them.
        weights: From the name of each cell that takes part to its weight: `{"involution": 1, "depthwise": -1}`.
        values: The column to compare.
        margin: Differences smaller than this, in the unit of `values`, are as good as none.

    Returns:
        An `Estimate`.

    Raises:
        ParameterError: If a seed has two runs of a cell, or fewer than two seeds have all cells.
    """
    cells = frame[frame["name"].isin(list(weights))]
    if cells.duplicated(["name", "seed"]).any():
        raise checks.ParameterError("`frame` must have one run per name and seed; choose those of one experiment")
    table = cells.pivot(index="seed", columns="name", values=values).reindex(columns=list(weights)).dropna()
    if len(table) < 2:
        raise checks.error("frame", f"runs of {', '.join(weights)} with at least two seeds in common", len(table))
    effects = table.to_numpy("float64") @ list(weights.values())
    test = ttest_1samp(effects, 0)
    interval, p_equivalence = test.confidence_interval(), None
    if margin is not None:
        from statsmodels.stats.weightstats import DescrStatsW

        p_equivalence = float(DescrStatsW(effects).ttost_mean(-margin, margin)[0])
    ends = float(interval.low), float(interval.high)
    p = float(test.pvalue) if effects.any() else 1.0  # scipy divides 0 by 0
    return Estimate(float(effects.mean()), *ends, p, p_equivalence, len(effects))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method (1979)."""
    from statsmodels.stats.multitest import multipletests

    return multipletests(list(p_values), method="holm")[1].tolist()
