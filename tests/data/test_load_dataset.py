"""Arguments and subsets."""

import hashlib

import numpy as np
import pytest

from involution_utils.data import load_dataset


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "mnist"}, "name.*'mnist'"),
        ({"train_size": 301}, "train_size=301"),
        ({"test_size": "100"}, "test_size='100'"),
        ({"seed": 2**32}, "`seed` must be a whole number from 0 to 4,294,967,295"),
        ({"validation_size": 9}, "`validation_size` must be a whole number from 10 to 290.*=9"),
        ({"validation_size": 100, "train_size": 201}, "`train_size` .* from 10 to 200"),
        ({"cache_dir": 3, "name": "cifar10"}, "`cache_dir` must be the name of a folder. Received: cache_dir=3"),
    ],
)
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        load_dataset(**{"name": "shapes", **options})


def pictures(images):
    return [image.tobytes() for image in images]


def test_subsets_are_balanced_reproducible_and_nested(load, server):
    load(server.url + "/good")
    a, b, other = load(train_size=95, test_size=30), load(train_size=95, test_size=30), load(train_size=95, seed=1)
    counts = np.bincount(a.y_train)
    assert counts.sum() == 95
    assert counts.max() - counts.min() <= 1
    assert np.bincount(a.y_test).tolist() == [3] * 10
    np.testing.assert_array_equal(a.x_train, b.x_train)
    assert not np.array_equal(a.x_train, other.x_train)
    assert set(pictures(load(train_size=20).x_train)) < set(pictures(a.x_train))


def test_held_out_images_are_fixed_balanced_and_never_trained_on(load, server, capsys):
    everything = load(server.url + "/good")
    assert everything.x_validation.shape == (0, 32, 32, 3)
    label_of = dict(zip(pictures(everything.x_train), everything.y_train, strict=True))
    capsys.readouterr()
    rest = load(validation_size=50)
    said = "CIFAR-10: 250 training, 50 validation and 60 test images (source: cache)\n"
    assert capsys.readouterr().out == said
    held_out = pictures(rest.x_validation)
    assert np.bincount(rest.y_validation).tolist() == [5] * 10
    assert rest.y_validation.tolist() == [label_of[picture] for picture in held_out]
    assert sorted(held_out + pictures(rest.x_train)) == sorted(label_of)
    for options in ({"train_size": 100}, {"train_size": 37, "seed": 5}, {"test_size": 10}):
        part = load(validation_size=50, **options)
        assert pictures(part.x_validation) == held_out
        assert part.y_train.tolist() == [label_of[picture] for picture in pictures(part.x_train)]
        assert set(pictures(part.x_train)) <= set(pictures(rest.x_train))
        assert np.ptp(np.bincount(part.y_train)) <= 1 or len(part.y_train) == 250
    assert set(pictures(load(validation_size=20).x_validation)) < set(held_out)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "1db34f06f2bfc4fc"),
        ({"train_size": 55, "test_size": 20, "seed": 3}, "e2cf1d113d0c5285"),
        ({"train_size": 55, "validation_size": 30, "seed": 3}, "1189b1dad0d4fb6f"),
    ],
)
def test_what_is_kept_stays_the_same_from_one_version_to_the_next(load, server, options, expected):
    """Records name their images by numbers and seeds alone."""
    dataset = load(server.url + "/good", **options)
    parts = (dataset.x_train, dataset.y_train, dataset.x_test, dataset.x_validation)
    assert hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16] == expected
