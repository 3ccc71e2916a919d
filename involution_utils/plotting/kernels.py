"""Figures of the kernels that a layer makes: maps of them, and kernels at chosen positions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from involution_utils.plotting.base import OKABE_ITO, bare, color_scale, grid_lines, panels, styled


@styled
def kernel_maps(images: np.ndarray, maps: Mapping[str, np.ndarray], share: bool = False) -> Figure:
    """Draw a row of images and below each its maps, one row per quantity, every row on one scale with its color bar.

    Args:
        images: (N, H, W, 3), uint8 or floats in [0, 1].
        maps: dict from what is shown to (N, h, w), such as the sum of the kernel's values at each position.
        share: whether all rows have the scale of the first.
    """
    figure, axes = panels(1 + len(maps), len(images), 0.98, 0.98)
    for axis in axes.flat:
        bare(axis)
    for axis, image in zip(axes[0], images, strict=True):
        axis.imshow(image)
    axes[0, 0].set_ylabel("input")
    for row, (name, stack) in zip(axes[1:], maps.items(), strict=True):
        scale = color_scale(next(iter(maps.values())) if share else stack, signed=False)
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
    taps: Mapping[str, tuple[int, int]] | None = None,
) -> Figure:
    """Draw an image with marked positions, beside it each position's kernel, all on one scale around zero.

    Args:
        image: (H, W, 3), uint8 or floats in [0, 1].
        places: dict from a position's name to (row, column).
        kernels: (H', W', K, K); where smaller than the image (after pooling), positions are scaled along.
        result: an image to draw last, such as what the kernels make of the first.
        limit: where the colors end; None lets the outermost percentile of the weights saturate.
        taps: dict from a position's name to (row, column) in its kernel, a weight to frame.
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
            axes[0].plot(column, row, "s", mfc="none", mec=edge, mew=width, ms=9, clip_on=False)
        drawn = axis.imshow(kernel, **(color_scale(chosen) | ({"vmin": -limit, "vmax": limit} if limit else {})))
        axis.set_title(name)
        grid_lines(axis, len(kernel))
        if taps and name in taps:
            down, across = taps[name]
            axis.add_patch(Rectangle((across - 0.5, down - 0.5), 1, 1, fill=False, lw=2.5, ec="black", zorder=3))
        axis.spines[:].set(visible=True, color=color, linewidth=3)
    figure.colorbar(
        drawn, ax=axes[1 : 1 + len(places)], label="weight", shrink=0.7, extend="both" if limit else "neither"
    )
    return figure


