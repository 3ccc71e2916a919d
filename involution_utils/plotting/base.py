"""The house's style, `show`, and the figures that know no topic: grids of images, matrices, heat maps, curves, bars.

Quantities are drawn in cividis, or in blue and red around zero where the sign matters; categories in the Okabe-Ito
colors. Both are told apart with every kind of color vision.
"""

import functools
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.cbook
import matplotlib.ticker
import numpy as np
import PIL.Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.rcsetup import cycler

from involution_utils import checks

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
# What appears on several pages has one color on all of them.
COLORS = {
    "convolution": OKABE_ITO[0],
    "CNN": OKABE_ITO[0],
    "involution": OKABE_ITO[1],
    "generated": OKABE_ITO[1],
    "INN": OKABE_ITO[1],
    "attention": OKABE_ITO[2],
    "static": OKABE_ITO[3],
    "depthwise": OKABE_ITO[4],
    "involution per channel": OKABE_ITO[7],
    "repaired INN": OKABE_ITO[5],
}
STYLE = {
    "axes.prop_cycle": cycler(color=OKABE_ITO),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
}


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """Return a color for each name: that of `COLORS`, or the first that no other name has."""
    colors = {name: COLORS.get(name) for name in names}
    free = iter([color for color in OKABE_ITO if color not in colors.values()] + list(OKABE_ITO) * len(colors))
    return {name: color or next(free) for name, color in colors.items()}


