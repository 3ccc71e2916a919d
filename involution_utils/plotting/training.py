"""Figures of trainings: curves, draws of runs, confusion."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from involution_utils.plotting.base import bare, colors_of, panels, styled


@styled
def curves(histories: Mapping[str, Mapping[str, list[float]]]) -> Figure:
    """Draw loss and accuracy over the epochs, training dashed and test solid, one color and one label per model.

    Args:
        histories: dict from a model's name to what `train` returned.
    """
    figure, (axes,) = panels(1, 2, 4.2, 3.2)
    colors = colors_of(histories)
    for name, history in histories.items():
        color = colors[name]
        epochs = range(1, len(history["loss"]) + 1)
        for axis, metric in zip(axes, ("loss", "accuracy"), strict=True):
            mark = "." if len(epochs) < 3 else None
            axis.plot(epochs, history[metric], "--", color=color, marker=mark)
            axis.plot(epochs, history[f"val_{metric}"], "-", color=color, marker=mark)
            place = (epochs[-1], history[f"val_{metric}"][-1])
            axis.annotate(name, place, (4, 0), textcoords="offset points", color=color, va="center")
    for axis, label in zip(axes, ("cross-entropy (nats)", "accuracy"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    styles = [Line2D([], [], color="gray", ls=style, label=name) for style, name in (("--", "training"), ("-", "test"))]
    axes[0].legend(handles=styles, frameon=False)
    return figure


@styled
def draws(panels_of: Mapping[str, tuple[Mapping[str, Sequence[float]], tuple[float, float]]], label: str) -> Figure:
    """Draw runs of several networks as dots on a line each, one zoomed panel per network, all of one width.

    A value beyond its panel is written at the edge, with an arrow. Beside a row with several values in the panel stands
    how far apart the outermost of these are; above the panel the ends of its band.

    Args:
        panels_of: dict from a network's name to (rows, band): `rows` is a dict from a row's name to its values, `band`
            the two ends of a range to shade, which the panel shows whole.
        label: what the values are, with the unit.
    """
    figure, (axes,) = panels(1, len(panels_of), 3.8, 2.1, sharey=True)
    width = 1.7 * max(high - low for _, (low, high) in panels_of.values())
    colors = colors_of(panels_of)
    for axis, (name, (rows, (low, high))) in zip(axes, panels_of.items(), strict=True):
        color = colors[name]
        left, right = (low + high - width) / 2, (low + high + width) / 2
        axis.axvspan(low, high, color="0.9", lw=0)
        for row, (marker, values) in enumerate(zip("oD*", rows.values(), strict=False)):
            face = color if row == 0 else "none"
            for value, jitter in zip(values, np.resize([0.12, -0.12], len(values)), strict=True):
                y = row + jitter * (row == 0)
                if left <= value <= right:
                    axis.plot(value, y, marker, mfc=face, mec=color, ms=12 if marker == "*" else 7, alpha=0.8)
                else:
                    at, side, text = (0.02, "left", "← {:.3f}") if value < left else (0.98, "right", "{:.3f} →")
                    place = axis.get_yaxis_transform()
                    axis.text(at, row, text.format(value), transform=place, ha=side, va="center", color=color)
            inside = [value for value in values if left <= value <= right]
            if len(inside) > 1 and max(values) <= right:
                apart, place = f"{np.ptp(inside):.3f} apart", axis.get_yaxis_transform()
                axis.text(0.98, row, apart, transform=place, ha="right", va="center", fontsize=8)
        axis.set(
            title=f"{name}, band {low:.3f} to {high:.3f}",
            xlabel=label,
            xlim=(left, right),
            ylim=(len(rows) - 0.5, -0.5),
        )
        axis.set_yticks(range(len(rows)), list(rows))
    return figure


@styled
def confusion(named: Mapping[str, np.ndarray], class_names: Sequence[str]) -> Figure:
    """Draw confusion matrices side by side: row the true class, column the predicted one, in percent of the row.

    The colors show the errors alone; the diagonal, what is right, has numbers on white.

    Args:
        named: dict from a model's name to an array (classes, classes) of counts.
        class_names: the classes' names, in order.
    """
    figure, (axes,) = panels(1, len(named), 4.3, 4)
    percent = {name: 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for name, counts in named.items()}
    errors = {name: np.ma.masked_array(values, np.eye(len(values), dtype=bool)) for name, values in percent.items()}
    most = max(1, *(values.max() for values in errors.values()))
    for axis, (name, values) in zip(axes, percent.items(), strict=True):
        drawn = axis.imshow(errors[name], vmin=0, vmax=most)
        for (row, column), value in np.ndenumerate(values):
            if row == column or value >= 9.5:
                color = "black" if row == column or value > 0.55 * most else "white"
                weight = "bold" if row == column else "normal"
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=7, weight=weight)
        ticks = range(len(class_names))
        axis.set(xticks=ticks, yticks=ticks, yticklabels=class_names, xlabel="predicted", title=name)
        axis.set_xticks(ticks, class_names, rotation=60, ha="right", rotation_mode="anchor")
    axes[0].set_ylabel("true")
    figure.colorbar(drawn, ax=axes, label="errors, % of the true class's images", shrink=0.7)
    return figure


@styled
def stages(named: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw what becomes of one image on its way through networks, one row per network.

    Each picture is scaled so that its largest value, which stands above it, is the brightest; zeros are black.

    Args:
        named: dict from a network's name to a dict from a stage's name to an array (H, W, 3), nowhere negative.
    """
    figure, axes = panels(len(named), max(map(len, named.values())), 1.75, 2.05)
    for row, (network, pictures) in zip(axes, named.items(), strict=True):
        for axis, (stage, picture) in zip(row, pictures.items(), strict=True):
            most = float(np.max(picture))
            axis.imshow(np.asarray(picture) / (most or 1))
            axis.set_title(f"{stage}\nlargest {most:.2f}")
            bare(axis)
        row[0].set_ylabel(network)
    return figure
