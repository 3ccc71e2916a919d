"""What is drawn when nothing else is to be had."""

import numpy as np
import pytest

from involution_utils.data import load_dataset
from involution_utils.data import shapes as drawing


@pytest.fixture
def shapes():
    return load_dataset("shapes")


def test_a_seed_draws_the_same_shapes_again_and_another_seed_others(monkeypatch):
    monkeypatch.setattr(drawing, "SHAPES_TRAIN", 100)
    first, again, other = map(drawing.draw_shapes, (0, 0, 1))
    for pair in zip(first, again, strict=True):
        np.testing.assert_array_equal(*pair)
    assert not np.array_equal(first[0], other[0])


def test_shapes_are_balanced_and_never_repeat(shapes):
    assert np.bincount(shapes.y_train).tolist() == [200] * 10
    assert np.bincount(shapes.y_test).tolist() == [50] * 10
    assert len({image.tobytes() for image in (*shapes.x_train, *shapes.x_test)}) == 2_500


def test_neither_color_nor_brightness_gives_shapes_away(shapes):
    """A linear classifier sees the mean color of an image, and its spread, and stays near chance."""

    def features(x):
        x = x.reshape(len(x), -1, 3) / np.float32(255)
        return np.concatenate([x.mean(1), x.mean(1) ** 2], 1)

    train, test = features(shapes.x_train), features(shapes.x_test)
    columns = np.linalg.lstsq(np.c_[train, np.ones(len(train))], np.eye(10)[shapes.y_train], rcond=None)[0]
    accuracy = (np.c_[test, np.ones(len(test))] @ columns).argmax(1) == shapes.y_test
    assert accuracy.mean() < 0.2
