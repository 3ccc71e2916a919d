"""Figures of notebook 02: how an involution makes a kernel and applies it."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from involution_utils.plotting.base import OKABE_ITO, styled


@styled
def layer_diagram():
    """Draw how an involution makes the kernel of one pixel and applies it."""
    figure = Figure(figsize=(9.2, 4.1), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, 23), ylim=(-0.6, 10.2), aspect="equal")
    axis.axis("off")

    def grid(x, y, rows, columns, side, colors, depth=0):
        for shift in range(depth, -1, -1):
            for r, c in np.ndindex(rows, columns):
                place = (x + c * side + 0.22 * shift, y + (rows - 1 - r) * side + 0.22 * shift)
                axis.add_patch(Rectangle(place, side, side, fc=colors(r, c), ec="#555555", lw=0.6))

    def arrow(start, end, text="", above=0.35):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="#333333", lw=1.2))
        axis.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + above, text, ha="center", fontsize=8.5)

    blue, light, orange, green = OKABE_ITO[0], "#cfe6f5", OKABE_ITO[1], OKABE_ITO[2]
    shades = np.random.default_rng(3).uniform(0.25, 1, (3, 3))
    kernel_color = lambda r, c: 1 - shades[r, c] * (1 - np.array(matplotlib.colors.to_rgb(orange)))  # noqa: E731
    window = lambda r, c: blue if (r, c) == (2, 2) else light if abs(r - 2) < 2 and abs(c - 2) < 2 else "white"  # noqa: E731
    grid(0.3, 1.6, 5, 5, 0.8, window, depth=3)
    axis.text(2.5, 0.9, "input\nH × W × C", ha="center", va="top")
    arrow((2.6, 4.1), (6.0, 8.6))
    axis.text(3.0, 6.9, "the pixel", ha="center", fontsize=8.5)
    grid(6.1, 7.2, 4, 1, 0.6, lambda r, c: blue)
    axis.text(6.4, 6.9, "C", ha="center", va="top")
    arrow((6.9, 8.4), (9.3, 8.4), "reduce $W_0$")
    axis.text(8.1, 7.7, "normalize,\nReLU", ha="center", va="top", fontsize=7.5, color="#555555")
    grid(9.4, 7.8, 2, 1, 0.6, lambda r, c: green)
    axis.text(9.7, 7.5, "C / r", ha="center", va="top")
    arrow((10.2, 8.4), (12.6, 8.4), "expand $W_1$")
    grid(12.8, 8.1, 1, 9, 0.34, lambda r, c: kernel_color(c // 3, c % 3))
    axis.text(14.3, 7.8, "K · K · G", ha="center", va="top")
    arrow((16.0, 8.3), (18.0, 8.3), "reshape")
    grid(18.3, 7.2, 3, 3, 0.75, kernel_color, depth=1)
    axis.text(19.5, 6.95, "one K × K kernel per group", ha="center", va="top")
    arrow((5.4, 3.3), (8.5, 3.3), "the window")
    grid(8.8, 2.0, 3, 3, 0.85, lambda r, c: blue if (r, c) == (1, 1) else light, depth=3)
    axis.text(10.3, 1.3, "K × K × C", ha="center", va="top")
    axis.text(13.1, 3.3, "×", fontsize=20, ha="center", va="center")
    grid(14.3, 2.1, 3, 3, 0.75, kernel_color, depth=1)
    axis.text(15.6, 1.3, "shared by the channels\nof a group", ha="center", va="top")
    arrow((19.5, 6.1), (16.2, 4.8))
    arrow((17.2, 3.3), (20.2, 3.3), "multiply, add up")
    grid(20.7, 2.1, 4, 1, 0.6, lambda r, c: blue)
    axis.text(21.0, 1.3, "one output pixel\nC channels", ha="center", va="top")
    return figure
