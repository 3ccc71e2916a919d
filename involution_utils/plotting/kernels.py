"""Figures of kernels and labels that differ from position to position."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from involution_utils import checks
from involution_utils.plotting.base import OKABE_ITO, color_scale, image_grid, listed, panels, styled


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
