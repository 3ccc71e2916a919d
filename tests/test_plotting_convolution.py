"""Figures of notebook 01."""

import numpy as np

from involution_utils import plotting


def test_errors_are_drawn_where_they_are():
    figure = plotting.misses([(0, 3), (1, 1), (4, 0)], {"blur": (0, 5)}, ("wall", "face"))
    curve, _, blur = figure.axes[0].lines
    assert curve.get_xydata().tolist() == [[0, 3], [1, 1], [4, 0]]
    assert blur.get_xydata().tolist() == [[0, 5]]


def test_a_marked_point_of_the_curve_says_its_errors():
    figure = plotting.misses([(0, 3), (4, 0)], {}, ("wall", "face"), marked={"alike": (1.04, 2.5)})
    axis = figure.axes[0]
    assert axis.lines[-1].get_xydata().tolist() == [[1.04, 2.5]]
    assert [text.get_text() for text in axis.texts] == ["alike:\n1.0 and 2.5"]


def test_a_frame_lies_around_all_pixels_that_count_at_all():
    weights = np.zeros((9, 9))
    weights[2:5, 1:7] = 1e-12
    weights[3, 3] = 1
    (axis,) = plotting.receptive_fields({"depth 1": weights}).axes
    (frame,) = axis.patches
    assert (frame.get_y(), frame.get_x(), frame.get_height(), frame.get_width()) == (1.5, 0.5, 3, 6)
