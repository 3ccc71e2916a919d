"""Figures of networks compared: accuracy against cost."""

import math
from collections.abc import Callable, Mapping, Sequence

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from involution_utils.plotting.base import OKABE_ITO, panels, styled


@styled
def trade_offs(
    table: Mapping[str, Mapping[str, list[dict]]], intervals: Callable[[list[float]], tuple[float, float, float]]
) -> Figure:
    """Draw test accuracy against four costs: parameters, multiply-adds, training time and peak memory.

    Args:
        table: dict from a rule to a dict from an operator to the records of its runs, with `seconds_per_step` and
            `peak_memory_mib`; one color per operator, one marker per rule.
        intervals: function from a list of accuracies to (mean, low, high), the point and its bar.
    """
    costs = {
        "trainable parameters": lambda run: run["trainable_parameters"],
        "multiply-adds per image": lambda run: run["multiply_adds"],
        "training time (s)": lambda run: (
            run["seconds_per_step"] * run["epochs"] * math.ceil(run["train_images"] / run["batch_size"])
        ),
        "peak memory (MiB)": lambda run: run["peak_memory_mib"],
    }
    figure, axes = panels(2, 2, 4.2, 3.2)
    operators = list(next(iter(table.values())))
    for marker, by_operator in zip("os^D", table.values(), strict=False):
        for color, operator in zip(OKABE_ITO, operators, strict=False):
            runs = by_operator[operator]
            mean, low, high = intervals([run["test_accuracy"] for run in runs])
            for axis, cost in zip(axes.flat, costs.values(), strict=True):
                x = np.median([cost(run) for run in runs])
                bar = [[mean - low], [high - mean]]
                axis.errorbar(x, mean, bar, fmt=marker, color=color, ms=6, lw=1, capsize=2, alpha=0.8)
    for axis, name in zip(axes.flat, costs, strict=True):
        axis.set(xlabel=name, ylabel="test accuracy")
        axis.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter())
        axis.grid(alpha=0.3)
    handles = [Line2D([], [], marker="o", ls="", color=c, label=o) for c, o in zip(OKABE_ITO, operators, strict=False)]
    handles += [
        Line2D([], [], marker=m, ls="", color="gray", label=f"equal {rule.replace('_', '-')}")
        for m, rule in zip("os^D", table, strict=False)
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
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
        for row, (color, (name, values)) in enumerate(zip(OKABE_ITO, named.items(), strict=False)):
            jitter = np.linspace(-0.15, 0.15, len(values))
            axis.plot(values, row + jitter, "o", color=color, alpha=0.7, ms=5, mew=0, label=name)
        axis.set(title=title.replace("_", " "), xlabel=label, xscale="log", ylim=(len(named) - 0.5, -0.5))
        axis.set_yticks(range(len(named)), list(named) if axis is axes[0] else [])
        axis.grid(axis="x", alpha=0.3)
    return figure
