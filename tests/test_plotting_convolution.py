"""Figures of notebook 01."""

from involution_utils import plotting


def test_errors_are_drawn_where_they_are():
    figure = plotting.misses([(0, 3), (1, 1), (4, 0)], {"blur": (0, 5)}, ("wall", "face"))
    curve, _, blur = figure.axes[0].lines
    assert curve.get_xydata().tolist() == [[0, 3], [1, 1], [4, 0]]
    assert blur.get_xydata().tolist() == [[0, 5]]
