"""Figures of kernels and labels that differ from position to position, and of how a kernel is made."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from involution_utils import checks
from involution_utils.plotting.base import OKABE_ITO, color_scale, image_grid, listed, panels, styled

_GROUPS = OKABE_ITO[1], OKABE_ITO[3]
_INKS = "#7a5200", "#8a3a68"  # the groups' colors, dark enough for words
_PIXEL, _WINDOW, _MADE = "#444444", "#d4d4d4", "#8c8c8c"  # no color of a group
_ALT = (
    "One pixel with four channels is reduced to two hidden numbers and expanded to eighteen, which are reshaped into "
    "two 3 by 3 kernels, one per group. Below, the windows of channels 0 and 1 are multiplied by the first kernel, and "
    "those of channels 2 and 3 by the second. Each sum is one channel of the output pixel."
)


@styled
def kernel_maps(images: np.ndarray, maps: Mapping[str, np.ndarray], share: bool = False) -> Figure:
    """Draw a row of images and below each its maps, one row per quantity, every row on one scale with its color bar.

    Args:
        images: (N, H, W, 3), uint8 or floats in [0, 1].
        maps: dict from what is shown to (N, h, w), such as the sum of the kernel's values at each position.
        share: whether all rows have the scale of the first.
    """
    figure, axes = panels(1 + len(maps), len(images), 0.98, 0.98)
    for axis, image in zip(axes[0], images, strict=True):
        axis.imshow(image)
    axes[0, 0].set_ylabel("input")
    for row, (name, stack) in zip(axes[1:], maps.items(), strict=True):
        scale = color_scale(next(iter(maps.values())) if share else stack, signed=False)
        for axis, one in zip(row, stack, strict=True):
            drawn = axis.imshow(one, **scale)
        row[0].set_ylabel(name)
        figure.colorbar(drawn, ax=row, fraction=0.012, pad=0.005)
    figure.set_label(f"{len(images)} images, and below each its maps, bright where large: {listed(maps)}.")
    return figure


@styled
def kernels_at(
    image: np.ndarray, places: Mapping[str, tuple[float, float]], kernels: np.ndarray, limit: float | None = None
) -> Figure:
    """Draw an image with marked positions, beside it each position's kernel, all on one scale around zero.

    Args:
        image: (H, W, 3), uint8 or floats in [0, 1].
        places: dict from a position's name to (row, column).
        kernels: (H', W', K, K); where smaller than the image (after pooling), positions are scaled along.
        limit: where the colors end; None lets the outermost percentile of the weights saturate.
    """
    shrunk = np.array(kernels.shape[:2]) / image.shape[:2]
    chosen = [kernels[tuple(np.multiply(place, shrunk).astype(int))] for place in places.values()]
    scale = color_scale(chosen) if limit is None else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    figure, (axes,) = panels(1, 1 + len(places), 1.9, 2.1)
    axes[0].imshow(image)
    for axis, color, name, kernel in zip(axes[1:], OKABE_ITO[1:], places, chosen, strict=False):
        for edge, width in (("white", 4), (color, 2)):  # hollow, so that the pixel can be seen
            axes[0].plot(*places[name][::-1], "s", mfc="none", mec=edge, mew=width, ms=9, clip_on=False)
        axis.spines[:].set(visible=True, color=color, linewidth=3)
        drawn = axis.imshow(kernel, **scale)
        axis.set_title(name)
    figure.colorbar(drawn, ax=axes[1:], label="weight", shrink=0.7)
    figure.set_label(f"An image with marked positions, and the kernel of each: {listed(places)}.")
    return figure


@styled
def label_maps(
    named: Mapping[str, Sequence[np.ndarray]],
    class_names: Sequence[str],
    columns: Sequence[str] | None = None,
    size: float = 1.3,
) -> Figure:
    """Draw images and maps of labels, one row per name, with a legend of the classes.

    Args:
        named: dict from a row's name to N images (H, W, 3) or N maps of class numbers (H, W); sizes may differ.
        class_names: at most eight names; class 0, the background, is drawn in pale gray.
        columns: N titles, or None.
        size: width of a panel in inches.

    Raises:
        ParameterError: if there are more class names than colors.
    """
    colors = ("#e8e8e8", *OKABE_ITO[:7])
    if len(class_names) > len(colors):
        raise checks.error("class_names", f"at most {len(colors)} names", len(class_names))
    count = max(map(len, named.values()))
    palette = np.array([to_rgb(color) for color in colors])
    arrays = [array for row in named.values() for array in row]
    pictures = [palette[array] if np.ndim(array) == 2 else array for array in arrays]
    figure = image_grid(pictures, [*(columns or [""] * count), *[""] * (len(arrays) - count)], count, size)
    for axis, name in zip(figure.axes[::count], named, strict=True):
        axis.set_ylabel(name)
    patches = [Patch(color=color, label=name) for color, name in zip(colors, class_names, strict=False)]
    per_row = min(len(patches), max(1, int(count * size)))
    figure.legend(handles=patches, loc="outside lower center", ncols=per_row, frameon=False)
    figure.set_label(f"Images and maps of labels in colors; row by row: {listed(named)}.")
    return figure


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