def show(figure: Figure, alt: str) -> Any:
    """Return `figure` as a picture for the page, with a text for readers who cannot see it.

    Args:
        figure: a Matplotlib figure.
        alt: what the picture shows, in a sentence.

    Raises:
        ParameterError: if `alt` says nothing.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise checks.error("alt", "a sentence that says what the figure shows", alt)
    png = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
    from IPython.display import Image  # here, since drawing needs no notebook tools

    return Image(png.getvalue(), format="png", metadata={"alt": alt})


def styled(draw: Callable) -> Callable:
    """Let a function draw on a fresh figure in the house's style."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def panels(rows: int, columns: int, width: float, height: float, **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, an array (rows, columns); a panel measures `width` by `height` inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def bare(axes: Axes) -> None:
    """Take away the ticks and the frame."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def grid_lines(axis: Axes, size: int, color: str = "white") -> None:
    """Draw thin lines between the numbers of a kernel of `size` rows and columns."""
    for edge in np.arange(1, size) - 0.5:
        axis.axhline(edge, color=color, lw=0.5)
        axis.axvline(edge, color=color, lw=0.5)


def color_scale(values: Any, signed: bool = True) -> dict[str, Any]:
    """Color map and limits for `imshow`: outliers beyond the 1st and 99th percentile saturate."""
    low, high = np.percentile(values, [1, 99])
    if not signed:
        return {"cmap": "cividis", "vmin": low, "vmax": high}
    most = max(abs(low), abs(high)) or 1
    return {"cmap": "RdBu_r", "vmin": -most, "vmax": most}


@styled
def image_grid(
    images: np.ndarray,
    titles: Sequence[str],
    columns: int = 5,
    size: float = 1.5,
    frames: Mapping[str, tuple[slice, slice]] | None = None,
) -> Figure:
    """Draw images in a grid, each under its title; an empty grid if there are none.

    Args:
        images: (N, H, W, 3) or (N, H, W), uint8 or floats in [0, 1].
        titles: N strings.
        columns: images per row.
        size: width of a panel in inches.
        frames: dict from a region's name to (rows, columns), two slices: framed in every image, named in the first.
    """
    rows = max(1, -(-len(images) // columns))
    figure, axes = panels(rows, columns, size, size * 1.18)
    for axis in axes.flat:
        bare(axis)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255 if np.asarray(image).dtype == np.uint8 else 1)
        axis.set_title(title)
        for color, (name, (down, across)) in zip(OKABE_ITO[5:7], (frames or {}).items(), strict=False):
            sides = across.stop - across.start, down.stop - down.start
            axis.add_patch(Rectangle((across.start, down.start), *sides, fill=False, lw=2, ec=color))
            if axis is axes.flat[0]:
                box = {"fc": color, "ec": "none", "pad": 1.5}
                axis.text(across.start, down.start, name, ha="left", va="bottom", bbox=box)
    return figure


@styled
def matrices(
    named: Mapping[str, np.ndarray],
    highlight: Mapping[str, tuple[int, int, int, int]] | None = None,
    fmt: str = "{:g}",
    size: float = 2.2,
    signed: bool = False,
    signs: str = "",
    columns: int | None = None,
) -> Figure:
    """Draw small matrices side by side with the number in each cell, on one color scale.

    Args:
        named: dict from title to a 2-D array.
        highlight: dict from title to (row, column, height, width), a block to frame.
        fmt: format of a number.
        size: width of a panel in inches.
        signed: center the colors on zero.
        signs: what stands before each matrix, such as " ×=Σ": a character per matrix.
        columns: matrices per row; None puts all in one.
    """
    arrays = {title: np.asarray(array, float) for title, array in named.items()}
    low, high = min(a.min() for a in arrays.values()), max(a.max() for a in arrays.values())
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    colors = matplotlib.colormaps["RdBu_r" if signed else "cividis"]
    columns = columns or len(arrays)
    figure, axes = panels(-(-len(arrays) // columns), columns, size, size * 1.1)
    figure.get_layout_engine().set(wspace=0.12 if signs.strip() else 0.02)
    for axis, sign, (title, array) in zip(axes.flat, signs.ljust(len(arrays)), arrays.items(), strict=False):
        axis.imshow(array, cmap=colors, vmin=low, vmax=high)
        axis.annotate(sign, (-0.12, 0.5), xycoords="axes fraction", fontsize=18, ha="center", va="center")
        for (row, column), value in np.ndenumerate(array):
            red, green, blue, _ = colors((value - low) / ((high - low) or 1))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            text = fmt.format(value)
            if not text.strip("+-0."):  # "-0.0" would be read as a negative number
                text = fmt.format(0.0)
            axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
        if highlight and title in highlight:
            row, column, height, width = highlight[title]
            frame = Rectangle(
                (column - 0.5, row - 0.5), width, height, fill=False, lw=3, ec=OKABE_ITO[5], clip_on=False
            )
            axis.add_patch(frame)
        axis.set_title(title)
        bare(axis)
    return figure


@styled
def heat_maps(
    named: Mapping[str, np.ndarray],
    size: float = 2.4,
    signed: bool = False,
    label: str = "",
    share: bool = True,
    marks: Mapping[str, tuple[int, int]] | None = None,
) -> Figure:
    """Draw 2-D arrays side by side as heat maps with a color bar, on one scale unless `share` is False.

    Args:
        named: dict from title to a 2-D array.
        size: width of a panel in inches.
        signed: center the colors on zero.
        label: what the colors measure, with its unit.
        share: one scale and one color bar for all.
        marks: dict from title to (row, column), a position to circle.
    """
    figure, axes = panels(1, len(named), size, size)
    groups = [list(named.values())] if share else [[array] for array in named.values()]
    scales = [color_scale(np.concatenate([np.ravel(a) for a in group]), signed) for group in groups]
    for number, (axis, (title, array)) in enumerate(zip(axes.flat, named.items(), strict=True)):
        drawn = axis.imshow(array, **scales[0 if share else number])
        axis.set_title(title)
        bare(axis)
        if marks and title in marks:
            row, column = marks[title]
            axis.plot(column, row, "o", mfc="none", mec=OKABE_ITO[5], mew=2, ms=10, clip_on=False)
        if not share:
            figure.colorbar(drawn, ax=axis, shrink=0.8)
    if share:
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return figure


@styled
def lines(
    x: Sequence[float], named: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, log_x: bool = False
) -> Figure:
    """Draw curves over a common x on a logarithmic y axis.

    Args:
        x: N numbers.
        named: dict from a curve's name to its N values.
        xlabel: label of the x axis.
        ylabel: label of the y axis.
        log_x: whether the x axis is logarithmic, too.
    """
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axis = figure.subplots()
    colors = colors_of(named)
    for marker, (name, values) in zip("osD^v", named.items(), strict=False):
        axis.plot(x, values, marker=marker, color=colors[name], label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    if log_x:
        axis.set_xscale("log")
    axis.set_xticks(list(x), [f"{value:g}" for value in x])
    axis.minorticks_off()
    axis.grid(axis="y", alpha=0.3)
    axis.legend(frameon=False)
    return figure


@styled
def bars(named: Mapping[str, Mapping[str, float]], xlabel: str) -> Figure:
    """Draw one stacked horizontal bar per row, with the size of each part that has room for it, and the sum.

    Args:
        named: dict from a row's name to a dict from a part's name to its size.
        xlabel: what the sizes are, with the unit.
    """
    figure = Figure(figsize=(8, 1 + 0.6 * len(named)), layout="constrained")
    axis = figure.subplots()
    longest = max(sum(parts.values()) for parts in named.values())
    short = matplotlib.ticker.EngFormatter(places=1, sep="")
    names = dict.fromkeys(part for parts in named.values() for part in parts)
    colors = dict(zip(names, OKABE_ITO[:6] * 3, strict=False))
    for row, parts in enumerate(named.values()):
        left = 0.0
        for part, size in parts.items():
            axis.barh(row, size, left=left, color=colors[part], edgecolor="white", height=0.6)
            if size > 0.04 * longest:
                axis.text(left + size / 2, row, short(size), ha="center", va="center", fontsize=8)
            left += size
        axis.text(left + 0.01 * longest, row, short(left), va="center")
    axis.set(yticks=range(len(named)), yticklabels=named, xlabel=xlabel, xlim=(0, 1.1 * longest))
    axis.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
    axis.invert_yaxis()
    handles = [Patch(fc=color, ec="white", label=name) for name, color in colors.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(colors), frameon=False)
    return figure


def photograph(size: int = 160) -> np.ndarray:
    """Return a square portrait, (size, size, 3) uint8: Grace Hopper, in the public domain, shipped with Matplotlib."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        image = PIL.Image.open(file).convert("RGB")
    side = min(image.size)
    return np.asarray(image.crop((0, 0, side, side)).resize((size, size), PIL.Image.Resampling.LANCZOS))
