"""What a picture must not get wrong."""

import numpy as np
import pytest

from involution_utils import ParameterError, plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_a_figure_without_alt_text_is_refused():
    with pytest.raises(ParameterError, match="`alt` must be a sentence"):
        plotting.show(plotting.matrices({"a": np.eye(2)}), alt=" ")


def test_show_returns_a_png_with_its_alt_text():
    shown = plotting.show(plotting.matrices({"a": np.eye(2)}), alt="an identity matrix")
    data, metadata = shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else (None, None)
    assert metadata["image/png"]["alt"] == "an identity matrix"
    assert data["image/png"]


def test_a_grid_of_no_images_is_empty():
    figure = plotting.image_grid(np.zeros((0, 8, 8, 3)), [], columns=5)
    assert images_of(figure) == []
    assert plotting.show(figure, alt="no image").data


def test_signed_heat_maps_are_centred_on_zero():
    drawn = images_of(plotting.heat_maps({"a": np.array([[-1.0, 3.0]]), "b": np.array([[0.0, 0.5]])}, signed=True))
    low, high = drawn[0].get_clim()
    assert low == -high
    assert drawn[1].get_clim() == (low, high)


def test_gray_images_are_drawn_on_the_scale_of_their_type():
    images = [np.full((4, 4), 0.5), np.full((4, 4), 128, np.uint8)]
    drawn = images_of(plotting.image_grid(images, ["float", "bytes"]))
    assert [image.get_clim() for image in drawn] == [(0, 1), (0, 255)]


def test_frames_lie_around_their_regions():
    figure = plotting.image_grid(np.zeros((2, 9, 9)), "ab", frames={"eye": np.s_[2:5, 1:8]})
    for axis in figure.axes[:2]:
        (frame,) = axis.patches
        assert (frame.get_y(), frame.get_x(), frame.get_height(), frame.get_width()) == (2, 1, 3, 7)


def test_matrices_stand_in_rows_with_their_signs_before_them():
    figure = plotting.matrices({name: np.eye(2) for name in "abcd"}, signs=" ×=", columns=3)
    assert len(figure.axes) == 6
    assert [axis.texts[0].get_text() for axis in figure.axes[:4]] == [" ", "×", "=", " "]


def test_matrices_show_no_negative_zero():
    (axis,) = plotting.matrices({"a": np.array([[-0.04, -0.06]])}, fmt="{:+.1f}").axes
    assert [text.get_text() for text in axis.texts[1:]] == ["+0.0", "-0.1"]


def test_a_mark_circles_its_position():
    figure = plotting.heat_maps({"a": np.eye(3), "b": np.eye(3)}, marks={"b": (2, 1)})
    assert not figure.axes[0].lines
    assert figure.axes[1].lines[0].get_xydata().tolist() == [[1, 2]]


def test_bars_stack_the_parts_and_end_with_their_sum():
    figure = plotting.bars({"one": {"a": 30_000, "b": 1_000}, "two": {"b": 9_000}}, "parameters")
    (axis,) = figure.axes
    assert [(round(bar.get_x()), round(bar.get_width())) for bar in axis.patches] == [
        (0, 30_000),
        (30_000, 1_000),
        (0, 9_000),
    ]
    assert axis.patches[1].get_facecolor() == axis.patches[2].get_facecolor() != axis.patches[0].get_facecolor()
    assert [text.get_text() for text in axis.texts] == ["30.0k", "31.0k", "9.0k", "9.0k"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_what_has_a_color_on_other_pages_has_it_among_lines():
    (axis,) = plotting.lines([1, 2], {"involution": [2, 3], "other": [1, 2]}, "x", "y").axes
    assert [line.get_color() for line in axis.lines] == [plotting.OKABE_ITO[1], plotting.OKABE_ITO[0]]
