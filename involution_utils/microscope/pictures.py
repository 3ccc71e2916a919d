"""The photographs that ship with the package, and the static picture that stands in for a live page."""

import io
from collections.abc import Mapping
from importlib import resources

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

PICTURE_NAMES = (
    *("cat", "walking cat", "airplane", "boat", "space shuttle"),
    *("rocket", "astronaut", "coffee", "mountains", "flower"),
)


def pictures() -> np.ndarray:
    """Return the ten photographs that ship with the package.

    Returns:
        Array (10, 32, 32, 3), float32 in [0, 1]. They are in the public domain; `PICTURE_NAMES` says what they show and
        `assets/README.md` where they come from.
    """
    with (resources.files("involution_utils") / "assets" / "pictures.png").open("rb") as file:
        strip = np.asarray(Image.open(file), "float32") / 255
    return np.stack(np.split(strip, len(PICTURE_NAMES), axis=1))


def side_by_side(panels: Mapping[str, np.ndarray], title: str = "", colors: str = "gray") -> bytes:
    """Draw arrays side by side, and return a PNG's bytes.

    Args:
        panels: Images (height, width, 1 or 3) in [0, 1], drawn as they are; arrays (height, width), drawn in `colors`,
            each on a scale of its own, around zero if it has negative values or `colors` are not gray.
        title: What stands above all of them.
        colors: The name of a Matplotlib color map.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(2.1 * len(panels), 2.4), layout="constrained")
        for axis, (name, values) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
            most, signed = float(np.abs(values).max()), values.min() < -0.01 or (colors != "gray" and values.ndim == 2)
            axis.imshow(values, colors, vmin=-most if signed else 0, vmax=most if signed else max(most, 1))
            axis.set_title(name)
            axis.set_axis_off()
        figure.suptitle(title)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=100, metadata={"Software": None})
    return png.getvalue()
