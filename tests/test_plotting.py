"""Figures: what a picture must not get wrong, and the texts that stand beside it."""

import numpy as np
import pytest

from involution_utils import plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_a_figure_without_alt_text_is_refused():
    with pytest.raises(ValueError, match="alt must say"):
        plotting.show(plotting.matrices({"a": np.eye(2)}), alt=" ")


def test_show_returns_a_png_with_its_alt_text():
    shown = plotting.show(plotting.matrices({"a": np.eye(2)}), alt="an identity matrix")
    data, metadata = shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else (None, None)
    assert metadata["image/png"]["alt"] == "an identity matrix"
    assert data["image/png"]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([1.0, 2.0], [1.0, 2.0], "largest difference: 0"),
        ([1.0], [1.0 + 4e-7], "largest difference: below 1e-06"),
        ([0.0], [-30.0], "largest difference: below 1e+02"),
        ([0.0, 1.0], [0.0, 1.5], "largest difference: below 1e+00"),
    ],
)
def test_difference_names_a_power_of_ten_that_is_never_too_small(one, other, words):
    assert plotting.difference(np.array(one), np.array(other)).data == words


def test_difference_refuses_arrays_of_different_shapes():
    with pytest.raises(ValueError, match=r"shape.*\(2,\).*\(2, 1\)"):
        plotting.difference(np.zeros(2), np.zeros((2, 1)))


def test_table_formats_numbers_for_readers():
    lines = plotting.table("a | b | c", [[12345, 0.123456, True]]).data.splitlines()
    assert lines == ["| a | b | c |", "| --- | --- | --- |", "| 12,345 | 0.123 | yes |"]


def test_table_refuses_a_row_that_does_not_fit():
    with pytest.raises(ValueError, match="needs 2 values"):
        plotting.table("a | b", [[1, 2, 3]])


def test_maps_of_one_layer_share_a_scale_and_layers_do_not():
    rng = np.random.default_rng(0)
    maps = {"first": rng.random((3, 8, 8)), "second": 100 * rng.random((3, 4, 4))}
    drawn = images_of(plotting.kernel_maps(rng.random((3, 8, 8, 3)), maps))
    scales = [
        image.get_clim()
        for image in drawn
        if image.get_array().ndim == 2 and image.get_array().shape in [(8, 8), (4, 4)]
    ]
    assert len(set(scales[:3])) == len(set(scales[3:6])) == 1
    assert scales[0] != scales[3]


def test_a_grid_of_no_images_is_empty():
    figure = plotting.image_grid(np.zeros((0, 8, 8, 3)), [], columns=5)
    assert images_of(figure) == []
    assert plotting.show(figure, alt="no image").data


def test_signed_heat_maps_are_centred_on_zero():
    drawn = images_of(plotting.heat_maps({"a": np.array([[-1.0, 3.0]]), "b": np.array([[0.0, 0.5]])}, signed=True))
    low, high = drawn[0].get_clim()
    assert low == -high
    assert drawn[1].get_clim() == (low, high)


def test_confusion_shows_per_cent_of_the_true_class():
    counts = np.array([[8, 2], [5, 15]])
    (drawn,) = images_of(plotting.confusion({"a": counts}, ("cat", "dog")))[:1]
    np.testing.assert_allclose(drawn.get_array(), [[80, 20], [25, 75]])


def test_kernels_at_scales_places_to_a_pooled_layer():
    kernels = np.arange(16.0).reshape(4, 4, 1, 1)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"corner": (7, 2)}, kernels))
    assert drawn[1].get_array().item() == kernels[3, 1].item()


def test_trade_offs_put_each_operator_at_its_costs_and_its_mean():
    def runs(accuracies, **costs):
        fixed = {"epochs": 3, "train_images": 130, "batch_size": 64, "seconds_per_step": 2.0}
        return [fixed | costs | {"test_accuracy": accuracy} for accuracy in accuracies]

    first = runs([0.1, 0.3], trainable_parameters=10, multiply_adds=20, peak_memory_mib=30)
    second = runs([0.5, 0.7], trainable_parameters=40, multiply_adds=50, peak_memory_mib=60)
    table = {"width": {"one": first, "two": second}}
    figure = plotting.trade_offs(table, lambda a: (np.mean(a), min(a), max(a)))
    points = [[bar.lines[0].get_xydata()[0].tolist() for bar in axis.containers] for axis in figure.axes]
    expected = [(10, 40), (20, 50), (18, 18), (30, 60)]  # 3 epochs of 3 steps of 2 s
    assert points == [[[x, pytest.approx(0.2)], [other, pytest.approx(0.6)]] for x, other in expected]
