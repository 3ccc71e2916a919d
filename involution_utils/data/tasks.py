"""Data for other tasks than classifying images, drawn on the spot: labels of pixels, signals, clips."""

import numpy as np

from involution_utils import checks
from involution_utils.data.shapes import as_bytes, signed_distance, turned, uniform

MASK_CLASSES = ("background", "disk", "ring", "triangle", "square frame", "cross", "star")
CLIP_CLASSES = ("left", "right", "up", "down")
CELL = 32  # pixels at scale 1 of the square that one figure has to itself


def shapes_with_masks(
    count: int, size: int | tuple[int, int] = (32, 32), scale: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw images of figures, each with the class of every pixel.

    An image is divided into as many squares of `32 * scale` pixels as fit, and each holds one figure, of about 20 to 26
    times `scale` pixels. The figure is brighter or darker than the background; the background has a gradient and noise.
    The same seed gives the same scenes at `(32, 32)` with scale 1 and, twice as fine, at `(64, 64)` with scale 2.

    Args:
        count: Number of images.
        size: Height and width in pixels, at least 8.
        scale: Size of the figures, relative to those of `shapes`, from 0.25 to 16.
        seed: Fixes what is drawn.

    Returns:
        Images, `(count, height, width, 3)` uint8, and labels, `(count, height, width)` int64: label `i` is
        `MASK_CLASSES[i]`, 0 the background. All figures are equally frequent.

    Raises:
        ParameterError: An argument is out of its range.
    """
    count, (height, width) = checks.whole_number("count", count), checks.whole_numbers("size", size, 2, least=8)
    scale, seed = checks.number("scale", scale, 0.25, 16), checks.seed(seed)
    rng, noise = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1))
    # Coordinates are in pixels at scale 1, (1, height, 1) and (1, 1, width); the center of the image is at 0.
    row, column = ((np.arange(n, dtype=np.float32) + 0.5 - n / 2) / np.float32(scale) for n in (height, width))
    row, column = row[None, :, None], column[None, None, :]
    across = [max(1, int(n // (CELL * scale))) for n in (height, width)]
    figures = np.arange(count * across[0] * across[1]) % (len(MASK_CLASSES) - 1) + 1
    cells = rng.permutation(figures).reshape(-1, count)
    one = count, 1, 1
    color = uniform(rng, (*one, 3), 0.4, 0.6)
    shade = uniform(rng, one, -0.006, 0.006) * np.clip(row, -16, 16)
    shade = shade + uniform(rng, one, -0.006, 0.006) * np.clip(column, -16, 16)
    pictures, labels = color + shade[..., None], np.zeros((count, height, width), np.int64)
    for cell, figure in enumerate(cells):
        up, left = ((i + 0.5) / n - 0.5 for i, n in zip(divmod(cell, across[1]), across, strict=True))
        angle, r, w = uniform(rng, one, -0.35, 0.35), uniform(rng, one, 9.5, 13), uniform(rng, one, 1.4, 2)
        y = row - np.float32(up * height / scale) - uniform(rng, one, -2, 2)
        x = column - np.float32(left * width / scale) - uniform(rng, one, -2, 2)
        u, v = turned(x, y, angle)
        paint = rng.choice([-1, 1], (*one, 1)) * uniform(rng, (*one, 1), 0.25, 0.4)
        paint = paint + uniform(rng, (*one, 3), -0.1, 0.1)
        for label in range(1, len(MASK_CLASSES)):
            of = figure == label
            inside = -np.float32(scale) * signed_distance(MASK_CLASSES[label], u[of], v[of], r[of], w[of])
            labels[of] = np.where(inside > 0, label, labels[of])
            pictures[of] += np.clip(0.5 + inside, 0, 1)[..., None] * paint[of]
    return as_bytes(pictures + 0.04 * noise.standard_normal(pictures.shape, np.float32)), labels


def moving_shapes(
    count: int, frames: int = 8, size: int | tuple[int, int] = (16, 16), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw clips of a figure that moves left, right, up or down.

    What leaves the frame on one side comes in on the other. So a single frame says nothing about the direction.

    Args:
        count: Number of clips.
        frames: Number of frames per clip, at least 2.
        size: Height and width in pixels, at least 8.
        seed: Fixes what is drawn.

    Returns:
        Clips, `(count, frames, height, width, 1)` uint8, and labels, `(count,)` int64: label `i` is `CLIP_CLASSES[i]`.
        Disks, triangles, crosses and stars, bright or dark, move by 0.6 to 1.2 pixels per frame, each way as often.

    Raises:
        ParameterError: An argument is out of its range.
    """
    count, frames = checks.whole_number("count", count), checks.whole_number("frames", frames, 2)
    height, width = checks.whole_numbers("size", size, 2, least=8)
    rng = np.random.default_rng((checks.seed(seed), 2))
    one = count, 1, 1, 1
    labels = rng.permutation(np.arange(count) % len(CLIP_CLASSES))
    figures, angle, r = rng.integers(0, 4, count), uniform(rng, one, -np.pi, np.pi), uniform(rng, one, 3, 4.5)
    traveled = uniform(rng, one, 0.6, 1.2) * np.arange(frames, dtype=np.float32)[:, None, None]  # (count, frames, 1, 1)
    right, down = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], np.float32)[labels].T[..., None, None, None]
    row, column = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    y = (row - uniform(rng, one, 0, height) - down * traveled) % height - height / 2  # comes in on the other side
    x = (column - uniform(rng, one, 0, width) - right * traveled) % width - width / 2
    u, v = turned(x, y, angle)
    clips = np.empty((count, frames, height, width), np.float32)
    for figure, name in enumerate(("disk", "triangle", "cross", "star")):
        of = figures == figure
        clips[of] = np.clip(0.5 - signed_distance(name, u[of], v[of], r[of], r[of]), 0, 1)
    clips = 0.5 + (clips - 0.5) * rng.choice([-1, 1], one) * uniform(rng, one, 0.4, 0.8)
    return as_bytes(clips + 0.05 * rng.standard_normal(clips.shape, np.float32))[..., None], labels


def noisy_signals(count: int, length: int = 256, noise: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw signals of flat and oscillating pieces, with noise and without.

    No single kernel suits both: over flat pieces a wide one removes the noise, elsewhere a narrow one keeps the signal.

    Args:
        count: Number of signals.
        length: Number of samples per signal, at least 8.
        noise: Standard deviation of the noise, at least 0. The signals lie between -1.5 and 1.5.
        seed: Fixes what is drawn.

    Returns:
        The noisy signals and the signals, both `(count, length, 1)` float32.

    Raises:
        ParameterError: An argument is out of its range.
    """
    count, length = checks.whole_number("count", count), checks.whole_number("length", length, 8)
    noise, rng = checks.number("noise", noise, 0), np.random.default_rng((checks.seed(seed), 3))
    time = np.arange(length)
    begins = rng.random((count, length)) < 1 / 40  # a piece has 40 samples on average
    begins[:, 0] = True
    piece = np.cumsum(begins, axis=1) - 1  # (count, length): number of the piece that a sample belongs to

    def of_piece(low, high):
        return np.take_along_axis(rng.uniform(low, high, (count, length)), piece, axis=1)

    level, phase, period = of_piece(-1, 1), of_piece(0, 2 * np.pi), of_piece(6, 16)
    oscillates = of_piece(0, 1) < 0.5
    signals = level + oscillates * 0.5 * np.sin(2 * np.pi * time / period + phase)
    noisy = signals + noise * rng.standard_normal(signals.shape)
    return noisy.astype(np.float32)[..., None], signals.astype(np.float32)[..., None]
