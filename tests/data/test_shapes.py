"""What is drawn when nothing else is to be had."""

import time

import numpy as np
import pytest

from involution_utils.data import load_dataset


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


def test_neither_color_nor_brightness_gives_shapes_away(shapes):
    """A linear classifier sees the mean color of an image, and its spread, and stays near chance."""

    def features(x):
        x = x.reshape(len(x), -1, 3) / np.float32(255)
        return np.concatenate([x.mean(1), x.mean(1) ** 2], 1)

    train, test = features(shapes.x_train), features(shapes.x_test)
    columns = np.linalg.lstsq(np.c_[train, np.ones(len(train))], np.eye(10)[shapes.y_train], rcond=None)[0]
    accuracy = (np.c_[test, np.ones(len(test))] @ columns).argmax(1) == shapes.y_test
    assert accuracy.mean() < 0.2
