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
