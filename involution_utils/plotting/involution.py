"""Figures of notebook 02: how an involution makes a kernel and applies it."""

from collections.abc import Mapping

import matplotlib.colors
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from involution_utils.plotting.base import OKABE_ITO, bare, grid_lines, panels, styled

_INKS = "#7a5200", "#8a3a68"  # the groups' colors, dark enough for words
_GROUPS = OKABE_ITO[1], OKABE_ITO[3]
_PIXEL, _WINDOW, _MADE = "#444444", "#d4d4d4", "#8c8c8c"  # no color of a group


@styled
def layer_diagram() -> Figure:
    """Draw how an involution makes the kernels of one pixel and applies them: C = 4, K = 3, G = 2, r = 2."""
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, 24), ylim=(-0.4, 12.3), aspect="equal")
    axis.axis("off")

    def grid(x, y, rows, columns, side, color, edge="#555555"):
        for r, c in np.ndindex(rows, columns):
            corner = (x + c * side, y + (rows - 1 - r) * side)
            axis.add_patch(Rectangle(corner, side, side, fc=color(r, c), ec=edge, lw=0.7))

    def arrow(start, end):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="#333333", lw=1.2))

    def text(x, y, words, size=8.5, color="black"):
        axis.text(x, y, words, ha="center", va="center", fontsize=size, color=color)

    shades = np.random.default_rng(3).uniform(0.25, 1, (2, 3, 3))
    tone = lambda g, r, c: 1 - shades[g, r, c] * (1 - np.array(matplotlib.colors.to_rgb(_GROUPS[g])))  # noqa: E731
    middle = lambda r, c: _PIXEL if (r, c) == (2, 2) else _WINDOW if max(abs(r - 2), abs(c - 2)) < 2 else "white"  # noqa: E731

    for layer in range(3, -1, -1):
        grid(0.3 + 0.25 * layer, 4.6 + 0.25 * layer, 5, 5, 0.7, middle)
    text(2.4, 3.7, "input\n5 × 5, C = 4 channels")
    arrow((2.2, 6.6), (5.6, 10.0))
    text(2.9, 9.6, "the pixel")
    grid(5.8, 9.0, 4, 1, 0.6, lambda r, c: _PIXEL)
    text(6.1, 8.5, "C = 4")
    arrow((6.6, 10.2), (8.7, 10.2))
    text(7.7, 10.7, "reduce $W_0$")
    text(7.7, 9.6, "normalize,\nReLU", 7.5, "#555555")
    grid(8.9, 9.6, 2, 1, 0.6, lambda r, c: _MADE)
    text(9.2, 9.1, "C / r = 2")
    arrow((9.7, 10.2), (11.6, 10.2))
    text(10.7, 10.7, "span $W_1$")
    for group in (0, 1):
        grid(11.9, 10.25 - 0.45 * group, 1, 9, 0.4, lambda r, c, g=group: tone(g, c // 3, c % 3))
        for r, c in np.ndindex(3, 3):
            corner = (17.6 + 3.1 * group + 0.65 * c, 9.2 + 0.65 * (2 - r))
            axis.add_patch(Rectangle(corner, 0.65, 0.65, fc=tone(group, r, c), ec="#555555", lw=0.7))
        text(18.6 + 3.1 * group, 11.6, f"kernel of\ngroup {group}", color=_INKS[group])
    text(13.7, 9.2, "K · K · G = 18 numbers")
    arrow((15.7, 10.2), (17.4, 10.2))
    text(16.5, 10.7, "reshape")
    text(20.1, 8.7, "G = 2 kernels of K × K = 3 × 3")

    text(5.9, 7.85, "the window")
    for channel in range(4):
        group, y = channel // 2, 6.2 - 1.95 * channel
        grid(7.2, y, 3, 3, 0.55, lambda r, c: _PIXEL if (r, c) == (1, 1) else _WINDOW, edge=_GROUPS[group])
        arrow((4.7, 5.8), (5.4, y + 0.8))
        text(6.2, y + 0.8, f"channel {channel}", 7.5)
        text(9.6, y + 0.8, "×", 15)
        grid(10.3, y, 3, 3, 0.55, lambda r, c, g=group: tone(g, r, c))
        arrow((12.3, y + 0.8), (17.0, y + 0.8))
        text(14.6, y + 1.15, "multiply, add up", 7.5)
        axis.add_patch(Rectangle((17.3, y + 0.45), 0.7, 0.7, fc=_MADE, ec=_GROUPS[group], lw=2))
    arrow((18.4, 8.4), (12.2, 7.3))
    text(14.6, 8.3, "for every channel of its group", 7.5)
    for group, y in ((0, 6.3), (1, 2.4)):
        words = f"channels {2 * group} and {2 * group + 1}\nshare group {group}'s kernel"
        text(20.9, y, words, 8, _INKS[group])
    text(17.7, -0.1, "one pixel of the output,\nC = 4 channels")
    return figure


@styled
def kernel_rows(named: Mapping[str, Mapping[str, np.ndarray]], limit: float) -> Figure:
    """Draw kernels in rows below one another, all on one scale around zero.

    Args:
        named: dict from a row's name to a dict from a column's name to a kernel (K, K); the columns are those of the
            first row.
        limit: where the colors end.
    """
    columns = next(iter(named.values()))
    figure, axes = panels(len(named), len(columns), 1.7, 1.6)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name)
    for row, (row_name, kernels) in zip(axes, named.items(), strict=True):
        row[0].set_ylabel(row_name, fontsize=10)
        for axis, color, kernel in zip(row, OKABE_ITO[1:], kernels.values(), strict=False):
            bare(axis)
            drawn = axis.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.spines[:].set(visible=True, color=color, linewidth=3)
            grid_lines(axis, len(kernel))
    figure.colorbar(drawn, ax=axes, label="weight", shrink=0.7, extend="both")
    return figure
