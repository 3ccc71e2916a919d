"""Figures of notebook 01: what single kernels can and cannot do."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from involution_utils.plotting.base import OKABE_ITO, styled


@styled
def misses(front: np.ndarray, named: Mapping[str, tuple[float, float]], labels: tuple[str, str]) -> Figure:
    """Draw two errors against each other: a curve of the best that can be had, and single points beside it.

    Args:
        front: (N, 2), the errors along the curve.
        named: dict from a point's name to its two errors.
        labels: the names of the two errors, with the unit.
    """
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.fill_between(*zip(*front, strict=True), color=OKABE_ITO[4], alpha=0.25, lw=0, label="out of reach")
    axis.plot(*zip(*front, strict=True), color=OKABE_ITO[0], label="best of all kernels")
    axis.plot(0, 0, "*", color=OKABE_ITO[5], ms=16, clip_on=False, label="what we want")
    for marker, color, (name, point) in zip("osD^", OKABE_ITO[1:], named.items(), strict=False):
        axis.plot(*point, marker, color=color, ms=8, clip_on=False, label=name)
    axis.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, None), ylim=(0, None))
    axis.legend(frameon=False)
    return figure
