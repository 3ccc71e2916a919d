"""What is drawn when nothing else is to be had."""

import time

import keras
import numpy as np
import pytest

from involution_utils.data import Batches, load_dataset


@pytest.fixture(scope="module")
def shapes():
    return load_dataset("shapes")


def test_shapes_are_drawn_in_time_and_the_same_again(shapes):
    start = time.process_time()
    again = load_dataset("shapes")
    assert time.process_time() - start < 5
    assert (len(again.x_train), len(again.x_test), len(again.class_names)) == (10_000, 2_000, 10)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shapes, name))
    assert not np.array_equal(load_dataset("shapes", seed=1).x_train, shapes.x_train)


def test_shapes_are_balanced_and_never_repeat(shapes):
    assert np.bincount(shapes.y_train).tolist() == [1000] * 10
    assert np.bincount(shapes.y_test).tolist() == [200] * 10
    assert len({image.tobytes() for image in (*shapes.x_train, *shapes.x_test)}) == 12_000


def fitted(model, dataset, epochs, seed=0):
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(Batches(dataset.x_train, dataset.y_train, seed=seed), epochs=epochs, shuffle=False, verbose=0)
    return model.evaluate(Batches(dataset.x_test, dataset.y_test, shuffle=False), verbose=0)[1]


def test_neither_color_nor_brightness_gives_shapes_away(shapes):
    """A linear classifier sees the mean color of an image, and its spread, and stays near chance."""
    keras.utils.set_random_seed(0)

    def features(x):
        x = x.reshape(len(x), -1, 3) / np.float32(255)
        return np.concatenate([x.mean(1), x.mean(1) ** 2], 1)

    train, test = features(shapes.x_train), features(shapes.x_test)
    columns = np.linalg.lstsq(np.c_[train, np.ones(len(train))], np.eye(10)[shapes.y_train], rcond=None)[0]
    accuracy = (np.c_[test, np.ones(len(test))] @ columns).argmax(1) == shapes.y_test
    assert accuracy.mean() < 0.2


@pytest.mark.slow
def test_what_the_classifiers_learn_of_shapes(shapes):
    from involution_utils.models import conv_classifier, involution_classifier

    keras.utils.set_random_seed(0)
    pixels = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10)])
    linear = fitted(pixels, shapes, 10)
    keras.utils.set_random_seed(0)
    conv = fitted(conv_classifier(), shapes, 5)
    keras.utils.set_random_seed(0)
    involution = fitted(involution_classifier(), shapes, 5)
    print(f"linear {linear:.3f}, involution {involution:.3f}, convolution {conv:.3f}")
    assert linear < 0.45
    assert conv > 0.9
    assert 0.2 < involution < conv - 0.1
