"""What `Batches` feeds to a training, and in which order."""

import itertools

import keras
import numpy as np
import pytest

from involution_utils.data import Batches, ParameterError


def test_batches_hold_every_image_once_as_float():
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    feed = Batches(images, np.arange(50), batch_size=16)
    batches = [feed[i] for i in range(len(feed))]
    assert [len(x) for x, _ in batches] == [16, 16, 16, 2]
    labels = np.concatenate([y for _, y in batches])
    assert labels.tolist() != list(range(50))
    assert sorted(labels) == list(range(50))
    x = np.concatenate([x for x, _ in batches])
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, images[labels] / np.float32(255), rtol=1e-6)
    np.testing.assert_array_equal(Batches(images, np.arange(50), 16, shuffle=False)[1][1], np.arange(16, 32))


def test_batches_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="50 images and 49 labels"):
        Batches(np.zeros((50, 2, 2, 3), np.uint8), np.arange(49))
    images = np.zeros((50, 2, 2, 3), np.uint8)
    for name, wrong in {"batch_size": 0, "seed": 2**32, "initial_epoch": -1}.items():
        with pytest.raises(ParameterError, match=f"{name}={wrong}"):
            Batches(images, np.arange(50), **{name: wrong})
    with pytest.raises(ParameterError, match="`augment` must be False"):
        Batches(np.zeros((50, 8, 3)), np.arange(50), augment=True)


@pytest.mark.parametrize("initial_epoch", [0, 1])
def test_fit_gets_each_epoch_in_the_order_of_its_number(initial_epoch):
    seen = set()

    class Recorded(Batches):
        def __getitem__(self, index):
            seen.add((self.epoch, index))
            return super().__getitem__(index)

    feed = Recorded(np.zeros((100, 2, 2, 3), np.uint8), np.zeros(100), 32, seed=5, initial_epoch=initial_epoch)
    np.testing.assert_array_equal(feed.order, np.random.default_rng((5, initial_epoch)).permutation(100))
    model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(feed, initial_epoch=initial_epoch, epochs=3, shuffle=False, verbose=0)
    assert seen == {(epoch, batch) for epoch in range(initial_epoch, 3) for batch in range(4)}


def test_augmented_images_are_mirrored_and_shifted_with_their_border_repeated():
    images = np.random.default_rng(0).integers(0, 256, (80, 6, 7, 3), np.uint8)
    feed = Batches(images, np.arange(80), batch_size=40, augment=True, seed=3)
    seen, rows, columns = [], np.arange(6), np.arange(7)
    for pictures, labels in (feed[0], feed[1]):
        for picture, label in zip(np.rint(pictures * 255), labels, strict=True):
            found = [
                (down, right, mirrored)
                for down, right, mirrored in itertools.product(range(-4, 5), range(-4, 5), (False, True))
                if np.array_equal(
                    picture,
                    images[label][np.clip(rows + down, 0, 5)][:, np.clip(columns + right, 0, 6)][
                        :, :: -1 if mirrored else 1
                    ],
                )
            ]
            assert len(found) == 1
            seen += found
    for choices, values in zip(zip(*seen, strict=True), (range(-4, 5), range(-4, 5), (False, True)), strict=True):
        assert set(choices) == set(values)


def test_labels_of_pixels_move_with_their_image():
    images = np.random.default_rng(0).integers(0, 256, (60, 9, 7, 1), np.uint8)
    for augment in (False, True):
        for pictures, labels in Batches(images, images[..., 0], 32, augment=augment):
            np.testing.assert_array_equal(np.rint(pictures[..., 0] * 255), labels)


@pytest.mark.parametrize("shape", [(40, 12, 3), (40, 4, 5, 6, 2)])
def test_signals_and_clips_are_fed_as_they_are(shape):
    signals = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    feed = Batches(signals, -signals, 16)
    for i in range(len(feed)):
        x, y = feed[i]
        np.testing.assert_array_equal(x, signals[feed.order[16 * i : 16 * (i + 1)]])
        np.testing.assert_array_equal(y, -x)
