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


class Record(keras.layers.Layer):
    """Lets the images through and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        self.seen.append(np.asarray(x)[:, 0, 0, 0])
        return keras.ops.mean(x, axis=(1, 2, 3))[:, None]


def orders(initial_epoch, epochs):
    """Which images `fit` sees, in which order, epoch by epoch; image `i` has the value `i`."""
    images = np.tile(np.arange(100, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 3))
    layer = Record()
    model = keras.Sequential([layer])
    model.compile("sgd", "mse", run_eagerly=True)
    feed = Batches(images, np.zeros(100), batch_size=32, seed=5, initial_epoch=initial_epoch)
    layer.seen.clear()
    model.fit(feed, initial_epoch=initial_epoch, epochs=epochs, shuffle=False, verbose=0)
    seen = np.rint(np.concatenate(layer.seen)[-100 * (epochs - initial_epoch) :] * 255).astype(int)
    return seen.reshape(-1, 100)


def test_resumed_training_sees_the_same_order():
    whole, resumed = orders(0, 3), orders(1, 3)
    assert all(sorted(epoch) == list(range(100)) for epoch in whole)
    assert not np.array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(whole[1:], resumed)
    np.testing.assert_array_equal(whole[0], np.random.default_rng((5, 0)).permutation(100))  # it begins with epoch 0


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
