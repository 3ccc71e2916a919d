"""What is counted, matched and looked at in a model, against counts by hand and definitions."""

import keras
import numpy as np
import pytest

from involution_utils.analysis import RULES, layer_kernels, matched_widths, multiply_adds, spatial_share
from involution_utils.layers import AttentionKernelGenerator, Involution2D
from involution_utils.models import involution_classifier, small_rednet


def test_layer_kernels_are_those_that_make_the_output():
    keras.utils.set_random_seed(1)
    model = involution_classifier(start_as_mean=True)
    images = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    kernels = layer_kernels(model, images)
    assert {name: array.shape for name, array in kernels.items()} == {
        f"involution_{n}": (2, size, size, 3, 3, 1) for n, size in [(1, 32), (2, 16), (3, 8)]
    }
    _, first = model.get_layer("involution_1")(images, return_kernels=True)
    np.testing.assert_array_equal(kernels["involution_1"], first)


def test_spatial_share_tells_places_from_images():
    rng = np.random.default_rng(0)
    between_images = np.broadcast_to(rng.normal(size=(5, 1, 1, 3, 3)), (5, 4, 4, 3, 3))
    between_places = np.broadcast_to(rng.normal(size=(1, 4, 4, 3, 3)), (5, 4, 4, 3, 3))
    assert spatial_share(between_images) == pytest.approx(0)
    assert spatial_share(between_places) == pytest.approx(1)
    assert spatial_share(np.ones((2, 4, 4, 3, 3))) == 0
    mixed = spatial_share(between_images + between_places)
    expected = between_places.var(axis=(1, 2)).mean() / (between_images + between_places).var(axis=(0, 1, 2)).mean()
    assert mixed == pytest.approx(expected)
    assert 0 < mixed < 1


def test_multiply_adds_are_those_counted_by_hand():
    inputs = keras.Input((9, 8, 16))
    x = keras.layers.Conv2D(32, 3, strides=2, padding="same")(inputs)  # 5 x 4 places
    x = keras.layers.DepthwiseConv2D(3, padding="valid")(x)  # 3 x 2 places
    x = Involution2D(5, groups=2, reduction_ratio=4)(x)
    attention = AttentionKernelGenerator(3, groups=2, reduction_ratio=4)
    x = Involution2D(3, groups=2, kernel_generator=attention)(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    involution = 6 * (32 * 8 + 8 * 50 + 25 * 32)
    local_attention = 6 * (32 * 8 * 2 + 9 * 8 + 9 * 32)
    assert multiply_adds(model) == 20 * 9 * 16 * 32 + 6 * 9 * 32 + involution + local_attention + 192 * 10


@pytest.mark.parametrize("rule", ["parameters", "multiply_adds"])
def test_no_width_comes_closer_than_the_matched_one(rule):
    quantity, widths = RULES[rule], matched_widths(rule)
    target = quantity(small_rednet())
    for operator in ("depthwise", "convolution"):
        off = {
            n: abs(quantity(small_rednet(operator=operator, width=n / 100)) - target)
            for n in range(round(100 * widths[operator]) - 4, round(100 * widths[operator]) + 5)
        }
        assert off[round(100 * widths[operator])] == min(off.values())


def test_equal_width_is_equal_and_other_rules_are_refused():
    assert set(matched_widths("width").values()) == {1.0}
    with pytest.raises(
        ValueError, match=r'`rule` must be "width", "parameters", "multiply_adds" or "time". Received: rule='
    ):
        matched_widths("fair")
