"""Labels of pixels, clips and signals: what is drawn, and whether it is what the labels say."""

import numpy as np
import pytest

from involution_utils.checks import ParameterError
from involution_utils.data.tasks import CLIP_CLASSES, MASK_CLASSES, moving_shapes, noisy_signals, shapes_with_masks

DRAWN = {
    "masks": lambda seed: shapes_with_masks(24, (40, 70), seed=seed),
    "clips": lambda seed: moving_shapes(24, seed=seed),
    "signals": lambda seed: noisy_signals(24, seed=seed),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_seed_draws_the_same(name):
    for first, again, other in zip(DRAWN[name](0), DRAWN[name](0), DRAWN[name](1), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


@pytest.mark.parametrize(("size", "scale", "figures"), [((32, 32), 1, 1), (48, 1, 1), ((70, 130), 1, 8), (90, 2.5, 1)])
def test_images_and_labels_of_any_size(size, scale, figures):
    images, labels = shapes_with_masks(30, size, scale)
    height, width = (size, size) if isinstance(size, int) else size
    assert (images.shape, images.dtype) == ((30, height, width, 3), np.uint8)
    assert (labels.shape, labels.dtype) == ((30, height, width), np.int64)
    assert len(np.unique(labels)) == len(MASK_CLASSES)
    present = np.array([[(one == label).any() for label in range(1, 7)] for one in labels])
    assert present.sum(1).max() <= figures
    if figures == 1:
        assert present.sum(0).tolist() == [5] * 6  # each figure in a sixth of the images


def test_the_labels_are_what_is_drawn():
    """Split each image by its colors alone: the background is what the border of the image looks like."""
    images, labels = shapes_with_masks(100, seed=3)
    pictures = images.astype(float)
    row, column = (axis.ravel() - 15.5 for axis in np.mgrid[:32, :32])
    plane = np.stack([np.ones(1024), row, column], 1)
    agree = []
    for picture, label in zip(pictures.reshape(-1, 1024, 3), labels.reshape(-1, 1024), strict=True):
        background = np.ones(1024, bool)
        for _ in range(20):  # a plane of colors fitted to the background, which is then what lies near the plane
            fit = plane @ np.linalg.lstsq(plane[background], picture[background], rcond=None)[0]
            distance = np.linalg.norm(picture - fit, axis=1)
            background = distance < 0.5 * np.quantile(distance, 0.97)
        agree.append((background == (label == 0)).mean())
    assert np.mean(agree) > 0.97
    assert np.mean(np.array(agree) > 0.95) > 0.95


def test_the_same_scene_at_another_resolution():
    """With an odd scale, the middle one of the pixels that make up a coarse one has its center."""
    scale = 3
    coarse_images, coarse = shapes_with_masks(40, (40, 70), seed=7)
    fine_images, fine = shapes_with_masks(40, (40 * scale, 70 * scale), scale, seed=7)
    middle = slice(scale // 2, None, scale)
    assert (fine[:, middle, middle] == coarse).mean() > 0.9999  # rounding decides where an edge meets a center
    smooth = fine_images.reshape(40, 40, scale, 70, scale, 3).mean((2, 4))
    assert np.abs(smooth - coarse_images).mean() < 12  # in 255: noise of 0.04


@pytest.mark.parametrize(("frames", "size"), [(8, (16, 16)), (5, (12, 20))])
def test_figures_move_as_the_labels_say(frames, size):
    """Of all shifts of a clip's frames by up to two pixels, the one that fits the next frames best."""
    clips, labels = moving_shapes(200, frames, size, seed=1)
    assert (clips.shape, clips.dtype) == ((200, frames, *size, 1), np.uint8)
    assert np.bincount(labels).tolist() == [50] * 4
    shifts = [(down, right) for down in (-2, -1, 0, 1, 2) for right in (-2, -1, 0, 1, 2)]
    now, later = clips[:, :-2].astype(float), clips[:, 2:].astype(float)  # two frames on: 1.2 to 2.4 pixels
    errors = [((np.roll(now, shift, (2, 3)) - later) ** 2).mean((1, 2, 3, 4)) for shift in shifts]
    down, right = np.array(shifts)[np.argmin(errors, 0)].T
    found = np.select([right < 0, right > 0, down < 0, down > 0], range(4))
    assert (np.abs(down) + np.abs(right) > 0).all()
    assert (found == labels).mean() > 0.99
    assert CLIP_CLASSES == ("left", "right", "up", "down")


def test_a_single_frame_says_nothing_about_the_direction():
    clips, labels = moving_shapes(6000, 2, seed=2)
    for frame in range(2):
        x = clips[:, frame].reshape(6000, -1) / 255
        x = np.c_[x, x**2, np.ones(6000)]
        fit = np.linalg.lstsq(x[:4000], np.eye(4)[labels[:4000]], rcond=None)[0]
        assert ((x[4000:] @ fit).argmax(1) == labels[4000:]).mean() < 0.3


def test_signals_have_the_noise_that_was_asked_for():
    for noise in (0, 0.25, 1):
        noisy, signals = noisy_signals(200, 300, noise, seed=3)
        assert noisy.shape == signals.shape == (200, 300, 1)
        assert noisy.dtype == signals.dtype == np.float32
        difference = noisy - signals
        assert difference.std() == pytest.approx(noise, rel=0.02)
        assert abs((difference[:, 1:] * difference[:, :-1]).mean()) <= 0.01 * noise**2  # white
        assert np.abs(signals).max() <= 1.5


@pytest.mark.parametrize(
    ("draw", "options", "words"),
    [
        (shapes_with_masks, {"count": 0}, "`count`.*count=0"),
        (shapes_with_masks, {"size": (32, 32, 3)}, "`size`"),
        (shapes_with_masks, {"scale": 0}, "`scale` must be a number from 0.25 to 16"),
        (moving_shapes, {"frames": 1}, "frames=1"),
        (noisy_signals, {"noise": -1}, "noise=-1"),
    ],
)
def test_wrong_arguments(draw, options, words):
    with pytest.raises(ParameterError, match=words):
        draw(**{"count": 2, **options})
