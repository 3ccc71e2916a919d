"""The photographs that ship with the package, and the static picture that stands in for a live page."""

import io
import json
from importlib import resources

import keras
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from involution_utils.analysis import layer_kernels

PICTURE_NAMES = (
    "cat",
    "walking cat",
    "airplane",
    "boat",
    "space shuttle",
    "rocket",
    "astronaut",
    "coffee",
    "mountains",
    "flower",
)


def _asset(name: str) -> np.ndarray:
    with (resources.files("involution_utils") / "assets" / name).open("rb") as file:
        return np.asarray(Image.open(file), "float32") / 255


def pictures() -> np.ndarray:
    """Return the ten photographs that ship with the package, (10, 32, 32, 3), float32 in [0, 1].

    They are in the public domain; `PICTURE_NAMES` says what they show and `assets/README.md` where they come from.
    """
    strip = _asset("pictures.png")
    return np.stack([strip[:, start : start + 32] for start in range(0, strip.shape[1], 32)])


def photograph() -> np.ndarray:
    """Return a photograph in gray, (192, 192), float32 in [0, 1]: a man with a camera before a bright, grainy lawn.

    It is Lav Varshney's, released under CC0.
    """
    return _asset("photograph.png")


def snapshot(
    model: keras.Model, image: np.ndarray, name: str, class_names: list[str], probabilities: bool
) -> tuple[bytes, str]:
    """Draw what the microscope shows at first: an image, its kernels summed per position, what the network says.

    All is computed in float64, so that the same model gives the same bytes on any processor.

    Args:
        model: The network.
        image: `(height, width, channels)`, in [0, 1].
        name: What the image shows.
        class_names: One name per class.
        probabilities: Whether the model's output is probabilities, not logits.

    Returns:
        `(png, alt)`: the bytes of a PNG file, and what it shows in words.
    """
    exact = _in_float64(model)
    shares = keras.ops.convert_to_numpy(exact(image[None]))[0]
    if not probabilities:
        shares = np.exp(shares - shares.max()) / np.exp(shares - shares.max()).sum()
    maps = {layer: kernels[0].sum((2, 3)) for layer, kernels in layer_kernels(exact, image[None]).items()}

    order = np.argsort(-shares, kind="stable")[:10]
    says = f"{class_names[order[0]]} ({100 * shares[order[0]]:.0f} %)"
    columns = 1 + min(len(maps), 5)
    figure = Figure(figsize=(1.75 * columns + 2.4, 2.3), layout="constrained")
    axes = figure.subplots(1, columns + 1, width_ratios=[1] * columns + [1.1])
    axes[0].imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
    axes[0].set_title(name, fontsize=9)
    for axis, (layer, sums) in zip(axes[1:-1], list(maps.items())[:5], strict=True):
        most = max(float(np.abs(sums).max()), 1e-12)
        drawn = axis.imshow(sums[..., 0], cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        axis.set_title(layer.removesuffix("_involution").replace("_", " "), fontsize=9)
        bar = figure.colorbar(drawn, ax=axis, orientation="horizontal", shrink=0.8, aspect=12, pad=0.03)
        bar.ax.tick_params(labelsize=7)
    for axis in axes[:-1]:
        axis.set_xticks([])
        axis.set_yticks([])
    axes[-1].barh(range(len(order)), shares[order], color="#56789a")
    axes[-1].set_yticks(range(len(order)), [class_names[number] for number in order], fontsize=8)
    axes[-1].invert_yaxis()
    axes[-1].set(xlim=(0, 1), xlabel="probability")
    axes[-1].spines[["top", "right"]].set_visible(False)
    made = f"; for each of {', '.join(maps)}, the sum of the kernel at every position, first group" if maps else ""
    alt = f"The picture “{name}” as the network {model.name} sees it{made}; bars of its probabilities, {says} first."
    return _png(figure), alt


def picture_of_photographs(named: dict[str, np.ndarray]) -> bytes:
    """Draw gray pictures (height, width) side by side, on one scale if they lie in [0, 1], and return a PNG's bytes."""
    figure = Figure(figsize=(2.6 * len(named), 2.8), layout="constrained")
    for axis, (name, values) in zip(figure.subplots(1, len(named)), named.items(), strict=True):
        most = float(np.abs(values).max())
        axis.imshow(values, cmap="gray", vmin=-most if values.min() < -0.01 else 0, vmax=max(most, 1))
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    return _png(figure)


def _png(figure: Figure) -> bytes:
    png = io.BytesIO()
    with matplotlib.rc_context({"font.size": 8}):
        figure.savefig(png, format="png", dpi=100, metadata={"Software": None})
    return png.getvalue()


def _in_float64(model: keras.Model) -> keras.Model:
    """Copy `model` to compute in float64."""
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)).replace('"float32"', '"float64"'))
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(model.get_weights())
    return copy