@styled
def lesions(named: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw what lesions leave of each network's accuracy, one panel per network, on axes of equal scale.

    Hollow dots stand for the network as it is, filled ones for normalization estimated anew; a line is the
    intact one, its normalization estimated anew as well.

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
                if one["reestimated"]:
                    axis.axvline(accuracy, color="black", lw=1)
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
    handles.append(Line2D([], [], color="black", lw=1, label="intact"))
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    return figure


@styled
def by_layer(
    measures: Mapping[str, Mapping[str, Sequence[float]]],
    layers: Sequence[str],
    noise: Mapping[str, Sequence[float]] | None = None,
    xlabel: str = "block",
) -> Figure:
    """Draw one panel per measure, the layers along the x axis, every dot with its number.

    Args:
        measures: dict from a measure's name to a dict from a network to its values, one per layer; the first network
            is drawn as filled dots, the second as hollow ones.
        layers: what stands below the dots.
        noise: dict from a measure's name to the values that noise would have, drawn as short bars.
        xlabel: what `layers` are.
    """
    figure, (axes,) = panels(1, len(measures), 2.45, 2.7)
    names = list(next(iter(measures.values())))
    for axis, (title, named) in zip(axes, measures.items(), strict=True):
        everything = np.ravel(list(named.values()))
        share = everything.max() <= 1  # of something: the whole scale, or its upper part
        bottom, top = (0.4 if share and everything.min() > 0.45 else 0), (1 if share else everything.max())
        bars = (noise or {}).get(title, np.full(len(layers), np.nan))
        axis.plot(bars, "_", color="black", ms=14)
        for fill, (name, values) in zip((OKABE_ITO[1], "white"), named.items(), strict=False):
            axis.plot(values, "o", mec=OKABE_ITO[1], mfc=fill, ms=6, label=name)
            for place, value in enumerate(values):
                above = value == max(other[place] for other in named.values())
                under_bar = above and 0 < bars[place] - value < 0.16 * (top - bottom)  # no room between them
                axis.annotate(
                    f"{value:.2f}" if share else f"{value:.1f}",
                    (place, bars[place] if under_bar else value),
                    xytext=(0, 5 if above else -5),
                    textcoords="offset points",
                    fontsize=7.5,
                    ha="center",
                    va="bottom" if above else "top",
                )
        margin = 0.14 * (top - bottom)
        axis.set(title=title, xlabel=xlabel, ylim=(bottom - margin, top + margin))
        axis.set(xticks=range(len(layers)), xticklabels=layers, xlim=(-0.5, len(layers) - 0.5))
    handles = [Line2D([], [], marker="o", ls="", mec=OKABE_ITO[1], mfc=OKABE_ITO[1], label=names[0])]
    handles += [Line2D([], [], marker="o", ls="", mec=OKABE_ITO[1], mfc="white", label=name) for name in names[1:]]
    if noise:
        handles.append(Line2D([], [], marker="_", ls="", color="black", ms=10, label="noise"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


@styled
def ladder() -> Figure:
    """Draw three windows and the kernels of four generators: one row per window, one column per rung of the ladder."""
    rows, columns = np.indices((3, 3)) - 1
    windows = [np.where(columns < 0, -0.8, 0.8), np.where(rows < 0, -0.8, 0.8), np.where(columns < 0, -0.8, 0.8)]
    windows[2][1, 1] = -0.8
    place = 1.1 * (rows + columns)
    softmax = lambda scores: np.exp(scores) / np.exp(scores).sum()  # noqa: E731
    generators = {
        "1 · nothing": lambda center, window: np.exp(-0.7 * (rows**2 + columns**2)) / 4,
        "2 · center and\nneighbors": lambda center, window: softmax(2.5 * center * window),
        "3 · center, neighbors\nand places": lambda center, window: softmax(2.5 * center * window + place),
        "4 · center\nand places": lambda center, window: (columns if center > 0 else -rows) / 3.5,
    }
    figure, axes = panels(3, 5, 1.45, 1.35)
    for row, window in zip(axes, windows, strict=True):
        row[0].imshow(window, cmap="gray", vmin=-1, vmax=1)
        row[0].add_patch(Rectangle((0.5, 0.5), 1, 1, fill=False, lw=2, ec=OKABE_ITO[5]))
        for axis, make in zip(row[1:], generators.values(), strict=True):
            drawn = axis.imshow(make(window[1, 1], window), cmap="RdBu_r", vmin=-0.3, vmax=0.3)
    for axis in axes.flat:
        bare(axis)
        grid_lines(axis, 3, "0.6")
        axis.spines[:].set(visible=True, color="0.6")
    for axis, title in zip(axes[0], ("window", *generators), strict=True):
        axis.set_title(title, fontsize=9)
    for axis, name in zip(axes[:, 0], "ABC", strict=True):
        axis.set_ylabel(name, rotation=0, labelpad=9, va="center")
    figure.colorbar(drawn, ax=axes, label="weight", shrink=0.6, extend="both")
    return figure


@styled
def links(image: np.ndarray, taps: np.ndarray, size: float = 3.6) -> Figure:
    """Draw an image of few pixels, and in each pixel an arrow to one of its neighbors.

    Args:
        image: (H, W, 3), floats in [0, 1].
        taps: (H, W), which tap of the 3x3 window the arrow points to, from 0 to 8, row by row.
        size: width of the figure in inches.
    """
    figure = Figure(figsize=(size, size), layout="constrained")
    axis = figure.subplots()
    axis.imshow(image)
    down, across = np.divmod(taps, 3)
    rows, columns = np.indices(taps.shape)
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1.6, "width": 0.008, "pivot": "tail"}
    axis.quiver(columns, rows, across - 1, down - 1, color="black", **arrows)
    bare(axis)
    return figure
