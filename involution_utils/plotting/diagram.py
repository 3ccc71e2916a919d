"""The diagram of an involution in notebook 02."""

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from involution_utils.plotting.base import OKABE_ITO, styled

_GROUPS = OKABE_ITO[1], OKABE_ITO[3]
_INKS = "#7a5200", "#8a3a68"  # the groups' colors, dark enough for words
_PIXEL, _WINDOW, _MADE = "#444444", "#d4d4d4", "#8c8c8c"  # no color of a group
_ALT = (
    "One pixel with four channels is reduced to two hidden numbers and spanned to eighteen, which are reshaped to two "
    "3 by 3 kernels, one per group. Below, the windows of channels 0 and 1 are multiplied by the first kernel, and "
    "those of channels 2 and 3 by the second. Each sum is one channel of the output pixel."
)


@styled
def layer_diagram() -> Figure:
    """Draw how an involution makes the kernels of one pixel and applies them: C = 4, K = 3, G = 2, r = 2."""
    figure = Figure(figsize=(9.6, 5.0), layout="constrained", label=_ALT)
    axis = figure.subplots()
    axis.set(xlim=(0, 24), ylim=(-0.4, 12.3), aspect="equal")
    axis.axis("off")

    def grid(x, y, colors, side, edge="#555555", width=0.7):
        for (row, column), color in np.ndenumerate(np.atleast_2d(colors)):
            corner = x + column * side, y + (len(colors) - 1 - row) * side
            axis.add_patch(Rectangle(corner, side, side, fc=str(color), ec=edge, lw=width))

    def arrow(start, end):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="#333333", lw=1.2))

    def text(x, y, words, size=8.5, color="black"):
        axis.text(x, y, words, ha="center", va="center", fontsize=size, color=color)

    image = np.full((5, 5), "#ffffff")
    image[1:4, 1:4] = _WINDOW
    image[2, 2] = _PIXEL
    for layer in range(3, -1, -1):
        grid(0.3 + 0.25 * layer, 4.6 + 0.25 * layer, image, 0.7)
    text(2.4, 3.7, "input\n5 × 5, C = 4 channels")
    arrow((2.2, 6.6), (5.6, 10.0))
    text(2.9, 9.6, "the pixel")
    grid(5.8, 9.0, [[_PIXEL]] * 4, 0.6)
    text(6.1, 8.5, "C = 4")
    arrow((6.6, 10.2), (8.7, 10.2))
    text(7.7, 10.7, "reduce $W_0$")
    text(7.7, 9.6, "normalize,\nReLU", 7.5, "#555555")
    grid(8.9, 9.6, [[_MADE]] * 2, 0.6)
    text(9.2, 9.1, "C / r = 2")
    arrow((9.7, 10.2), (11.6, 10.2))
    text(10.7, 10.7, "span $W_1$")
    text(13.7, 9.2, "K · K · G = 18 numbers")
    arrow((15.7, 10.2), (17.4, 10.2))
    text(16.5, 10.7, "reshape")
    text(20.1, 8.7, "G = 2 kernels of K × K = 3 × 3")
    text(5.9, 7.85, "the window")
    text(17.7, -0.1, "one pixel of the output,\nC = 4 channels")

    shades = np.random.default_rng(3).uniform(0.25, 1, (2, 9, 1))
    for group, (edge, ink) in enumerate(zip(_GROUPS, _INKS, strict=True)):
        kernel = np.array([[to_hex(tone) for tone in 1 - shades[group] * (1 - np.array(to_rgb(edge)))]])
        grid(11.9, 10.25 - 0.45 * group, kernel, 0.4)
        grid(17.6 + 3.1 * group, 9.2, kernel.reshape(3, 3), 0.65)
        text(18.6 + 3.1 * group, 11.6, f"kernel of\ngroup {group}", color=ink)
        text(20.9, 6.3 - 3.9 * group, f"channels {2 * group} and {2 * group + 1}\nshare group {group}'s kernel", 8, ink)
        for channel in (2 * group, 2 * group + 1):
            y = 6.2 - 1.95 * channel
            arrow((4.7, 5.8), (5.4, y + 0.8))
            text(6.2, y + 0.8, f"channel {channel}", 7.5)
            grid(7.2, y, image[1:4, 1:4], 0.55, edge)
            text(9.6, y + 0.8, "×", 15)
            grid(10.3, y, kernel.reshape(3, 3), 0.55)
            arrow((12.3, y + 0.8), (17.0, y + 0.8))
            text(14.6, y + 1.15, "multiply, add up", 7.5)
            grid(17.3, y + 0.45, [[_MADE]], 0.7, edge, 2)
    return figure
