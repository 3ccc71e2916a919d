"""Figures of notebook 07: kernels by generator, labels of pixels, signals and the kernels along them, clips."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from involution_utils import checks
from involution_utils.plotting.base import OKABE_ITO, bare, color_scale, panels, styled


@styled
def maps_and_means(
    images: np.ndarray, maps: Mapping[str, np.ndarray], shown: Sequence[int], size: float = 1.35
) -> Figure:
    """Draw a few images, beside each its map per name, and in the last row the mean map over all images.

    Args:
        images: (N, H, W, 3), uint8 or floats in [0, 1].
        maps: dict from a column's title to N maps, (N, h, w); a column has one scale and one color bar.
        shown: the numbers of the images to draw.
        size: width of a panel in inches.
    """
    figure, axes = panels(len(shown) + 1, len(maps) + 1, size, size)
    for axis in axes.flat:
        bare(axis)
    for axis, number in zip(axes[:, 0], shown, strict=False):
        axis.imshow(images[number])
    axes[-1, 0].text(0.5, 0.5, f"mean over\n{len(images)} images", ha="center", va="center")
    axes[-1, 0].set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    for column, (name, stack) in zip(axes.T[1:], maps.items(), strict=True):
        scale = color_scale(stack, signed=False)
        for axis, one in zip(column, [*stack[list(shown)], stack.mean(axis=0)], strict=True):
            drawn = axis.imshow(one, **scale)
        column[0].set_title(name)
        figure.colorbar(drawn, ax=column, location="bottom", shrink=0.8, pad=0.02)
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
    figure, axes = panels(len(named), count, size, size, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for axis in axes.flat:
        bare(axis)
    for row, (name, arrays) in zip(axes, named.items(), strict=True):
        row[0].set_ylabel(name)
        for axis, array in zip(row, arrays, strict=True):
            limits: dict[str, Any] = (
                {} if np.ndim(array) == 3 else {"cmap": ListedColormap(colors), "vmin": -0.5, "vmax": 7.5}
            )
            axis.imshow(array, **limits)
    for axis, title in zip(axes[0], columns or (), strict=False):
        axis.set_title(title)
    patches = [Patch(color=color, label=name) for color, name in zip(colors, class_names, strict=False)]
    rows = -(-len(patches) // max(1, int(count * size)))  # that fit, each as long as the others
    figure.legend(handles=patches, loc="outside lower center", ncols=-(-len(patches) // rows), frameon=False)
    return figure


@styled
def signal(
    named: Mapping[str, Sequence[float]],
    kernels: np.ndarray | None = None,
    label: str = "",
    shaded: Mapping[str, Sequence[bool]] | None = None,
) -> Figure:
    """Draw curves over one axis, and below them the kernel of every step as a column of colors.

    Args:
        named: dict from a curve's name to its T values; the first is drawn thin and gray.
        kernels: (T, K), the kernel of each step; None draws the curves alone.
        label: what the values are.
        shaded: dict from a name to T truth values; the steps where it is true lie on a gray band.
    """
    figure = Figure(figsize=(8.4, 2.6 if kernels is None else 4), layout="constrained")
    rows = [2.4] if kernels is None else [2.4, 1]
    axes = figure.subplots(len(rows), 1, sharex=True, height_ratios=rows, squeeze=False)[:, 0]
    for number, (name, values) in enumerate(named.items()):
        style: dict[str, Any] = (
            {"color": "0.7", "lw": 0.8} if number == 0 else {"color": OKABE_ITO[(7, 5, 0, 2)[(number - 1) % 4]]}
        )
        axes[0].plot(values, label=name, **({"lw": 1.2} | style))
    for name, where in (shaded or {}).items():
        bands = np.flatnonzero(np.diff([False, *where, False])).reshape(-1, 2) - 0.5
        for number, (begin, end) in enumerate(bands):
            axes[0].axvspan(begin, end, color="0.9", lw=0, zorder=0, label=None if number else name)
    axes[0].set(ylabel=label, xlim=(-0.5, len(values) - 0.5))
    axes[0].legend(frameon=False, ncols=len(named) + len(shaded or ()), loc="lower center", bbox_to_anchor=(0.5, 1))
    if kernels is not None:
        taps = np.arange(kernels.shape[1]) - kernels.shape[1] // 2
        edges = (-0.5, len(kernels) - 0.5, taps[-1] + 0.5, taps[0] - 0.5)
        drawn = axes[1].imshow(kernels.T, aspect="auto", extent=edges, **color_scale(kernels))
        axes[1].set(ylabel="tap", yticks=taps[[0, len(taps) // 2, -1]])
        figure.colorbar(drawn, ax=axes[1], label="weight", pad=0.01)
    axes[-1].set_xlabel("step")
    return figure


@styled
def clips(named: Mapping[str, np.ndarray], every: int = 1, size: float = 0.95) -> Figure:
    """Draw clips as strips of frames, one row per clip.

    Args:
        named: dict from a clip's name to its frames, (T, H, W), uint8.
        every: draw every so manyth frame.
        size: width of a frame in inches.
    """
    strips = {name: frames[::every] for name, frames in named.items()}
    figure, axes = panels(len(strips), max(map(len, strips.values())), size, size)
    for row, (name, frames) in zip(axes, strips.items(), strict=True):
        for axis, frame in zip(row, frames, strict=True):
            bare(axis)
            axis.imshow(frame, cmap="gray", vmin=0, vmax=255)
        row[0].set_ylabel(name)
    for number, axis in enumerate(axes[0]):
        axis.set_title(f"frame {number * every}")
    return figure
