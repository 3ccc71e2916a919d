"""Figures of notebook 01: what single kernels can and cannot do, and how far a stack of them sees."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from involution_utils.plotting.base import OKABE_ITO, bare, panels, styled


@styled
def misses(
    front: np.ndarray,
    named: Mapping[str, tuple[float, float]],
    labels: tuple[str, str],
    marked: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw two errors against each other: a curve of the best that can be had, and single points beside it.

    Args:
        front: (N, 2), the errors along the curve.
        named: dict from a point's name to its two errors.
        labels: the names of the two errors, with the unit.
        marked: dict from a name to the two errors of a point on the curve, written beside it.
    """
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.fill_between(*zip(*front, strict=True), color=OKABE_ITO[4], alpha=0.25, lw=0, label="out of reach")
    axis.plot(*zip(*front, strict=True), color=OKABE_ITO[0], label="best of all kernels")
    axis.plot(0, 0, "*", color=OKABE_ITO[5], ms=16, clip_on=False, label="what we want")
    for marker, color, (name, point) in zip("osD^", OKABE_ITO[1:], named.items(), strict=False):
        axis.plot(*point, marker, color=color, ms=8, clip_on=False, label=name)
    for name, (one, other) in (marked or {}).items():
        axis.plot(one, other, "o", color="white", mec=OKABE_ITO[0], mew=2, ms=7)
        words = f"{name}:\n{one:.1f} and {other:.1f}"
        axis.annotate(words, (one, other), (-9, -7), textcoords="offset points", ha="right", va="top")
    axis.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, None), ylim=(0, None))
    axis.legend(frameon=False)
    return figure


@styled
def receptive_fields(named: Mapping[str, np.ndarray], size: float = 1.9) -> Figure:
    """Draw how much each pixel counts, side by side, with a frame around all pixels that count at all.

    Args:
        named: dict from title to (H, W), numbers in [0, 1], not all zero.
        size: width of a panel in inches.
    """
    figure, (axes,) = panels(1, len(named), size, size * 1.18)
    for axis, (title, weights) in zip(axes, named.items(), strict=True):
        bare(axis)
        axis.imshow(weights, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title)
        counted = np.argwhere(weights > 0)
        (top, left), (bottom, right) = counted.min(axis=0), counted.max(axis=0)
        sides = right - left + 1, bottom - top + 1
        axis.add_patch(Rectangle((left - 0.5, top - 0.5), *sides, fill=False, lw=1.5, ec=OKABE_ITO[1]))
    return figure
