"""Figures of networks compared: training curves, runs, estimates with intervals, and two errors against each other."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from involution_utils.plotting.base import OKABE_ITO, colors_of, listed, panels, styled


@styled
def curves(histories: Mapping[str, Mapping[str, list[float]]]) -> Figure:
    """Draw loss and accuracy over the epochs, training dashed and test solid, one color and one label per model.

    Args:
        histories: dict from a model's name to what `train` returned.
    """
    figure, (axes,) = panels(1, 2, 4.2, 3.2, bare=False)
    colors = colors_of(histories)
    for axis, metric, label in zip(axes, ("loss", "accuracy"), ("cross-entropy (nats)", "accuracy"), strict=True):
        for name, history in histories.items():
            epochs = range(1, len(history[metric]) + 1)
            for line, values in (("--", history[metric]), ("-", history[f"val_{metric}"])):
                axis.plot(epochs, values, line, color=colors[name], marker=".")
            end = epochs[-1], values[-1]
            axis.annotate(name, end, (4, 0), textcoords="offset points", color=colors[name], va="center")
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    styles = [Line2D([], [], color="gray", ls=line, label=name) for line, name in (("--", "training"), ("-", "test"))]
    axes[0].legend(handles=styles, frameon=False)
    ends = [
        f"{name} ends at a test accuracy of {history['val_accuracy'][-1]:.2f}" for name, history in histories.items()
    ]
    figure.set_label(f"Loss and accuracy over the epochs, training dashed and test solid. {listed(ends)}.")
    return figure


@styled
def dot_plot(panels_of: Mapping[str, tuple[Mapping[str, Sequence[float]], tuple[float, float]]], label: str) -> Figure:
    """Draw runs of several networks as dots on a line each, one zoomed panel per network, all of one width.

    A value beyond its panel is written at the edge, with an arrow.

    Args:
        panels_of: dict from a network's name to (rows, band): `rows` is a dict from a row's name to its values, `band`
            the two ends of a range to shade, which the panel shows whole.
        label: what the values are, with the unit.
    """
    figure, (axes,) = panels(1, len(panels_of), 3.8, 2.1, bare=False, sharey=True)
    width = 1.7 * max(high - low for _, (low, high) in panels_of.values())
    colors, texts = colors_of(panels_of), []
    for axis, (name, (rows, (low, high))) in zip(axes, panels_of.items(), strict=True):
        left, right = (low + high - width) / 2, (low + high + width) / 2
        axis.axvspan(low, high, color="0.9", lw=0)
        for row, (marker, values) in enumerate(zip("oD*sv", rows.values(), strict=False)):
            axis.plot(values, [row] * len(values), marker, color=colors[name], ms=12 if marker == "*" else 7, alpha=0.6)
            for side, x, text in (("left", 0.02, "← {:.3f}"), ("right", 0.98, "{:.3f} →")):
                beyond = [v for v in values if (v < left if side == "left" else v > right)]
                words = ", ".join(text.format(value) for value in beyond)
                axis.text(x, row, words, transform=axis.get_yaxis_transform(), ha=side, va="center", color=colors[name])
        axis.set(title=f"{name}, band {low:.3f} to {high:.3f}", xlabel=label, xlim=(left, right))
        axis.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
        spans = [f"{row} {min(values):.3f} to {max(values):.3f}" for row, values in rows.items()]
        texts.append(f"{name}: {', '.join(spans)}, band {low:.3f} to {high:.3f}")
    figure.set_label(f"Dots for {label}. {listed(texts)}.")
    return figure


@styled
def forest(estimates: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw estimates with their intervals, one per row, beside a line at zero.

    Args:
        estimates: dict from a row's name to an estimate, whose first values are the point and the interval's ends.
        label: what is estimated, with the unit.
    """
    figure, ((axis,),) = panels(1, 1, 7.4, 0.75 + 0.36 * len(estimates), bare=False)
    axis.axvline(0, color="black", lw=1)
    for row, (value, low, high, *_) in enumerate(estimates.values()):
        reach = [[value - low], [high - value]]
        axis.errorbar(value, row, xerr=reach, fmt="o", color="dimgray", mfc="white", ms=8, lw=2)
    axis.set(yticks=range(len(estimates)), yticklabels=estimates, ylim=(len(estimates) - 0.5, -0.5), xlabel=label)
    axis.grid(axis="x", alpha=0.3)
    rows = [f"{name} {value:.3g} ({low:.3g} to {high:.3g})" for name, (value, low, high, *_) in estimates.items()]
    figure.set_label(f"Estimates with intervals, {label}: {listed(rows)}.")
    return figure


@styled
def error_frontier(
    front: np.ndarray,
    named: Mapping[str, tuple[float, float]],
    labels: tuple[str, str],
    mixtures: np.ndarray | None = None,
) -> Figure:
    """Draw two errors against each other: a curve of the lowest errors in reach, and single points.

    Args:
        front: (N, 2), the errors along the curve.
        named: dict from a point's name to its two errors.
        labels: the names of the two errors, with the unit.
        mixtures: (M, 2), the errors along a dashed line, of what is mixed from its two ends.
    """
    figure, ((axis,),) = panels(1, 1, 5.6, 3.6, bare=False)
    axis.fill_between(*np.transpose(front), color=OKABE_ITO[4], alpha=0.25, lw=0, label="out of reach")
    axis.plot(*np.transpose(front), color=OKABE_ITO[0], label="best single layers")
    if mixtures is not None:
        axis.plot(*np.transpose(mixtures), "--", color="gray", label="mixtures")
    axis.plot(0, 0, "*", color=OKABE_ITO[5], ms=16, clip_on=False, label="what we want")
    colors = *OKABE_ITO[1:5], OKABE_ITO[7]  # the star's is left out
    for marker, color, (name, point) in zip("osD^v", colors, named.items(), strict=False):
        axis.plot(*point, marker, color=color, ms=8, clip_on=False, label=name)
    axis.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, None), ylim=(0, None))
    axis.legend(frameon=False)
    points = [f"{name} {one:.1f} and {other:.1f}" for name, (one, other) in named.items()]
    figure.set_label(
        f"Two errors, {' against '.join(labels)}: a curve of the lowest errors that a single layer can reach, well "
        f"away from the star at zero{', below a dashed line of mixtures' if mixtures is not None else ''}, and points: "
        f"{listed(points)}."
    )
    return figure
