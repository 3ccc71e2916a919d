"""Figures of networks compared: each draws the numbers that it was given, where they belong."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from involution_utils import plotting
from involution_utils.plotting import OKABE_ITO


def extent(values):
    return np.mean(values), min(values), max(values)


def bars(axis):
    """The points of an axis's error bars with the ends of their bars."""
    containers = [each for each in axis.containers if isinstance(each, ErrorbarContainer)]
    ends = [each.lines[2][0].get_segments()[0] for each in containers]
    return [(*each.lines[0].get_xydata()[0], *end[:, 1]) for each, end in zip(containers, ends, strict=True)]


def test_cell_means_stand_above_their_column_with_every_run_beside_them():
    table = {"one": {"left": [0.1, 0.3], "right": [0.5]}, "other": {"left": [0.2], "right": [0.4, 0.6, 0.8]}}
    (axis,) = plotting.cell_means(table, extent, "accuracy").axes
    found = [(round(x), *rest) for x, *rest in bars(axis)]
    assert found == [
        (0, pytest.approx(0.2), 0.1, pytest.approx(0.3)),
        (1, 0.5, 0.5, 0.5),
        (0, 0.2, 0.2, 0.2),
        (1, pytest.approx(0.6), pytest.approx(0.4), pytest.approx(0.8)),
    ]
    assert [text.get_text() for text in axis.texts] == ["0.2", "0.5", "0.2", "0.6"]
    runs = sorted(value for line in axis.lines if line.get_alpha() for value in line.get_ydata())
    assert runs == sorted(v for cells in table.values() for values in cells.values() for v in values)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["left", "right"]
    joined = {line.get_label(): line.get_ydata().tolist() for line in axis.lines if line.get_label() in table}
    assert joined == {"one": pytest.approx([0.2, 0.5]), "other": pytest.approx([0.2, 0.6])}


def test_a_forest_has_a_row_per_estimate_and_fills_the_findings():
    estimates = {"a": (0.2, 0.1, 0.3, 0.01), "b": (-0.1, -0.4, 0.2, 0.5)}
    (axis,) = plotting.forest(estimates, "difference", ["a"], {"b": "p = 0.5"}).axes
    assert [text.get_text() for text in axis.texts] == ["", "p = 0.5"]
    zero, *drawn = axis.lines
    assert set(zero.get_xdata()) == {0}
    intervals, points = drawn[::2], drawn[1::2]
    assert [(*line.get_xdata(), line.get_ydata()[0]) for line in intervals] == [(0.1, 0.3, 0), (-0.4, 0.2, 1)]
    assert [(line.get_xdata()[0], line.get_markerfacecolor()) for line in points] == [
        (0.2, OKABE_ITO[0]),
        (-0.1, "white"),
    ]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_seed_lines_are_deviations_from_the_mean():
    (axis,) = plotting.seed_lines([0, 1, 4], {"a": [1, 2, 6], "b": [5, 5, 5]}, "deviation").axes
    found = {line.get_label(): line.get_ydata().tolist() for line in axis.lines[1:]}
    assert found == {"a": [-2, -1, 3], "b": [0, 0, 0]}
    assert [line.get_xdata().tolist() for line in axis.lines[1:]] == 2 * [[0, 1, 4]]


def test_learning_curves_show_each_run_and_the_mean_with_their_number():
    groups = {"a": [[0.1, 0.2], [0.3, 0.6]], "b": [[0.5, 0.7, 0.8]]}
    (axis,) = plotting.learning_curves(groups, "accuracy").axes
    found = {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axis.lines}
    assert found["a (2)"] == ([1, 2], pytest.approx([0.2, 0.4]))
    assert found["b (1)"] == ([1, 2, 3], [0.5, 0.7, 0.8])
    assert [line.get_ydata().tolist() for line in axis.lines[:2]] == groups["a"]


def test_learning_curves_enlarge_the_last_epochs():
    whole, end = plotting.learning_curves({"a": [[0.1] * 20]}, "accuracy", enlarged=(0.05, 0.2)).axes
    assert (end.get_xlim(), end.get_ylim()) == ((12, 20), (0.05, 0.2))
    assert (whole.get_legend(), end.get_legend().get_texts()[0].get_text()) == (None, "a (1)")
    assert whole.get_xlim()[0] < 1


def test_trade_offs_put_each_network_at_its_costs_and_draw_the_arrows():
    accuracies = {"one": 20.0, "two": 60.0, "three": 50.0}
    costs = {"parameters": {"one": 10, "two": 40, "three": 30}, "ms": {"one": 0.5, "two": 7, "three": 3}}
    figure = plotting.trade_offs(accuracies, costs, {"one": "two"}, "accuracy")
    for axis, (cost, values) in zip(figure.axes, costs.items(), strict=True):
        assert axis.get_xlabel() == cost
        assert [tuple(line.get_xydata()[0]) for line in axis.lines] == [(values[n], y) for n, y in accuracies.items()]
        *names, arrow = axis.texts
        assert [(text.get_text(), text.xy) for text in names] == [(n, (values[n], y)) for n, y in accuracies.items()]
        assert (arrow.xy, arrow.xyann) == ((values["two"], 60.0), (values["one"], 20.0))


def test_strips_have_a_panel_per_group_and_a_row_per_name():
    groups = {"first_task": {"a": [0.1, 0.2], "b": [1.0]}, "second": {"a": [0.5], "b": [2.0, 3.0]}}
    figure = plotting.strips(groups, "error")
    assert [axis.get_title() for axis in figure.axes] == ["first task", "second"]
    for axis, named in zip(figure.axes, groups.values(), strict=True):
        assert [line.get_xdata().tolist() for line in axis.lines] == list(named.values())
        assert [round(line.get_ydata().mean()) for line in axis.lines] == [0, 1]
        assert axis.get_xscale() == "log"
