"""Figures of the kernels that a layer makes: maps of them, and kernels at chosen positions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from involution_utils.plotting.base import OKABE_ITO, bare, color_scale, panels, styled

INTACT = {"--": ", as it is", "-": ", normalization anew"}


@styled
def kernel_maps(images: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """Draw a row of images and below each its maps, one row per quantity, every row on one scale with its color bar.

    Args:
        images: (N, H, W, 3), uint8 or floats in [0, 1].
        maps: dict from what is shown to (N, h, w), such as the sum of the kernel's values at each position.
    """
    figure, axes = panels(1 + len(maps), len(images), 0.98, 0.98)
    for axis in axes.flat:
        bare(axis)
    for axis, image in zip(axes[0], images, strict=True):
        axis.imshow(image)
    axes[0, 0].set_ylabel("input")
    for row, (name, stack) in zip(axes[1:], maps.items(), strict=True):
        scale = color_scale(stack, signed=False)
        for axis, one in zip(row, stack, strict=True):
            drawn = axis.imshow(one, **scale)
        row[0].set_ylabel(name)
        figure.colorbar(drawn, ax=row, fraction=0.012, pad=0.005)
    return figure


@styled
def kernels_at(
    image: np.ndarray,
    places: Mapping[str, tuple[int, int]],
    kernels: np.ndarray,
    result: np.ndarray | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw an image with marked positions, beside it each position's kernel, all on one scale around zero.

    Args:
        image: (H, W, 3), uint8 or floats in [0, 1].
        places: dict from a position's name to (row, column).
        kernels: (H', W', K, K); where smaller than the image (after pooling), positions are scaled along.
        result: an image to draw last, such as what the kernels make of the first.
        limit: where the colors end; None lets the outermost percentile of the weights saturate.
    """
    rows, columns = np.array(kernels.shape[:2]) / image.shape[:2]
    chosen = [kernels[int(row * rows), int(column * columns)] for row, column in places.values()]
    figure, (axes,) = panels(1, 1 + len(places) + (result is not None), 1.9, 2.1)
    axes[0].imshow(image)
    if result is not None:
        axes[-1].imshow(result)
        axes[-1].set_title("result")
    for axis in axes:
        bare(axis)
    for axis, color, (name, (row, column)), kernel in zip(
        axes[1:], OKABE_ITO[1:], places.items(), chosen, strict=False
    ):
        for edge, width in (("white", 4), (color, 2)):  # hollow, so that the pixel can be seen
            axes[0].plot(column, row, "s", mfc="none", mec=edge, mew=width, ms=9)
        drawn = axis.imshow(kernel, **(color_scale(chosen) | ({"vmin": -limit, "vmax": limit} if limit else {})))
        axis.set_title(name)
        for edge in np.arange(1, len(kernel)) - 0.5:
            axis.axhline(edge, color="white", lw=0.5)
            axis.axvline(edge, color="white", lw=0.5)
        axis.spines[:].set(visible=True, color=color, linewidth=3)
    figure.colorbar(
        drawn, ax=axes[1 : 1 + len(places)], label="weight", shrink=0.7, extend="both" if limit else "neither"
    )
    return figure


@styled
def lesions(named: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw what lesions leave of each network's accuracy, one panel per network, on axes of equal scale.

    Hollow dots stand for the network as it is, filled ones for normalization estimated anew; a line is the intact one.

    Args:
        named: dict from a network's title to the measurements of one model in the experiment `lesions`.
    """
    figure, (axes,) = panels(1, len(named), 3.9, 4.2)
    present = {one["lesion"] for measured in named.values() for one in measured}
    order = [name for name in ("dataset_mean", "image_mean", "position_mean", "shuffled", "zero") if name in present]
    colors = dict(zip(order, OKABE_ITO, strict=False))
    width = max(np.ptp([one["validation_accuracy"] for one in measured]) for measured in named.values()) * 1.15
    for axis, (title, measured) in zip(axes, named.items(), strict=True):
        rows = [*sorted({one["layer"] for one in measured} - {"all"}), "all"]
        for one in measured:
            accuracy, row = one["validation_accuracy"], rows.index(one["layer"])
            if one["lesion"] == "none":
                axis.axvline(accuracy, color="black", lw=1, ls="-" if one["reestimated"] else "--")
                continue
            color, shift = colors[one["lesion"]], 0.7 * ((order.index(one["lesion"]) + 0.5) / len(order) - 0.5)
            axis.plot(accuracy, row + shift, "o", mec=color, mfc=color if one["reestimated"] else "white", ms=5)
        best = max(one["validation_accuracy"] for one in measured)
        axis.set(title=title, xlabel="accuracy", xlim=(best + 0.05 * width - width, best + 0.05 * width))
        axis.set_yticks(range(len(rows)), [row.replace("_involution", "").replace("_", " ") for row in rows])
        axis.grid(axis="x", alpha=0.3)
        axis.invert_yaxis()
    handles = [Line2D([], [], marker="o", ls="", color=c, label=name.replace("_", " ")) for name, c in colors.items()]
    for fill, name in (("white", "as it is"), ("gray", "normalization anew")):
        handles.append(Line2D([], [], marker="o", ls="", mec="gray", mfc=fill, label=name))
    handles += [Line2D([], [], color="black", ls=style, label=f"intact{more}") for style, more in INTACT.items()]
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    return figure
