"""Every figure of the notebooks: functions take arrays and return a Matplotlib figure, `show` puts it on the page.

Quantities are drawn in cividis (blue and red around zero where the sign matters), categories in the Okabe-Ito colours:
both are told apart with every kind of colour vision.
"""

import functools
import io
import math

import matplotlib
import matplotlib.cbook
import matplotlib.ticker
import numpy as np
import PIL.Image
from IPython.display import Image, Markdown
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
_STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=OKABE_ITO),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
}


def show(figure, alt):
    """Return `figure` as a picture for the page, with a text for readers who cannot see it.

    Args:
        figure: a Matplotlib figure.
        alt: what the picture shows, in a sentence.

    Raises:
        ValueError: if alt is empty.
    """
    if not alt.strip():
        raise ValueError("alt must say what the figure shows; it is empty")
    png = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
    return Image(png.getvalue(), format="png", alt=alt)


def _styled(draw):
    """Let a function draw on a fresh figure in the house's style."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def _panels(rows, columns, width, height, **kwargs):
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def _bare(axes):
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


@_styled
def image_grid(images, titles, columns=5, size=1.5):
    """Draw images in a grid, each under its title; an empty grid if there are none.

    Args:
        images: (N, H, W, 3) or (N, H, W), uint8 or floats in [0, 1].
        titles: N strings.
        columns: images in a row.
        size: width of a panel in inches.
    """
    rows = max(1, -(-len(images) // columns))
    figure, axes = _panels(rows, columns, size, size * 1.18)
    for axis in axes.flat:
        _bare(axis)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray")
        axis.set_title(title)
    return figure


@_styled
def matrices(named, highlight=None, fmt="{:g}", size=2.2, signed=False):
    """Draw small matrices side by side with the number in each cell, on one colour scale.

    Args:
        named: dict from title to a 2-D array.
        highlight: dict from title to (row, column, height, width), a block to frame.
        fmt: format of a number.
        size: width of a panel in inches.
        signed: centre the colours on zero.
    """
    arrays = {title: np.asarray(array, float) for title, array in named.items()}
    low, high = min(a.min() for a in arrays.values()), max(a.max() for a in arrays.values())
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    colours = matplotlib.colormaps["RdBu_r" if signed else "cividis"]
    figure, axes = _panels(1, len(arrays), size, size * 1.1)
    for axis, (title, array) in zip(axes.flat, arrays.items(), strict=True):
        axis.imshow(array, cmap=colours, vmin=low, vmax=high)
        for (row, column), value in np.ndenumerate(array):
            red, green, blue, _ = colours((value - low) / ((high - low) or 1))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            axis.text(column, row, fmt.format(value), ha="center", va="center", color="white" if dark else "black")
        if highlight and title in highlight:
            row, column, height, width = highlight[title]
            frame = Rectangle((column - 0.5, row - 0.5), width, height, fill=False, lw=3, ec=OKABE_ITO[5])
            axis.add_patch(frame)
        axis.set_title(title)
        _bare(axis)
    return figure


@_styled
def heat_maps(named, size=2.4, signed=False, label="", share=True):
    """Draw 2-D arrays side by side as heat maps with a colour bar, on one scale unless `share` is False.

    Args:
        named: dict from title to a 2-D array.
        size: width of a panel in inches.
        signed: centre the colours on zero.
        label: what the colours measure, with its unit.
        share: one scale and one colour bar for all.
    """
    figure, axes = _panels(1, len(named), size, size)
    groups = [list(named.values())] if share else [[array] for array in named.values()]
    scales = [_scale(np.concatenate([np.ravel(a) for a in group]), signed) for group in groups]
    for number, (axis, (title, array)) in enumerate(zip(axes.flat, named.items(), strict=True)):
        drawn = axis.imshow(array, **scales[0 if share else number])
        axis.set_title(title)
        _bare(axis)
        if not share:
            figure.colorbar(drawn, ax=axis, shrink=0.8)
    if share:
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return figure


def _scale(values, signed=True):
    """Colour map and limits for `imshow`: outliers beyond the 1st and 99th percentile saturate."""
    low, high = np.percentile(values, [1, 99])
    if not signed:
        return {"cmap": "cividis", "vmin": low, "vmax": high}
    most = max(abs(low), abs(high)) or 1
    return {"cmap": "RdBu_r", "vmin": -most, "vmax": most}


@_styled
def curves(histories, reference=None):
    """Draw loss and accuracy over the epochs, training dashed and test solid, a colour a model.

    Args:
        histories: dict from a model's name to what `train` returned.
        reference: dict from a model's name to (low, high), a band of final test accuracies to mark at the right edge.
    """
    figure, (axes,) = _panels(1, 2, 4.2, 3.2)
    for colour, (name, history) in zip(OKABE_ITO, histories.items(), strict=False):
        epochs = range(1, len(history["loss"]) + 1)
        for axis, metric in zip(axes, ("loss", "accuracy"), strict=True):
            mark = "." if len(epochs) < 3 else None
            axis.plot(epochs, history[metric], "--", color=colour, marker=mark, label=f"{name}, training")
            axis.plot(epochs, history[f"val_{metric}"], "-", color=colour, marker=mark, label=f"{name}, test")
    for axis, label in zip(axes, ("cross-entropy (nats)", "accuracy"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False)
    return figure


@_styled
def spread(groups, label, own=None):
    """Draw one dot a run, a row a group, with the mean as a bar; `own` adds the reader's run as a star.

    Args:
        groups: dict from a name to the values of its runs.
        label: what the values are, with the unit.
        own: dict from a name to the reader's value.
    """
    figure = Figure(figsize=(7, 0.6 + 0.55 * len(groups)), layout="constrained")
    axis = figure.subplots()
    for row, (colour, (name, values)) in enumerate(zip(OKABE_ITO, groups.items(), strict=False)):
        axis.plot(values, [row] * len(values), "o", color=colour, alpha=0.6, ms=8, mew=0)
        axis.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=colour, lw=2)
        if own and name in own:
            axis.plot(own[name], row, "*", color="black", ms=14, label="your run")
    axis.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.4, -0.6), xlabel=label)
    if own:
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(handles[:1], labels[:1], frameon=False)
    return figure


@_styled
def trade_offs(table, intervals):
    """Draw test accuracy against four costs: parameters, multiply-adds, training time and peak memory.

    Args:
        table: dict from a rule to a dict from an operator to the records of its runs, with `seconds_per_step` and
            `peak_memory_mib`; a colour an operator, a marker a rule.
        intervals: function from a list of accuracies to (mean, low, high), the point and its bar.
    """
    costs = {
        "trainable parameters": lambda run: run["trainable_parameters"],
        "multiply-adds an image": lambda run: run["multiply_adds"],
        "training time (s)": lambda run: (
            run["seconds_per_step"] * run["epochs"] * math.ceil(run["train_images"] / run["batch_size"])
        ),
        "peak memory (MiB)": lambda run: run["peak_memory_mib"],
    }
    figure, axes = _panels(2, 2, 4.2, 3.2)
    operators = list(next(iter(table.values())))
    for marker, by_operator in zip("os^D", table.values(), strict=False):
        for colour, operator in zip(OKABE_ITO, operators, strict=False):
            runs = by_operator[operator]
            mean, low, high = intervals([run["test_accuracy"] for run in runs])
            for axis, cost in zip(axes.flat, costs.values(), strict=True):
                x = np.median([cost(run) for run in runs])
                bar = [[mean - low], [high - mean]]
                axis.errorbar(x, mean, bar, fmt=marker, color=colour, ms=6, lw=1, capsize=2, alpha=0.8)
    for axis, name in zip(axes.flat, costs, strict=True):
        axis.set(xlabel=name, ylabel="test accuracy")
        axis.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter())
        axis.grid(alpha=0.3)
    handles = [Line2D([], [], marker="o", ls="", color=c, label=o) for c, o in zip(OKABE_ITO, operators, strict=False)]
    handles += [
        Line2D([], [], marker=m, ls="", color="grey", label=f"equal {rule.replace('_', '-')}")
        for m, rule in zip("os^D", table, strict=False)
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    return figure


def photograph(size=160):
    """Return a square portrait, (size, size, 3) uint8: Grace Hopper, in the public domain, shipped with Matplotlib."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        image = PIL.Image.open(file).convert("RGB")
    side = min(image.size)
    return np.asarray(image.crop((0, 0, side, side)).resize((size, size), PIL.Image.Resampling.LANCZOS))


