"""What notebook 07 writes on its page is what the lab ran."""

import keras
import numpy as np
import pytest
from notebook_page import definitions

from involution_utils import Involution2D
from involution_utils.models.kernel_generators import KERNEL_GENERATORS
from involution_utils.models.small_rednet import small_rednet
from lab import labels


@pytest.fixture(scope="module")
def page():
    return definitions("07_your_own", ["operators"])


def alike(first, second):
    """Give `second` the weights of `first`, in their order, none of them as they were at the start."""
    rng = np.random.default_rng(0)
    assert [w.shape for w in first.weights] == [w.shape for w in second.weights]
    values = [rng.uniform(0.1, 1, w.shape) for w in first.weights]
    first.set_weights(values)
    second.set_weights(values)


@pytest.mark.parametrize("name", KERNEL_GENERATORS)
def test_the_generators_are_those_of_the_page(name, page):
    images = np.random.default_rng(1).normal(size=(2, 7, 10, 8)).astype("float32")
    settings = {"strides": 2, "groups": 2, "reduction_ratio": 3}
    ours, theirs = KERNEL_GENERATORS[name](3, **settings), page[name.capitalize()](3, **settings)
    ours(images), theirs(images)
    alike(ours, theirs)
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-5)
    copy = type(ours).from_config(ours.get_config())
    copy(images)
    alike(ours, copy)
    np.testing.assert_array_equal(ours(images), copy(images))


def test_the_default_generator_is_that_of_the_page(page):
    images = np.random.default_rng(1).normal(size=(2, 7, 10, 8)).astype("float32")
    ours = Involution2D(3, use_bias=False)
    theirs = Involution2D(3, kernel_generator=page["Generator"](3))
    ours(images), theirs(images)
    assert len(ours.weights) == len(theirs.weights) == 7
    for name in ("reduce", "normalize", "span"):
        alike(getattr(ours.kernel_generator, name), getattr(theirs.kernel_generator, name))
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-4)


def test_a_network_takes_a_generator_by_its_name(tmp_path):
    model = small_rednet(kernel_generator="position", group_channels=8, width=0.5)
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(images), model(images), atol=1e-5)
    with pytest.raises(ValueError, match='"context", "position" or "mixture"'):
        small_rednet(kernel_generator="contex")


@pytest.mark.parametrize("operator", ["involution", "depthwise"])
def test_the_networks_that_label_are_those_of_the_page(operator, page):
    images = np.random.default_rng(1).random((2, 13, 9, 3)).astype("float32")
    ours, theirs = labels.build(operator), page["labeler"](page["operators"][operator])
    alike(ours, theirs)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


def test_the_scores_are_those_of_the_page(page):
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.integers(0, 3, (2, 4, 5)), 3, axis=1), 3, axis=2)
    found = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 4, truth.shape))
    assert labels.scores(truth, found) == pytest.approx(page["scores"](truth, found))
