"""What is counted, matched and looked at in a model, against counts by hand and definitions."""

import keras
import numpy as np
import pytest

from involution_utils.analysis import (
    count_parameters,
    explained_by_pixels,
    layer_kernels,
    lesioned,
    multiply_adds,
    reestimate_normalization,
    spatial_share,
)
from involution_utils.checks import ParameterError
from involution_utils.layers import AttentionKernelGenerator, Involution2D
from involution_utils.models import involution_classifier, small_rednet

pytestmark = pytest.mark.usefixtures("plain")


@pytest.fixture(scope="module")
def network():
    """Two involutions, with a shortcut around the second one."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((16, 16, 3))
    x = Involution2D(3, groups=2, reduction_ratio=2, name="first")(keras.layers.Conv2D(8, 1)(inputs))
    y = Involution2D(5, strides=2, groups=4, name="second")(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling2D()(y + keras.layers.AveragePooling2D(2)(x))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


IMAGES = np.random.default_rng(1).random((6, 16, 16, 3)).astype("float32")


def test_layer_kernels_of_channels_first_are_those_that_make_the_output():
    inputs = keras.Input((4, 6, 5))
    layer = Involution2D(3, groups=2, data_format="channels_first", name="involution")
    model = keras.Model(inputs, layer(inputs))
    images = np.random.default_rng(0).random((2, 4, 6, 5)).astype("float32")
    kernels = layer_kernels(model, images)["involution"]
    np.testing.assert_allclose(kernels, layer(images, return_kernels=True)[1], rtol=1e-5, atol=1e-6)


def test_layer_kernels_apply_no_kernel_that_no_later_one_needs(monkeypatch):
    applied, call = [], Involution2D.call
    model, images = involution_classifier(), np.zeros((1, 32, 32, 3), "float32")
    monkeypatch.setattr(Involution2D, "call", lambda layer, *a, **k: applied.append(layer.name) or call(layer, *a, **k))
    layer_kernels(model, images)
    assert applied == ["involution_1", "involution_2"]


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


def test_multiply_adds_of_frozen_nested_and_channels_first_layers_count():
    inner = keras.Sequential([keras.Input((8, 6, 4)), keras.layers.Conv2D(5, 3, padding="same")])
    model = keras.Sequential([keras.Input((8, 6, 4)), inner, keras.layers.Flatten(), keras.layers.Dense(2)])
    model.trainable = False
    assert multiply_adds(model) == 48 * 9 * 4 * 5 + 48 * 5 * 2
    first = keras.layers.Conv2D(5, 3, padding="same", data_format="channels_first")
    assert multiply_adds(keras.Sequential([keras.Input((4, 8, 6)), first])) == 48 * 9 * 4 * 5


def test_layer_kernels_of_a_residual_network_are_those_that_make_its_outputs(network):
    kernels = layer_kernels(network, IMAGES, batch_size=3)
    assert list(kernels) == ["first", "second"]
    layer = network.get_layer("second")
    inputs = keras.Model(network.input, layer.input)(IMAGES)
    np.testing.assert_allclose(kernels["second"], layer(inputs, return_kernels=True)[1], atol=1e-6)
    assert kernels["second"].shape == (6, 8, 8, 5, 5, 4)
    assert layer_kernels(keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1)]), IMAGES) == {}


def test_shared_depthwise_costs_what_depthwise_does_and_fewer_weights():
    shared, own = small_rednet(operator="static"), small_rednet(operator="depthwise")
    assert multiply_adds(shared) == multiply_adds(own)
    assert count_parameters(own) - count_parameters(shared) == 25 * (304 - 304 // 16)


# Kernels


def test_explained_by_pixels_is_r_squared():
    rng = np.random.default_rng(0)
    images = rng.random((5, 8, 8, 3))
    blocks = images.reshape(5, 4, 2, 4, 2, 3).mean((2, 4))
    pattern, noise = rng.normal(size=(3, 3)), rng.normal(size=(5, 4, 4, 3, 3))
    colors = (blocks @ [0.1, -0.5, 2.0])[..., None, None] * pattern + 1
    assert explained_by_pixels(colors, images) == pytest.approx(1)
    brightness = images.mean(-1, keepdims=True)
    assert explained_by_pixels(blocks.mean(-1)[..., None, None] * pattern + 1, brightness) == pytest.approx(1)
    assert explained_by_pixels(noise, brightness) < 0.1
    assert explained_by_pixels(noise, images) < 0.1
    assert explained_by_pixels(np.ones((5, 4, 4, 3, 3)), images) == 0
    assert explained_by_pixels(noise, np.ones((5, 8, 8, 3))) == 0
    for seen in (images, images[..., [2]], brightness):
        mixed = colors + 0.1 * noise
        columns = seen.reshape(5, 4, 2, 4, 2, -1).mean((2, 4)).reshape(80, -1)
        ones, flat = np.concatenate([np.ones((80, 1)), columns], 1), mixed.reshape(80, 9)
        residual = flat - ones @ np.linalg.lstsq(ones, flat, rcond=None)[0]
        expected = 1 - (residual**2).sum() / ((flat - flat.mean(0)) ** 2).sum()
        assert explained_by_pixels(mixed, seen) == pytest.approx(expected)


# Lesions


@pytest.mark.parametrize("lesion", ["image_mean", "dataset_mean", "position_mean", "shuffled", "zero"])
def test_lesioned_kernels_are_what_the_name_says(network, lesion):
    name = "first"  # its input does not depend on any other lesion
    before, after = layer_kernels(network, IMAGES)[name], layer_kernels(lesioned(network, lesion, IMAGES), IMAGES)[name]
    if lesion == "image_mean":
        expected = np.broadcast_to(before.mean((1, 2), keepdims=True), before.shape)
    elif lesion == "dataset_mean":
        expected = np.broadcast_to(before.mean((0, 1, 2)), before.shape)
    elif lesion == "position_mean":
        expected = np.stack([sum(before) / len(before)] * len(before))
        assert not np.allclose(expected[:, :1], expected, atol=1e-3)  # positions keep kernels of their own
    elif lesion == "zero":
        expected = np.zeros_like(before)
    else:
        flat, expected = before.reshape(6, 256, -1), after
        assert not np.allclose(before, after)
        np.testing.assert_allclose(np.sort(flat, 1), np.sort(after.reshape(6, 256, -1), 1), atol=1e-6)
    np.testing.assert_allclose(after, expected, atol=1e-5)


def test_a_lesion_changes_the_named_layer_alone_and_not_the_model_itself(network, tmp_path):
    before = np.array(network(IMAGES))
    changed = lesioned(network, "image_mean", names=["second"])
    kernels, made = layer_kernels(network, IMAGES), layer_kernels(changed, IMAGES)
    np.testing.assert_allclose(made["first"], kernels["first"], atol=1e-5)
    assert np.ptp(made["second"], axis=(1, 2)).max() < 1e-6 < np.ptp(kernels["second"])
    np.testing.assert_array_equal(network(IMAGES), before)
    assert not np.allclose(changed(IMAGES), before)
    changed.save(tmp_path / "lesioned.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "lesioned.keras")(IMAGES), changed(IMAGES), atol=1e-5)


def test_lesions_of_unknown_names_are_refused(network):
    with pytest.raises(ParameterError, match="no involution `block_9`"):
        lesioned(network, "shuffled", names=["block_9"])
    with pytest.raises(ParameterError, match="`lesion` must be"):
        lesioned(network, "removed")
    with pytest.raises(ParameterError, match="`images` must be an array"):
        lesioned(network, "dataset_mean")
    with pytest.raises(ParameterError, match="`images` must be an array"):
        lesioned(network, "position_mean")


def test_involutions_in_a_model_inside_the_model_are_not_left_out_without_a_word(network):
    outer = keras.Sequential([keras.Input((16, 16, 3)), network])
    for look in (lambda: lesioned(outer, "zero"), lambda: layer_kernels(outer, IMAGES)):
        with pytest.raises(ParameterError, match="all involutions among its own layers, none in a model inside"):
            look()


def test_a_networks_answer_with_the_mean_kernel_of_each_position_is_that_of_the_kernels_by_hand():
    keras.utils.set_random_seed(4)
    inputs = keras.Input((5, 7, 4))
    layer = Involution2D(3, groups=2, reduction_ratio=1, name="involution")
    model = keras.Model(inputs, layer(inputs))
    images = np.random.default_rng(2).normal(size=(6, 5, 7, 4)).astype("float32")
    kernels, padded = (
        layer_kernels(model, images)["involution"].mean(0),
        np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)]),
    )
    answer = np.array(lesioned(model, "position_mean", images)(images[:2]))
    for n, i, j, c in [(0, 0, 0, 0), (1, 4, 6, 3), (0, 2, 3, 2), (1, 0, 5, 1)]:
        expected = (padded[n, i : i + 3, j : j + 3, c] * kernels[i, j, :, :, c // 2]).sum()
        np.testing.assert_allclose(answer[n, i, j, c], expected, rtol=1e-4, atol=1e-6)
    assert not np.array(lesioned(model, "zero")(images)).any()


def test_normalization_is_reestimated_as_the_mean_over_the_batches():
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, keras.layers.BatchNormalization(momentum=0.9)(inputs))
    images = np.random.default_rng(0).normal(3, 2, (40, 4, 4, 2)).astype("float32")
    reestimate_normalization(model, images, batch_size=10)
    layer = model.layers[1]
    np.testing.assert_allclose(layer.moving_mean, images.mean((0, 1, 2)), rtol=1e-4)
    variances = images.reshape(4, 10, 4, 4, 2).var((1, 2, 3)).mean(0)
    np.testing.assert_allclose(layer.moving_variance, variances, rtol=1e-3)
    assert layer.momentum == 0.9


def test_the_normalization_inside_a_lesioned_generator_is_reestimated_too(network):
    changed = lesioned(network, "image_mean")
    reestimate_normalization(changed, IMAGES)
    inner = changed.get_layer("second").kernel_generator.generator.normalize
    assert np.abs(inner.moving_mean).min() > 0  # zero before: it was never trained