def difference(one, other, below=None):
    """Say how far apart two arrays are: "largest difference 0" or the power of ten that it stays below.

    Args:
        one: an array.
        other: an array of the same shape.
        below: if the difference is smaller than this power of ten, say no more: rounding is not the same everywhere.

    Raises:
        ValueError: if the shapes differ.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    if one.shape != other.shape:
        raise ValueError(f"arrays to compare must have the same shape, not {one.shape} and {other.shape}")
    largest = np.abs(one - other).max()
    if below is not None and largest < below:
        return Markdown(f"largest difference: below {below:.0e}")
    power = "0" if largest == 0 else f"below 1e{int(np.floor(np.log10(largest))) + 1:+03d}"
    return Markdown(f"largest difference: {power}")


def table(header, rows):
    """Return a table for the page: whole numbers get thousands separators, floats three significant digits.

    Args:
        header: the columns' titles, separated by "|".
        rows: lists of as many values.

    Raises:
        ValueError: if a row has not as many values as there are titles.
    """
    titles = [title.strip() for title in header.split("|")]
    for row in rows:
        if len(row) != len(titles):
            raise ValueError(f"a row of a table needs {len(titles)} values, one a title; {row!r} has {len(row)}")
    lines = [titles, ["---"] * len(titles), *([_cell(value) for value in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def _cell(value):
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else value


@_styled
def lines(x, named, xlabel, ylabel):
    """Draw curves over a common x on a logarithmic y axis.

    Args:
        x: N numbers.
        named: dict from a curve's name to its N values.
        xlabel: label of the x axis.
        ylabel: label of the y axis.
    """
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axis = figure.subplots()
    for marker, (name, values) in zip("osD^v", named.items(), strict=False):
        axis.plot(x, values, marker=marker, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, yscale="log", xticks=list(x))
    axis.grid(axis="y", alpha=0.3)
    axis.legend(frameon=False)
    return figure


@_styled
def bars(named, xlabel):
    """Draw one stacked horizontal bar a row, each part with its name and number.

    Args:
        named: dict from a row's name to a dict from a part's name to its size.
        xlabel: what the sizes are, with the unit.
    """
    figure = Figure(figsize=(8, 0.7 + 0.75 * len(named)), layout="constrained")
    axis = figure.subplots()
    longest = max(sum(parts.values()) for parts in named.values())
    for row, parts in enumerate(named.values()):
        left = 0
        for colour, (part, size) in zip(OKABE_ITO[:6] * 3, parts.items(), strict=False):
            axis.barh(row, size, left=left, color=colour, edgecolor="white", height=0.6)
            if size > 0.1 * longest:
                axis.text(left + size / 2, row, f"{part}\n{size:,}", ha="center", va="center", fontsize=8)
            left += size
        axis.text(left + 0.01 * longest, row, f"{left:,}", va="center")
    axis.set(yticks=range(len(named)), yticklabels=named, xlabel=xlabel, xlim=(0, 1.12 * longest))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.invert_yaxis()
    return figure


@_styled
def confusion(named, class_names):
    """Draw confusion matrices side by side: row the true class, column the predicted one, in per cent of the row.

    Args:
        named: dict from a model's name to an array (classes, classes) of counts.
        class_names: the classes' names, in order.
    """
    figure, (axes,) = _panels(1, len(named), 4.3, 4)
    for axis, (name, counts) in zip(axes, named.items(), strict=True):
        percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        drawn = axis.imshow(percent, vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(percent):
            if value >= 9.5:
                colour = "black" if value > 55 else "white"
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=7)
        ticks = range(len(class_names))
        axis.set(xticks=ticks, yticks=ticks, yticklabels=class_names, xlabel="predicted", ylabel="true", title=name)
        axis.set_xticks(ticks, class_names, rotation=60, ha="right", rotation_mode="anchor")
    figure.colorbar(drawn, ax=axes, label="% of the true class's images", shrink=0.7)
    return figure


@_styled
def kernel_maps(images, maps):
    """Draw a row of images and below each its maps, a row a quantity, every row on one scale with its colour bar.

    Args:
        images: (N, H, W, 3), uint8 or floats in [0, 1].
        maps: dict from what is shown to (N, h, w), such as the sum of the kernel's values at each place.
    """
    figure, axes = _panels(1 + len(maps), len(images), 0.98, 0.98)
    for axis in axes.flat:
        _bare(axis)
    for axis, image in zip(axes[0], images, strict=True):
        axis.imshow(image)
    axes[0, 0].set_ylabel("input")
    for row, (name, stack) in zip(axes[1:], maps.items(), strict=True):
        scale = _scale(stack, signed=False)
        for axis, one in zip(row, stack, strict=True):
            drawn = axis.imshow(one, **scale)
        row[0].set_ylabel(name)
        figure.colorbar(drawn, ax=row, fraction=0.012, pad=0.005)
    return figure


@_styled
def kernels_at(image, places, kernels):
    """Draw an image with marked places and beside it each place's kernel, all on one scale around zero.

    Args:
        image: (H, W, 3), uint8 or floats in [0, 1].
        places: dict from a place's name to (row, column).
        kernels: (H', W', K, K); where smaller than the image (after pooling), places are scaled along.
    """
    rows, columns = np.array(kernels.shape[:2]) / image.shape[:2]
    chosen = [kernels[int(row * rows), int(column * columns)] for row, column in places.values()]
    figure, (axes,) = _panels(1, 1 + len(places), 1.9, 2.1)
    axes[0].imshow(image)
    for axis in axes:
        _bare(axis)
    for axis, colour, (name, (row, column)), kernel in zip(
        axes[1:], OKABE_ITO[1:], places.items(), chosen, strict=False
    ):
        axes[0].plot(column, row, "o", color=colour, mec="white", mew=1.5, ms=9)
        drawn = axis.imshow(kernel, **_scale(chosen))
        axis.set_title(name)
        axis.spines[:].set(visible=True, color=colour, linewidth=3)
    figure.colorbar(drawn, ax=axes, label="weight", shrink=0.7)
    return figure


@_styled
def layer_diagram():
    """Draw how an involution makes the kernel of one pixel and applies it."""
    figure = Figure(figsize=(9.2, 4.1), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, 23), ylim=(-0.6, 10.2), aspect="equal")
    axis.axis("off")

    def grid(x, y, rows, columns, side, colours, depth=0):
        for shift in range(depth, -1, -1):
            for r, c in np.ndindex(rows, columns):
                place = (x + c * side + 0.22 * shift, y + (rows - 1 - r) * side + 0.22 * shift)
                axis.add_patch(Rectangle(place, side, side, fc=colours(r, c), ec="#555555", lw=0.6))

    def arrow(start, end, text="", above=0.35):
        axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="#333333", lw=1.2))
        axis.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + above, text, ha="center", fontsize=8.5)

    blue, light, orange, green = OKABE_ITO[0], "#cfe6f5", OKABE_ITO[1], OKABE_ITO[2]
    shades = np.random.default_rng(3).uniform(0.25, 1, (3, 3))
    kernel_colour = lambda r, c: 1 - shades[r, c] * (1 - np.array(matplotlib.colors.to_rgb(orange)))  # noqa: E731
    window = lambda r, c: blue if (r, c) == (2, 2) else light if abs(r - 2) < 2 and abs(c - 2) < 2 else "white"  # noqa: E731
    grid(0.3, 1.6, 5, 5, 0.8, window, depth=3)
    axis.text(2.5, 0.9, "input\nH × W × C", ha="center", va="top")
    arrow((2.6, 4.1), (6.0, 8.6))
    axis.text(3.0, 6.9, "the pixel", ha="center", fontsize=8.5)
    grid(6.1, 7.2, 4, 1, 0.6, lambda r, c: blue)
    axis.text(6.4, 6.9, "C", ha="center", va="top")
    arrow((6.9, 8.4), (9.3, 8.4), "reduce $W_0$")
    axis.text(8.1, 7.7, "normalise,\nReLU", ha="center", va="top", fontsize=7.5, color="#555555")
    grid(9.4, 7.8, 2, 1, 0.6, lambda r, c: green)
    axis.text(9.7, 7.5, "C / r", ha="center", va="top")
    arrow((10.2, 8.4), (12.6, 8.4), "expand $W_1$")
    grid(12.8, 8.1, 1, 9, 0.34, lambda r, c: kernel_colour(c // 3, c % 3))
    axis.text(14.3, 7.8, "K · K · G", ha="center", va="top")
    arrow((16.0, 8.3), (18.0, 8.3), "reshape")
    grid(18.3, 7.2, 3, 3, 0.75, kernel_colour, depth=1)
    axis.text(19.5, 6.95, "one K × K kernel a group", ha="center", va="top")
    arrow((5.4, 3.3), (8.5, 3.3), "the window")
    grid(8.8, 2.0, 3, 3, 0.85, lambda r, c: blue if (r, c) == (1, 1) else light, depth=3)
    axis.text(10.3, 1.3, "K × K × C", ha="center", va="top")
    axis.text(13.1, 3.3, "×", fontsize=20, ha="center", va="center")
    grid(14.3, 2.1, 3, 3, 0.75, kernel_colour, depth=1)
    axis.text(15.6, 1.3, "shared by the channels\nof a group", ha="center", va="top")
    arrow((19.5, 6.1), (16.2, 4.8))
    arrow((17.2, 3.3), (20.2, 3.3), "multiply, add up")
    grid(20.7, 2.1, 4, 1, 0.6, lambda r, c: blue)
    axis.text(21.0, 1.3, "one output pixel\nC channels", ha="center", va="top")
    return figure
