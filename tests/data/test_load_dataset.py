"""Arguments and subsets."""

import numpy as np
import pytest

from involution_utils.data import load_dataset


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "mnist"}, "name.*'mnist'"),
        ({"train_size": 0}, "train_size.*from 10 to 10,000.*train_size=0"),
        ({"train_size": 9}, "train_size=9"),
        ({"train_size": 10_001}, "train_size=10001"),
        ({"train_size": 100.5}, "train_size=100.5"),
        ({"train_size": True}, "train_size=True"),
        ({"test_size": -1}, "test_size=-1"),
        ({"test_size": "100"}, "test_size='100'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        load_dataset(**{"name": "shapes", **options})


def test_subsets_are_balanced_reproducible_and_nested(load, server):
    load(server.url + "/good")
    a, b, other = load(train_size=95, test_size=30), load(train_size=95, test_size=30), load(train_size=95, seed=1)
    counts = np.bincount(a.y_train)
    assert counts.sum() == 95
    assert counts.max() - counts.min() <= 1
    assert np.bincount(a.y_test).tolist() == [3] * 10
    np.testing.assert_array_equal(a.x_train, b.x_train)
    assert not np.array_equal(a.x_train, other.x_train)
    everything = {
        image.tobytes(): label for image, label in zip(*(lambda d: (d.x_train, d.y_train))(load()), strict=True)
    }
    assert all(everything[image.tobytes()] == label for image, label in zip(a.x_train, a.y_train, strict=True))
    small = {image.tobytes() for image in load(train_size=20).x_train}
    assert small < {image.tobytes() for image in a.x_train}
