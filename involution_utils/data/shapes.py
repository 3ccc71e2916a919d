"""`shapes`: ten classes of figures drawn from their signed distances, a data set that needs no download."""

import numpy as np


def _fold(t, period):
    return np.abs(t - period * np.round(t / period))  # distance to the next multiple


def _spiral(u, v, r, w):
    rho = np.hypot(u, v)
    arm = _fold(rho - np.arctan2(v, u) * (3.2 * w / (2 * np.pi)), 3.2 * w) - 0.8 * w
    return np.maximum(arm, rho - 1.3 * r)


def _cross(u, v, r, w):
    a, b = np.abs(u), np.abs(v)
    return np.maximum(np.maximum(a, b) - r, np.minimum(a, b) - 0.25 * r)


def _star(u, v, r, w):
    return np.hypot(u, v) * np.cos(_fold(np.arctan2(v, u), 2 * np.pi / 5) - np.float32(0.95)) - 0.62 * r


_DISTANCES = {
    "disk": lambda u, v, r, w: np.hypot(u, v) - 0.9 * r,
    "ring": lambda u, v, r, w: np.abs(np.hypot(u, v) - 0.9 * r) - w,
    "triangle": lambda u, v, r, w: np.maximum(-v, np.abs(u) * np.float32(0.866) + v / 2) - 0.55 * r,
    "square frame": lambda u, v, r, w: np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.8 * r) - w,
    "cross": _cross,
    "star": _star,
    "stripes": lambda u, v, r, w: _fold(u, 4 * w) - w,
    "checkerboard": lambda u, v, r, w: -np.sin(u * np.pi / (3 * w)) * np.sin(v * np.pi / (3 * w)) * 2 * w,
    "dots": lambda u, v, r, w: np.hypot(_fold(u, 4.5 * w), _fold(v, 4.5 * w)) - 1.3 * w,
    "spiral": _spiral,
}
SHAPES_CLASSES = tuple(_DISTANCES)
SHAPES_TRAIN, SHAPES_TEST = 2_000, 500  # images


def signed_distance(name: str, u: np.ndarray, v: np.ndarray, r: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the distance of `(u, v)` to the edge of figure `name`, negative inside; `r` is its size, `2w` its line."""
    return _DISTANCES[name](u, v, r, w)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Draw float32 numbers of that shape from `low` to `high`."""
    return rng.uniform(low, high, shape).astype(np.float32)


def turned(x: np.ndarray, y: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates `x` and `y` along axes that are turned by `angle`."""
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Return pictures with values in [0, 1] as uint8; what is outside is clipped."""
    return np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)


def draw_shapes(seed: int) -> tuple[np.ndarray, ...]:
    """Draw `(x_train, y_train, x_test, y_test)`, 2,000 and 500 images, the same for the same `seed`."""
    count = (SHAPES_TRAIN + SHAPES_TEST) // 10  # of each class
    images = np.empty((count, 10, 32, 32, 3), np.uint8)
    row, column = np.mgrid[:32, :32].astype(np.float32) - np.float32(15.5)
    one, pixel = (count, 1, 1), (count, 1, 1, 1)
    for label, name in enumerate(SHAPES_CLASSES):
        rng = np.random.default_rng((seed, label))
        angle, size, width = uniform(rng, one, -0.35, 0.35), uniform(rng, one, 9.5, 13), uniform(rng, one, 1.4, 2)
        u, v = turned(column - uniform(rng, one, -2.5, 2.5), row - uniform(rng, one, -2.5, 2.5), angle)
        figure = np.clip(0.5 - signed_distance(name, u, v, size, width), 0, 1)[..., None]
        figure -= figure.mean((1, 2), keepdims=True)  # the mean color is the same with any figure, or none
        tint = rng.standard_normal((count, 1, 1, 3), np.float32)
        tint -= tint.mean(-1, keepdims=True)
        tint *= 0.2 / np.linalg.norm(tint, axis=-1, keepdims=True)
        contrast = rng.choice(np.array([-0.65, 0.65], np.float32), pixel) + tint  # dark on bright, or bright on dark
        shade = uniform(rng, pixel, -0.006, 0.006) * column[..., None]
        shade = shade + uniform(rng, pixel, -0.006, 0.006) * row[..., None]
        picture = uniform(rng, (count, 1, 1, 3), 0.35, 0.65) + figure * contrast + shade
        images[:, label] = as_bytes(picture + 0.03 * rng.standard_normal(picture.shape, np.float32))
    x, y = images.reshape(-1, 32, 32, 3), np.tile(np.arange(10), count)
    return x[:SHAPES_TRAIN], y[:SHAPES_TRAIN], x[SHAPES_TRAIN:], y[SHAPES_TRAIN:]
