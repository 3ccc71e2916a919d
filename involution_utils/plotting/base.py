"""The series' style, `show`, and grids of images and of numbers.

Quantities are drawn in cividis, or in blue and red around zero where the sign matters; categories in the Okabe-Ito
colors. Both are told apart with every kind of color vision.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.cbook
import numpy as np
import PIL.Image
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
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
    "image.interpolation": "nearest",
}
styled = matplotlib.rc_context(STYLE)  # as a decorator: what the function draws has the series' style


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """Return a color for each name: that of `COLORS`, or the first that no other name has.

    Args:
        names: names of networks, operators or other categories.

    Returns:
        A dict from name to color, such as seaborn takes as `palette`.
    """
    colors = {name: COLORS.get(name) for name in names}
    free = iter([color for color in OKABE_ITO if color not in colors.values()] + list(OKABE_ITO) * len(colors))
    return {name: color or next(free) for name, color in colors.items()}


def show(figure: Figure, alt: str | None = None) -> Any:
    """Return `figure` as a picture for the page, with a text for readers who cannot see it.

    Args:
        figure: a Matplotlib figure, this package's or another.
        alt: what the picture shows, in a sentence; None takes the text that the figure carries as its label.

    Returns:
        An `IPython.display.Image`.

    Raises:
        ParameterError: if there is no text.
    """
    alt = figure.get_label() if alt is None else alt
    if not isinstance(alt, str) or not alt.strip():
        raise checks.error("alt", "a sentence that says what the figure shows", alt)
    import matplotlib.pyplot  # both here, since drawing needs no notebook
    from IPython.display import Image

    png = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    matplotlib.pyplot.close(figure)  # or the notebook would show seaborn's and pandas' figures a second time
    return Image(png.getvalue(), format="png", metadata={"alt": alt})


def panels(
    rows: int, columns: int, width: float, height: float, bare: bool = True, **kwargs: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, (rows, columns), of `width` by `height` inches; `bare` ones have no ticks."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for axis in axes.flat if bare else ():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure, axes


def color_scale(values: Any, signed: bool = True) -> dict[str, Any]:
    """Color map and limits for `imshow`: outliers beyond the 1st and 99th percentile saturate."""
    low, high = np.percentile(values, [1, 99])
    if signed:
        high = max(abs(low), abs(high)) or 1
        return {"cmap": "RdBu_r", "vmin": -high, "vmax": high}
    return {"cmap": "cividis", "vmin": low, "vmax": high}


def listed(names: Iterable[Any]) -> str:
    """Join titles to a list for an alt text, a line each becoming a part."""
    return "; ".join(", ".join(str(name).splitlines()) for name in names)


@styled
def image_grid(
    images: Sequence[np.ndarray],
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
    figure, axes = panels(max(1, -(-len(images) // columns)), columns, size, size * 1.18)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255 if np.asarray(image).dtype == np.uint8 else 1)
        axis.set_title(title)
        for color, (name, (down, across)) in zip(OKABE_ITO[5:7], (frames or {}).items(), strict=False):
            sides = across.stop - across.start, down.stop - down.start
            axis.add_patch(Rectangle((across.start, down.start), *sides, fill=False, lw=2, ec=color))
            if axis is axes.flat[0]:
                axis.text(across.start, down.start, name, va="bottom", bbox={"fc": color, "ec": "none", "pad": 1.5})
    figure.set_label(f"{len(images)} images: {listed(titles)}.")
    return figure


@styled
def matrices(
    named: Mapping[str, np.ndarray],
    fmt: str = "{:g}",
    size: float = 2.2,
    signed: bool = False,
    signs: str = "",
    columns: int | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw small matrices side by side with the number in each cell, on one color scale.

    Args:
        named: dict from title to a 2-D array.
        fmt: format of a number; "" leaves the numbers out and draws a color bar.
        size: width of a panel in inches.
        signed: center the colors on zero.
        signs: what stands before each matrix, such as " ×=Σ": a character per matrix.
        columns: matrices per row; None puts all in one.
        limit: where the colors end; None ends them at the largest value.
    """
    columns = columns or len(named)
    values = np.concatenate([np.ravel(array) for array in named.values()])
    high = limit or (np.abs(values).max() if signed else values.max())
    shade = ScalarMappable(Normalize(-high if signed else values.min(), high), "RdBu_r" if signed else "cividis")
    figure, axes = panels(-(-len(named) // columns), columns, size, size * 1.1)
    figure.get_layout_engine().set(wspace=0.12 if signs.strip() else 0.02)
    for axis, sign, (title, array) in zip(axes.flat, signs.ljust(len(named)), named.items(), strict=False):
        axis.imshow(array, cmap=shade.cmap, norm=shade.norm)
        axis.annotate(sign, (-0.12, 0.5), xycoords="axes fraction", fontsize=18, ha="center", va="center")
        for (row, column), value in np.ndenumerate(array):
            dark = np.dot(shade.to_rgba(value)[:3], (0.3, 0.6, 0.1)) < 0.5
            text = fmt.format(value)
            if not text.strip("+-0."):  # "-0.0" would be read as a negative number
                text = fmt.format(0.0)
            axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
        axis.set_title(title)
    if not fmt:
        figure.colorbar(shade, ax=axes, shrink=0.7, extend="both" if limit else "neither")
    figure.set_label(f"Matrices{' with the number in each cell' if fmt else ''}: {listed(named)}.")
    return figure


def photograph(size: int = 160) -> np.ndarray:
    """Return a portrait of Grace Hopper, in the public domain, as Matplotlib ships it.

    Args:
        size: side in pixels.

    Returns:
        (size, size, 3), uint8.
    """
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        image = PIL.Image.open(file).convert("RGB")
    return np.asarray(image.resize((size, size), PIL.Image.Resampling.LANCZOS, box=(0, 0, 512, 512)))
