"""The smaller pages: a convolution by hand and a kernel generator written by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from involution_utils import checks
from involution_utils.microscope.page import LivePage, assemble, image_data
from involution_utils.microscope.pictures import photograph, picture_of_photographs

SIZE = 7  # of the kernels that the rule written by hand makes
KERNELS = {
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], "float64"),
    "edges": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], "float64"),
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], "float64"),
}


def convolution(
    photo: np.ndarray | None = None,
    kernels: Mapping[str, np.ndarray] | None = None,
    *,
    point: tuple[float, float] = (0.33, 0.42),
) -> LivePage:
    """Make a page with one kernel and a window that is dragged over a photograph: window, products, sum, output.

    The reader chooses among `kernels` or writes other weights.

    Args:
        photo: `(height, width)`, gray, in [0, 1]; by default `photograph()`, reduced to 64x64.
        kernels: Square kernels of odd size, by name; by default a blur, a sharpening, an edge detector, the identity.
        point: Where the window lies at first, (down, across) as shares of the photograph.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: a ValueError, if an argument is of another form.
    """
    gray = photograph().reshape(64, 3, 64, 3).mean((1, 3)) if photo is None else _gray(photo)
    named = {
        str(name): np.asarray(kernel, "float64") for name, kernel in (KERNELS if kernels is None else kernels).items()
    }
    for name, kernel in named.items():
        if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
            raise checks.error("kernels", "square kernels of odd size, by name", {name: kernel.shape})
    if not named:
        raise checks.error("kernels", "at least one kernel", kernels)
    data = _photo_data(gray, point) | {"kernels": {name: kernel.tolist() for name, kernel in named.items()}}
    title, scripts = "One kernel, a window at a time", ["forward.js", "page.js", "photograph.js", "convolution.js"]
    name, kernel = next(iter(named.items()))
    alt = f"A photograph, and beside it what the kernel “{name}” makes of it, the same kernel at every position."
    shown = {"photograph": gray, name: _applied(gray, np.broadcast_to(kernel, (*gray.shape, *kernel.shape)))}
    picture = picture_of_photographs(shown)
    return LivePage(assemble(title, "convolution.html", scripts, data), title, picture, alt)


def handwritten(
    photo: np.ndarray | None = None,
    threshold: float = 0.47,
    width: float = 1.5,
    *,
    measure: np.ndarray | None = None,
    measure_name: str = "brightness",
    point: tuple[float, float] = (0.75, 0.8),
) -> LivePage:
    """Make a page with a kernel generator written by hand, its output beside that of one single blur.

    The rule: where a pixel's measure, by default its brightness, is above the threshold, its kernel is a 7x7 Gaussian
    blur; elsewhere it is the identity. Both sliders can be moved.

    Args:
        photo: `(height, width)`, gray, in [0, 1]; by default `photograph()`.
        threshold: The measure above which the rule blurs, from 0 to 1.
        width: The blur's standard deviation, from 0 to 3 pixels.
        measure: `(height, width)`, in [0, 1]: what the rule looks at; by default `photo` itself.
        measure_name: What it is called.
        point: Where the window lies at first, (down, across) as shares of the photograph.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: a ValueError, if an argument is of another form.
    """
    gray = photograph() if photo is None else _gray(photo)
    threshold, width = checks.number("threshold", threshold, 0, 1), checks.number("width", width, 0, 3)
    looked_at = gray if measure is None else _gray(measure, "measure")
    if looked_at.shape != gray.shape:
        raise checks.error("measure", f"of the photograph's shape, {gray.shape}", looked_at.shape)
    data = _photo_data(gray, point) | {"threshold": threshold, "width": width, "measureName": str(measure_name)}
    if measure is not None:
        data["measure"] = image_data(looked_at[..., None], str(measure_name))
    title, scripts = "A kernel written by hand", ["forward.js", "page.js", "photograph.js", "handwritten.js"]
    identity, blur = gaussian(0), gaussian(width)
    kernels = np.where((looked_at > threshold)[..., None, None], blur, identity)
    shown = {
        "photograph": gray,
        "by the rule": _applied(gray, kernels),
        "one blur": _applied(gray, np.broadcast_to(blur, kernels.shape)),
    }
    alt = (
        f"A photograph; the same, blurred where its {measure_name} is above {threshold:g} and left as it is elsewhere; "
        "the same, blurred everywhere by one kernel."
    )
    return LivePage(assemble(title, "handwritten.html", scripts, data), title, picture_of_photographs(shown), alt)


def gaussian(width: float) -> np.ndarray:
    """Return a 7x7 Gaussian that adds up to one, of standard deviation `width` pixels; 0 gives the identity."""
    distance = np.arange(SIZE) - SIZE // 2
    squared = distance[:, None] ** 2 + distance**2
    weights = np.exp(-squared / (2 * width**2)) if width else (squared == 0).astype("float64")
    return weights / weights.sum()


def _applied(gray: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Apply the kernel (K, K) of each position, in float64; beyond the rim, the outermost pixels are repeated."""
    half = kernels.shape[-1] // 2
    padded = np.pad(gray.astype("float64"), half, mode="edge")
    return (np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2:]) * kernels).sum((2, 3))


def _gray(photo: Any, name: str = "photo") -> np.ndarray:
    array = np.asarray(photo)
    if array.ndim != 2 or array.dtype.kind != "f" or not array.size or array.min() < 0 or array.max() > 1:
        raise checks.error(name, "a gray picture (height, width), floating point in [0, 1]", f"array {array.shape}")
    return array.astype("float32")


def _photo_data(gray: np.ndarray, point: tuple[float, float]) -> dict[str, Any]:
    down, across = (checks.number("point", value, 0, 1) for value in point)
    return {"photograph": image_data(gray[..., None], "photograph"), "point": [down, across]}
