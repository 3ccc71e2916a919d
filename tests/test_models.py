"""The networks: the sizes of the original and of the paper, its authors' weights, what is counted and matched."""

import keras
import numpy as np
import pytest

from involution_utils.analysis import count_parameters, multiply_adds
from involution_utils.layers import Involution2D
from involution_utils.models import (
    OPERATORS,
    conv_classifier,
    involution_classifier,
    rednet,
    small_rednet,
)


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize(
    ("build", "trainable", "fixed"), [(conv_classifier, 319_178, 0), (involution_classifier, 13_074, 6)]
)
def test_parameters_are_the_originals(build, trainable, fixed):
    model = build()
    assert (count(model.trainable_weights), count(model.non_trainable_weights)) == (trainable, fixed)
    assert model.output_shape == (None, 10)


def test_a_pooled_head_averages_over_all_positions_of_any_size():
    assert count(conv_classifier(pooled_head=True).trainable_weights) == 61_130
    model = conv_classifier((None, None, 3), pooled_head=True)
    images = np.random.default_rng(0).random((2, 16, 24, 3)).astype("float32")
    features = np.array(keras.Model(model.inputs[0], model.get_layer("relu_3").output)(images))
    (dense, dense_bias), (logits, bias) = (model.get_layer(name).get_weights() for name in ("dense", "logits"))
    hidden = np.maximum(features.mean((1, 2)) @ dense + dense_bias, 0)
    np.testing.assert_allclose(model(images), hidden @ logits + bias, atol=1e-5)


def test_start_as_mean_makes_the_mean_of_each_window_but_for_the_generators_part():
    model = involution_classifier(start_as_mean=True)
    for layer in model.layers:
        if isinstance(layer, Involution2D):
            layer.kernel_generator.span.kernel.assign(np.zeros(layer.kernel_generator.span.kernel.shape))
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype("float32")
    outputs = np.array(model.get_layer("involution_1")(image))
    np.testing.assert_allclose(outputs[0, 5, 7], image[0, 4:7, 6:9].mean(axis=(0, 1)), rtol=1e-5)


# RedNet


@pytest.mark.parametrize(
    ("depth", "size", "billions"),
    [
        (26, 9_233_166, 1.685),
        pytest.param(38, 12_386_986, 2.167, marks=pytest.mark.long),
        pytest.param(50, 15_540_806, 2.649, marks=pytest.mark.long),
        pytest.param(101, 25_652_950, 4.659, marks=pytest.mark.long),
        pytest.param(152, 33_984_582, 6.679, marks=pytest.mark.long),
    ],
)
def test_rednet_has_the_papers_parameters_and_multiply_adds(depth, size, billions):
    model = rednet(depth)
    assert count_parameters(model) == size
    assert round(multiply_adds(model) / 1e9, 3) == billions


def test_rednet_refuses_other_depths():
    with pytest.raises(ValueError, match=r"`depth` must be 26, 38, 50, 101 or 152. Received: depth=18"):
        rednet(18)


# The small one


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_small_rednet_gives_logits_whatever_the_operator(operator):
    model = small_rednet(operator=operator, kernel_size=3)
    assert model(np.zeros((2, 32, 32, 3))).shape == (2, 10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"operator": "mixer"}, '`operator` must be "involution", "depthwise", .* or "identity". Received: operator='),
        ({"group_channels": 32}, "`group_channels` must be a divisor of 80.* Received: group_channels=32"),
        ({"operator": "static", "group_channels": 32}, "`group_channels` must be a divisor of 80"),
        ({"normalization": "layer"}, '`normalization` must be "batch" or "none"'),
        ({"kernel_size": 0}, "`kernel_size` must be a whole number of at least 1"),
        ({"kernel_generator": "context"}, "`kernel_generator` must be a function that makes a kernel generator"),
    ],
)
def test_a_small_rednet_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        small_rednet(**arguments)
