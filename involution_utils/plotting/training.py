"""Figures of trainings: curves, the spread of runs, confusion."""

import numpy as np
from matplotlib.figure import Figure

from involution_utils.plotting.base import OKABE_ITO, panels, styled


@styled
def curves(histories, reference=None):
    """Draw loss and accuracy over the epochs, training dashed and test solid, one color per model.

    Args:
        histories: dict from a model's name to what `train` returned.
        reference: dict from a model's name to (low, high), a band of final test accuracies to mark at the right edge.
    """
    figure, (axes,) = panels(1, 2, 4.2, 3.2)
    for color, (name, history) in zip(OKABE_ITO, histories.items(), strict=False):
        epochs = range(1, len(history["loss"]) + 1)
        for axis, metric in zip(axes, ("loss", "accuracy"), strict=True):
            mark = "." if len(epochs) < 3 else None
            axis.plot(epochs, history[metric], "--", color=color, marker=mark, label=f"{name}, training")
            axis.plot(epochs, history[f"val_{metric}"], "-", color=color, marker=mark, label=f"{name}, test")
    for axis, label in zip(axes, ("cross-entropy (nats)", "accuracy"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False)
    return figure


@styled
def spread(groups, label, own=None):
    """Draw one dot per run, one row per group, with the mean as a bar; `own` adds the reader's run as a star.

    Args:
        groups: dict from a name to the values of its runs.
        label: what the values are, with the unit.
        own: dict from a name to the reader's value.
    """
    figure = Figure(figsize=(7, 0.6 + 0.55 * len(groups)), layout="constrained")
    axis = figure.subplots()
    for row, (color, (name, values)) in enumerate(zip(OKABE_ITO, groups.items(), strict=False)):
        axis.plot(values, [row] * len(values), "o", color=color, alpha=0.6, ms=8, mew=0)
        axis.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=color, lw=2)
        if own and name in own:
            axis.plot(own[name], row, "*", color="black", ms=14, label="your run")
    axis.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.4, -0.6), xlabel=label)
    if own:
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(handles[:1], labels[:1], frameon=False)
    return figure


@styled
def confusion(named, class_names):
    """Draw confusion matrices side by side: row the true class, column the predicted one, in percent of the row.

    Args:
        named: dict from a model's name to an array (classes, classes) of counts.
        class_names: the classes' names, in order.
    """
    figure, (axes,) = panels(1, len(named), 4.3, 4)
    for axis, (name, counts) in zip(axes, named.items(), strict=True):
        percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        drawn = axis.imshow(percent, vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(percent):
            if value >= 9.5:
                color = "black" if value > 55 else "white"
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=7)
        ticks = range(len(class_names))
        axis.set(xticks=ticks, yticks=ticks, yticklabels=class_names, xlabel="predicted", ylabel="true", title=name)
        axis.set_xticks(ticks, class_names, rotation=60, ha="right", rotation_mode="anchor")
    figure.colorbar(drawn, ax=axes, label="% of the true class's images", shrink=0.7)
    return figure
