"""Figures of kernels."""

import numpy as np

from involution_utils import plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


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


def test_kernels_at_scales_places_to_a_pooled_layer():
    kernels = np.arange(16.0).reshape(4, 4, 1, 1)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"corner": (7, 2)}, kernels))
    assert drawn[1].get_array().item() == kernels[3, 1].item()


def test_marks_are_hollow_so_that_their_pixel_can_be_seen():
    axes = plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1), "b": (5, 2)}, np.ones((8, 8, 3, 3))).axes[0]
    assert [line.get_markerfacecolor() for line in axes.lines] == ["none"] * 4
    assert {tuple(line.get_xydata()[0]) for line in axes.lines} == {(1, 1), (2, 5)}


def test_kernels_at_shows_the_result_last_without_a_kernel():
    result = np.full((8, 8, 3), 0.25)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1)}, np.ones((8, 8, 3, 3)), result))
    assert [image.get_array().shape for image in drawn[:3]] == [(8, 8, 3), (3, 3), (8, 8, 3)]
    assert (drawn[2].get_array() == result).all()


def test_a_limit_ends_the_colors_of_all_kernels():
    kernels = np.ones((8, 8, 3, 3))
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1), "b": (2, 2)}, kernels, limit=0.5))
    assert [image.get_clim() for image in drawn[1:3]] == [(-0.5, 0.5)] * 2


def test_lesions_draws_each_measurement_once_hollow_until_the_normalization_is_estimated_anew():
    def measured(lesion, layer, reestimated, accuracy):
        names = ("lesion", "layer", "reestimated", "validation_accuracy")
        return dict(zip(names, (lesion, layer, reestimated, accuracy), strict=True))

    records = [measured("none", "all", False, 0.9), measured("none", "all", True, 0.91)]
    records += [measured("shuffled", "block_1_involution", False, 0.5), measured("dataset_mean", "all", True, 0.7)]
    other = [one | {"validation_accuracy": one["validation_accuracy"] / 2} for one in records]
    axes = plotting.lesions({"one": records, "other": other}).axes
    dots = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [0.5, 0.7]
    assert [line.get_markerfacecolor() == "white" for line in dots] == [True, False]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["block 1", "all"]
    assert [round(dot.get_ydata()[0]) for dot in dots] == [0, 1]
    assert np.ptp(axes[0].get_xlim()) == np.ptp(axes[1].get_xlim())  # losses compare by eye


def test_dots_of_five_lesions_of_a_layer_do_not_cover_each_other():
    names = ("dataset_mean", "image_mean", "position_mean", "shuffled", "zero")
    records = [{"lesion": name, "layer": "all", "reestimated": True, "validation_accuracy": 0.5} for name in names]
    none = [record | {"lesion": "none", "validation_accuracy": 0.9} for record in records[:1]]
    dots = [line for line in plotting.lesions({"one": none + records}).axes[0].lines if line.get_marker() == "o"]
    heights = sorted(dot.get_ydata()[0] for dot in dots)
    assert min(np.diff(heights)) > 0.1
    assert -0.5 < heights[0] < heights[-1] < 0.5
    assert len({dot.get_color() if dot.get_mfc() == "white" else dot.get_mfc() for dot in dots}) == 5
