"""`shapes`: ten classes of figures drawn from their signed distances, a data set that needs no download."""

import numpy as np

SHAPES_CLASSES = (
    *("disk", "ring", "triangle", "square frame", "cross", "star"),
    *("stripes", "checkerboard", "dots", "spiral"),
)
SHAPES_TRAIN, SHAPES_TEST = 10_000, 2_000  # images


def signed_distance(name: str, u: np.ndarray, v: np.ndarray, r: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the distance to the edge, negative inside, of the figure `name`.

    Args:
        name: One of `SHAPES_CLASSES`.
        u: Coordinate along the figure's horizontal axis, its center at 0.
        v: Coordinate along its vertical axis. All arguments are in pixels and broadcast against each other.
        r: Size of the figure, about half of its width.
        w: Half of the width of its lines.
    """
    fold = lambda t, period: np.abs(t - period * np.round(t / period))  # noqa: E731  distance to the next multiple
    if name in ("disk", "ring", "spiral"):
        rho = np.hypot(u, v)
        if name == "disk":
            return rho - 0.9 * r
        if name == "ring":
            return np.abs(rho - 0.9 * r) - w
        return np.maximum(fold(rho - np.arctan2(v, u) * (3.2 * w / (2 * np.pi)), 3.2 * w) - 0.8 * w, rho - 1.3 * r)
    if name == "triangle":
        return np.maximum(-v, np.abs(u) * np.float32(0.866) + v / 2) - 0.55 * r
    if name == "square frame":
        return np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.8 * r) - w
    if name == "cross":
        a, b = np.abs(u), np.abs(v)
        return np.maximum(np.maximum(a, b) - r, np.minimum(a, b) - 0.25 * r)
    if name == "star":
        angle = fold(np.arctan2(v, u), 2 * np.pi / 5)
        rho = np.hypot(u, v)
        return rho * np.cos(angle - np.float32(0.95)) - 0.62 * r
    if name == "stripes":
        return fold(u, 4 * w) - w
    if name == "checkerboard":
        return -np.sin(u * np.pi / (3 * w)) * np.sin(v * np.pi / (3 * w)) * 2 * w
    if name == "dots":
        return np.hypot(fold(u, 4.5 * w), fold(v, 4.5 * w)) - 1.3 * w
    raise AssertionError(name)


def draw_shapes(seed: int) -> tuple[np.ndarray, ...]:
    """Draw `(x_train, y_train, x_test, y_test)`, 10,000 and 2,000 images, the same for the same `seed`."""
    count = (SHAPES_TRAIN + SHAPES_TEST) // 10  # of each class
    images = np.empty((count, 10, 32, 32, 3), np.uint8)
    row, column = np.mgrid[:32, :32].astype(np.float32) - np.float32(15.5)
    for label, name in enumerate(SHAPES_CLASSES):
        rng = np.random.default_rng((seed, label))

        def uniform(low, high, channels=1, rng=rng):
            return rng.uniform(low, high, (count, 1, 1, channels)).astype(np.float32)

        angle, size, width = uniform(-0.35, 0.35)[..., 0], uniform(9.5, 13)[..., 0], uniform(1.4, 2)[..., 0]
        x, y = column - uniform(-2.5, 2.5)[..., 0], row - uniform(-2.5, 2.5)[..., 0]
        u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        figure = np.clip(0.5 - signed_distance(name, u, v, size, width), 0, 1)[..., None]
        figure -= figure.mean((1, 2), keepdims=True)  # the mean color is the same with any figure, or none
        tint = rng.standard_normal((count, 1, 1, 3), np.float32)
        tint -= tint.mean(-1, keepdims=True)
        tint *= 0.2 / np.linalg.norm(tint, axis=-1, keepdims=True)
        contrast = (
            rng.choice(np.array([-0.65, 0.65], np.float32), (count, 1, 1, 1)) + tint
        )  # dark on bright or bright on dark
        shade = uniform(-0.006, 0.006) * column[..., None] + uniform(-0.006, 0.006) * row[..., None]
        picture = uniform(0.35, 0.65, 3) + figure * contrast + shade
        picture += 0.03 * rng.standard_normal(picture.shape, np.float32)
        images[:, label] = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    x, y = images.reshape(-1, 32, 32, 3), np.tile(np.arange(10), count)
    return x[:SHAPES_TRAIN], y[:SHAPES_TRAIN], x[SHAPES_TRAIN:], y[SHAPES_TRAIN:]
