"""The pages without a network: a convolution by hand, and a kernel generator written by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from involution_utils import checks
from involution_utils.microscope.page import LivePage, assemble, image_data
from involution_utils.microscope.pictures import side_by_side

_SCRIPTS = ["forward.js", "page.js", "photograph.js"]


def convolution(photo: np.ndarray, kernels: Mapping[str, np.ndarray]) -> LivePage:
    """Make a page with one kernel and a window that is dragged over a photograph: window, products, sum, output.

    The reader chooses among `kernels` or writes other weights.

    Args:
        photo: `(height, width)`, gray, floating point in [0, 1].
        kernels: Square kernels of odd size, by name.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: If an argument is of another form.
    """
    photo, named = _gray("photo", photo), {str(name): np.asarray(kernel, float) for name, kernel in kernels.items()}
    shapes = {name: kernel.shape for name, kernel in named.items()}
    if not named or any(len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2 == 0 for shape in shapes.values()):
        raise checks.error("kernels", "square kernels of odd size by name, at least one", shapes)
    name, kernel = next(iter(named.items()))
    data = {"kernels": {name: kernel.tolist() for name, kernel in named.items()}, "point": [0.33, 0.42]}
    alt = f"A photograph, and beside it what the kernel “{name}” makes of it, the same kernel at every position."
    drawn = {"photograph": photo, name: _applied(kernel, photo)}
    return _page("One kernel, a window at a time", "convolution", photo, data, drawn, alt)


def handwritten(
    photo: np.ndarray,
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
        photo: `(height, width)`, gray, floating point in [0, 1].
        threshold: The measure above which the rule blurs, from 0 to 1.
        width: The blur's standard deviation, from 0 to 3 pixels.
        measure: `(height, width)`, in [0, 1]: what the rule looks at; by default `photo` itself.
        measure_name: What it is called.
        point: Where the window lies at first, (down, across) as shares of the photograph.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: If an argument is of another form.
    """
    photo, looked_at = _gray("photo", photo), _gray("measure", photo if measure is None else measure)
    if looked_at.shape != photo.shape:
        raise checks.error("measure", f"of the photograph's shape, {photo.shape}", looked_at.shape)
    threshold, width = checks.number("threshold", threshold, 0, 1), checks.number("width", width, 0, 3)
    data = {"threshold": threshold, "width": width, "measureName": str(measure_name)}
    data |= {"measure": image_data(looked_at[..., None], str(measure_name)), "byItself": measure is None}
    data["point"] = [checks.number("point", value, 0, 1) for value in point]
    bell = np.exp(-(np.arange(-3, 4) ** 2) / (2 * max(width, 1e-3) ** 2))
    blurred = _applied(np.outer(bell, bell) / bell.sum() ** 2, photo)
    drawn = {"photograph": photo, "by the rule": np.where(looked_at > threshold, blurred, photo), "one blur": blurred}
    alt = (
        f"A photograph; the same, blurred where its {measure_name} is above {threshold:g} and left as it is elsewhere; "
        "the same, blurred everywhere by one kernel."
    )
    return _page("A kernel written by hand", "handwritten", photo, data, drawn, alt)


def _page(title: str, name: str, photo: np.ndarray, data: dict[str, Any], drawn: Any, alt: str) -> LivePage:
    data["photograph"] = image_data(photo[..., None], "photograph")
    html = assemble(title, f"{name}.html", [*_SCRIPTS, f"{name}.js"], data)
    return LivePage(html, title, side_by_side(drawn), alt)


def _applied(kernel: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Apply one kernel to a picture; beyond the rim, the outermost pixels are repeated."""
    padded = np.pad(gray.astype("float64"), len(kernel) // 2, mode="edge")
    return (np.lib.stride_tricks.sliding_window_view(padded, kernel.shape) * kernel).sum((2, 3))


def _gray(name: str, photo: Any) -> np.ndarray:
    array = np.asarray(photo)
    if array.ndim != 2 or array.dtype.kind != "f" or not array.size or array.min() < 0 or array.max() > 1:
        raise checks.error(name, "a gray picture (height, width), floating point in [0, 1]", f"array {array.shape}")
    return array.astype("float32")
