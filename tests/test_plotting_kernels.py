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


def test_kernels_at_shows_the_result_last_without_a_kernel():
    result = np.full((8, 8, 3), 0.25)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1)}, np.ones((8, 8, 3, 3)), result))
    assert [image.get_array().shape for image in drawn[:3]] == [(8, 8, 3), (3, 3), (8, 8, 3)]
    assert (drawn[2].get_array() == result).all()


def test_a_limit_ends_the_colors_of_all_kernels():
    kernels = np.ones((8, 8, 3, 3))
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1), "b": (2, 2)}, kernels, limit=0.5))
    assert [image.get_clim() for image in drawn[1:3]] == [(-0.5, 0.5)] * 2
