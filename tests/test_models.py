"""The classifiers: exactly the original's sizes, and the helpers that look at their kernels."""

import keras
import numpy as np
import pytest

from involution_utils.layers import Involution2D
from involution_utils.models import conv_classifier, involution_classifier, layer_kernels, spatial_share


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize(
    ("build", "trainable", "fixed"), [(conv_classifier, 319_178, 0), (involution_classifier, 13_074, 6)]
)
def test_parameters_are_the_originals(build, trainable, fixed):
    model = build()
    assert (count(model.trainable_weights), count(model.non_trainable_weights)) == (trainable, fixed)
    assert model.output_shape == (None, 10)


def test_one_involution_has_26_parameters():
    layers = [layer for layer in involution_classifier().layers if isinstance(layer, Involution2D)]
    assert [layer.count_params() for layer in layers] == [26, 26, 26]


def test_outputs_are_logits():
    logits = conv_classifier()(np.random.default_rng(0).random((4, 32, 32, 3)))
    assert not np.allclose(np.sum(logits, axis=-1), 1)


def test_start_as_mean_makes_the_mean_of_each_window_but_for_the_generators_part():
    model = involution_classifier(start_as_mean=True)
    for layer in model.layers:
        if isinstance(layer, Involution2D):
            layer.kernel_generator.span.kernel.assign(np.zeros(layer.kernel_generator.span.kernel.shape))
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype("float32")
    outputs = np.array(model.get_layer("involution_1")(image))
    np.testing.assert_allclose(outputs[0, 5, 7], image[0, 4:7, 6:9].mean(axis=(0, 1)), rtol=1e-5)


def test_start_as_mean_survives_saving_and_other_seeds_change_the_rest():
    keras.utils.set_random_seed(0)
    one = involution_classifier(start_as_mean=True)
    assert np.allclose(one.get_layer("involution_2").kernel_generator.span.bias, 1 / 9)
    clone = keras.models.clone_model(one)
    assert [w.shape for w in clone.weights] == [w.shape for w in one.weights]


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
