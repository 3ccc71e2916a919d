"""Figures of networks compared: cells of a factorial, effects with intervals, seeds, learning curves, costs."""

from collections.abc import Callable, Collection, Mapping, Sequence

import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from involution_utils.plotting.base import COLORS, OKABE_ITO, colors_of, panels, styled

Intervals = Callable[[Sequence[float]], tuple[float, float, float]]  # from values to (mean, low, high)


@styled
def cell_means(table: Mapping[str, Mapping[str, Sequence[float]]], intervals: Intervals, ylabel: str) -> Figure:
    """Draw the cells of a factorial: a dot per run, the mean with its interval, a line per row of the table.

    Parallel lines mean no interaction.

    Args:
        table: dict from a level of one factor to a dict from a level of the other to the values of that cell's runs.
        intervals: function from a list of values to (mean, low, high).
        ylabel: what the values are, in percent.
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axis = figure.subplots()
    columns = list(next(iter(table.values())))
    colors = colors_of(table)
    for side, (row, cells) in zip((-0.05, 0.05), table.items(), strict=False):
        means, color = [], colors[row]
        for column, values in enumerate(cells.values()):
            mean, low, high = intervals(values)
            means.append(mean)
            jitter = np.linspace(0.03, 0.12, len(values)) * np.sign(side)
            axis.plot(column + side + jitter, values, "o", color=color, alpha=0.45, ms=5, mew=0)
            axis.errorbar(column + side, mean, [[mean - low], [high - mean]], color=color, fmt="o", capsize=4, lw=2)
            beside = {"ha": "right" if side < 0 else "left", "va": "center", "color": color, "weight": "bold"}
            axis.text(column + 3.8 * side, mean, f"{mean:.1f}", **beside)
        axis.plot(np.arange(len(means)) + side, means, color=color, label=row)
    axis.set(xlim=(-0.45, len(columns) - 0.55), ylabel=ylabel)
    axis.set_xticks(range(len(columns)), columns)
    axis.grid(axis="y", alpha=0.3)
    axis.legend(frameon=False)
    return figure


@styled
def forest(
    estimates: Mapping[str, Sequence[float]],
    label: str,
    found: Collection[str] = (),
    notes: Mapping[str, str] | None = None,
    reference: float | None = 0,
) -> Figure:
    """Draw estimates with their intervals, one per row, beside a line at zero.

    Args:
        estimates: dict from a row's name to an estimate, whose first values are the point and the interval's ends.
        label: what is estimated, with the unit.
        found: names of the rows to fill: those that the test, corrected, tells from zero.
        notes: dict from a row's name to what stands behind it, such as its numbers.
        reference: where the line stands; None draws none.
    """
    figure = Figure(figsize=(7.4, 0.75 + 0.36 * len(estimates)), layout="constrained")
    axis = figure.subplots()
    if reference is not None:
        axis.axvline(reference, color="black", lw=1)
    for row, (name, (value, low, high, *_)) in enumerate(estimates.items()):
        color = OKABE_ITO[0] if name in found else "dimgray"
        axis.plot([low, high], [row, row], color=color, lw=2)
        axis.plot(value, row, "o", color=color, ms=8, mfc=color if name in found else "white", mew=1.5)
        axis.text(1.02, row, (notes or {}).get(name, ""), transform=axis.get_yaxis_transform(), va="center")
    axis.set(yticks=range(len(estimates)), yticklabels=estimates, ylim=(len(estimates) - 0.5, -0.5), xlabel=label)
    axis.grid(axis="x", alpha=0.3)
    return figure


def _label_runs(axis, xlabel, ylabel):
    """Label lines over whole numbers."""
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axis.grid(axis="y", alpha=0.3)


def _legend_beside(axis):
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


@styled
def seed_lines(seeds: Sequence[int], groups: Mapping[str, Sequence[float]], ylabel: str) -> Figure:
    """Draw, over the seeds, how far each group's run lies from the group's mean; lines that run together correlate.

    Args:
        seeds: N seeds.
        groups: dict from a name to the values of the runs with these seeds.
        ylabel: what the deviations are of.
    """
    figure = Figure(figsize=(6.4, 3), layout="constrained")
    axis = figure.subplots()
    axis.axhline(0, color="black", lw=1)
    colors = colors_of(groups)
    for marker, (name, values) in zip("osD^v", groups.items(), strict=False):
        deviations = np.subtract(values, np.mean(values))
        axis.plot(seeds, deviations, marker=marker, color=colors[name], ms=5, lw=1.2, label=name)
    _label_runs(axis, "seed", ylabel)
    _legend_beside(axis)
    return figure


@styled
def learning_curves(
    groups: Mapping[str, Sequence[Sequence[float]]], ylabel: str, enlarged: tuple[float, float] | None = None
) -> Figure:
    """Draw a thin line per run over the epochs and the mean of each group as a thick one.

    Args:
        groups: dict from a name to lists of the values after each epoch, a list per run, all of one length.
        ylabel: what the values are.
        enlarged: (low, high) of the values in a second panel with the last two fifths of the epochs; None draws none.
    """
    figure, (axes,) = panels(1, 1, 7, 3.8) if enlarged is None else panels(1, 2, 4.6, 3.8)
    colors = colors_of(groups)
    for axis in axes:
        for name, runs in groups.items():
            color = colors[name]
            epochs = np.arange(1, len(runs[0]) + 1)
            for values in runs:
                axis.plot(epochs, values, color=color, lw=0.8, alpha=0.5)
            axis.plot(epochs, np.mean(runs, axis=0), color=color, lw=2, label=f"{name} ({len(runs)})")
        _label_runs(axis, "epoch", ylabel)
    _legend_beside(axes[-1])
    if enlarged is not None:
        last = max(len(run) for runs in groups.values() for run in runs)
        axes[1].set(ylim=enlarged, xlim=(last - max(1, last * 2 // 5), last), ylabel="")
    return figure


@styled
def trade_offs(
    accuracies: Mapping[str, float],
    costs: Mapping[str, Mapping[str, float]],
    arrows: Mapping[str, str],
    ylabel: str,
) -> Figure:
    """Draw accuracy against several costs, two panels per row, on logarithmic axes; arrows from a network to another.

    Args:
        accuracies: dict from a network's name to its accuracy.
        costs: dict from a cost, with its unit, to a dict from a network's name to a positive number.
        arrows: dict from a network's name to that of the one that its arrow leads to.
        ylabel: what the accuracies are, with the unit.
    """
    figure, axes = panels(-(-len(costs) // 2), 2, 4.5, 3.5, sharey=True)
    ends = {*arrows, *arrows.values()}
    others = sorted(set(accuracies) - ends, key=lambda name: accuracies[name])
    for axis, (cost, of_network) in zip(axes.flat, costs.items(), strict=True):
        sides: dict[str, str] = {}
        for start, end in arrows.items():  # names at both ends of a short arrow point away from each other
            far = of_network[end] > 1.8 * of_network[start]
            sides |= {start: "right", end: "center" if far else "left"}
        for name, y in accuracies.items():
            color = COLORS.get(name, "dimgray") if name in ends else "dimgray"
            axis.plot(of_network[name], y, "o", color=color, ms=6)
            above = name in ends or others.index(name) % 2  # in turns, so that neighbors' names do not overlap
            place = {"xytext": (0, 9 if above else -9), "ha": sides.get(name, "center"), "va": "center"}
            axis.annotate(name, (of_network[name], y), **place, textcoords="offset points", color=color, fontsize=8)
        for start, end in arrows.items():
            points = ((of_network[name], accuracies[name]) for name in (end, start))
            style = {"arrowstyle": "-|>", "color": COLORS["involution"], "lw": 2, "shrinkA": 4, "shrinkB": 4}
            axis.annotate("", *points, arrowprops=style)
        axis.set(xlabel=cost, xscale="log")
        large = max(of_network.values()) >= 10_000
        axis.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep="") if large else "{x:g}")
        axis.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axis.margins(x=0.35, y=0.1)
        axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    return figure


@styled
def strips(groups: Mapping[str, Mapping[str, Sequence[float]]], label: str) -> Figure:
    """Draw one panel per group with one row per name and one dot per run, on a common logarithmic axis.

    Args:
        groups: dict from the panel's title to a dict from a name to the positive values of its runs.
        label: what the values are, with the unit.
    """
    figure, (axes,) = panels(1, len(groups), 2.9, 1.9, sharex=True)
    for axis, (title, named) in zip(axes, groups.items(), strict=True):
        colors = colors_of(named)
        for row, (name, values) in enumerate(named.items()):
            jitter = np.linspace(-0.15, 0.15, len(values))
            axis.plot(values, row + jitter, "o", color=colors[name], alpha=0.7, ms=5, mew=0, label=name)
        axis.set(title=title.replace("_", " "), xlabel=label, xscale="log", ylim=(len(named) - 0.5, -0.5))
        axis.set_yticks(range(len(named)), list(named) if axis is axes[0] else [])
        axis.grid(axis="x", alpha=0.3)
    return figure
