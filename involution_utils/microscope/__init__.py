"""The kernel microscope: a trained network, alive in a page; and three smaller pages that share its code.

    microscope.show(model, images, labels, class_names)                           # in a notebook's output
    microscope.show(model, images, labels, class_names).save("microscope.html")   # one file, complete in itself

Each page is one HTML file that needs nothing else: no network, no server, no `eval`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import keras
import numpy as np
from PIL import Image

from involution_utils import checks
from involution_utils.data import scaled
from involution_utils.execution import plain_operations
from involution_utils.microscope.graph import translate
from involution_utils.microscope.page import LivePage, pixels

__all__ = ["PICTURE_LABELS", "PICTURE_NAMES", "convolution", "handwritten", "pictures", "screen", "show"]

PICTURE_NAMES = (
    *("boat", "cat", "walking cat", "airplane", "space shuttle"),
    *("rocket", "astronaut", "coffee", "mountains", "flower"),
)
PICTURE_LABELS = (8, 3, 3, 0, None, None, None, None, None, None)  # their classes of CIFAR-10, where they have one
_CHECKED = 2  # images whose logits, as Keras computes them, the page compares with its own


def show(
    model: keras.Model,
    images: np.ndarray,
    labels: Sequence[int | None] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    image_names: Sequence[str] | None = None,
    title: str = "Kernel microscope",
) -> LivePage:
    """Make the kernel microscope of `model`, for a notebook's output or a file.

    The output is the page in a frame; where scripts do not run, it is the first image, with a text. The page computes
    in JavaScript, compares that with Keras's logits for the first images when it opens, and says so if they differ.
    In it, `globalThis.involution.forward(pixels)` takes a `Float32Array` of height * width * channels numbers in [0, 1]
    and returns `{logits, kernels: {layer name: Float32Array}}`, the kernels flattened from `(H', W', K_h, K_w, G)`.

    Args:
        model: A trained functional or sequential model from images `(batch, height, width, 1 or 3)` of known size, with
            values in [0, 1], to logits or probabilities `(batch, classes)`. It may hold Conv2D, DepthwiseConv2D,
            `SharedDepthwiseConv2D`, Dense, BatchNormalization, Rescaling, ReLU, Softmax, Activation, MaxPooling2D,
            AveragePooling2D, GlobalAveragePooling2D, ZeroPadding2D, Flatten, Reshape, Add, Concatenate, Identity,
            layers for training alone such as Dropout, and `Involution2D` with a `KernelGenerator` or an
            `AttentionKernelGenerator`: exactly these classes, in float32, channels last.
        images: `(N, height, width, channels)`, of the model's size: uint8, or in [0, 1], rounded to 1/255.
        labels: N integers, the class of each image; None for an image that shows none of the classes.
        class_names: The name of each class; by default "class 0", "class 1" and so on.
        image_names: A name for each image; by default the name of its class, or its number.
        title: The page's title.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes the same page to a file.

    Raises:
        ParameterError: If an argument is of another form, or the model has a layer that the page does not know exactly.
    """
    network = _network(model, images)
    data = network | _pictures(network["graph"], images, labels, class_names, image_names)
    first, (answers, *_) = data["images"][0], network["expected"]
    best = data["classNames"][int(np.argmax(answers))]
    alt = f"The picture “{first['name']}”. To the network {model.name} it looks most like {best}."
    return LivePage("microscope", ("pictures", "reading"), title, data, first["values"], alt)


def screen(
    networks: Mapping[str, keras.Model],
    images: np.ndarray,
    labels: Sequence[int | None] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    image_names: Sequence[str] | None = None,
    about: str = "",
) -> LivePage:
    """Make a page that shows what several networks do at the same pixel of the same picture.

    For each network: hidden numbers, kernel, window, sum, what the network says. At first the pixel moves by itself.

    Args:
        networks: Networks as `show` takes them, by the title that each gets. They differ in their operator alone: the
            k-th layer with a window has equally many positions in all of them. The first one, the stem, is not shown.
        images: As in `show`.
        labels: As in `show`.
        class_names: As in `show`.
        image_names: As in `show`.
        about: A sentence on the networks, to stand below.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: If an argument is of another form, or a model has a layer that the page does not know exactly.
    """
    found = [_network(model, images) | {"title": str(title)} for title, model in networks.items()]
    positions = [
        [node["shape"][:2] for node in network["graph"]["nodes"] if math.prod(node.get("size", ())) > 1]
        for network in found
    ]
    if any(len(shapes) < 2 or shapes != positions[0] for shapes in positions or [[]]):
        raise checks.error("networks", "networks by title whose layers have equally many positions", positions)
    data: dict[str, Any] = {"networks": found, "about": about}
    data |= _pictures(found[0]["graph"], images, labels, class_names, image_names)
    first = data["images"][0]
    titles = ", ".join(network["title"] for network in found)
    alt = f"The picture “{first['name']}”, and what these operators do at one pixel of it: {titles}."
    return LivePage("screen", ("pictures",), "One pixel, several operators", data, first["values"], alt)


def _network(model: keras.Model, images: Any) -> dict[str, Any]:
    """Read `model`, and compute its logits for the first images."""
    graph = translate(model)
    images = pixels("images", images, ("N", *graph["input"]))
    # In float64, so that the same model gives the same page on any processor.
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)).replace('"float32"', '"float64"'))
    exact = keras.saving.deserialize_keras_object(config)
    exact.set_weights(model.get_weights())
    with plain_operations():
        logits = keras.ops.convert_to_numpy(exact(scaled(images[:_CHECKED]), training=False))
    if not np.isfinite(logits).all():  # which no JSON holds
        raise checks.error("model", "a network whose outputs are finite numbers", model.name)
    return {"graph": graph, "expected": [[float(f"{value:.6g}") for value in row] for row in logits]}


def _pictures(graph: dict[str, Any], images: Any, labels: Any, class_names: Any, image_names: Any) -> dict[str, Any]:
    """Return the pictures with their names and labels, and the names of the classes."""
    images = pixels("images", images, ("N", *graph["input"]))
    classes = [f"class {number}" for number in range(graph["nodes"][-1]["shape"][-1])]
    classes = [str(name) for name in _one_each("class_names", class_names, classes, "class")]
    truth: list[Any] = [None] * len(images)
    if labels is not None:
        given = _one_each("labels", np.ravel(labels), truth, "image")
        last = len(classes) - 1
        truth = [-1 if label is None else checks.whole_number("labels", label, 0, last) for label in given]
    names = [f"image {n + 1}" if label in (None, -1) else classes[label] for n, label in enumerate(truth)]
    names = [str(name) for name in _one_each("image_names", image_names, names, "image")]
    shown = [dict(zip(("name", "label", "values"), x, strict=True)) for x in zip(names, truth, images, strict=True)]
    return {"images": shown, "classNames": classes}


def _one_each(name: str, values: Any, default: list[Any], what: str) -> Any:
    if values is not None and len(values) != len(default):
        raise checks.error(name, f"one per {what}, {len(default)} of them", values)
    return default if values is None else values


def convolution(photo: np.ndarray, kernels: Mapping[str, np.ndarray]) -> LivePage:
    """Make a page with one kernel and a window that is dragged over a photograph: window, products, sum, output.

    The reader chooses among `kernels` or writes other weights.

    Args:
        photo: `(height, width)`, gray: uint8, or floating point in [0, 1].
        kernels: Square kernels of odd size, by name.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: If an argument is of another form.
    """
    photo, named = pixels("photo", photo, ("height", "width")), {n: np.asarray(k, float) for n, k in kernels.items()}
    if not named or any(k.ndim != 2 or k.shape[0] != k.shape[1] or k.shape[0] % 2 == 0 for k in named.values()):
        raise checks.error("kernels", "square kernels of odd size by name, at least one", kernels)
    data = {"photograph": photo, "columns": photo.shape[1], "point": [0.33, 0.42]}
    data["kernels"] = {str(name): kernel.tolist() for name, kernel in named.items()}
    alt = "A photograph. A kernel is laid over every position of it: its weights times the pixels there, added up."
    return LivePage("convolution", ("photograph",), "One kernel, a window at a time", data, photo[..., None], alt)


def handwritten(
    photo: np.ndarray, threshold: float = 0.47, *, measure: np.ndarray | None = None, measure_name: str = "brightness"
) -> LivePage:
    """Make a page with a kernel generator written by hand, its output beside that of one single blur.

    The rule: where a pixel's measure, by default its brightness, is above the threshold, its kernel is a 7x7 Gaussian
    blur; elsewhere it is the identity. Both sliders can be moved.

    Args:
        photo: `(height, width)`, gray: uint8, or floating point in [0, 1].
        threshold: The measure above which the rule blurs, from 0 to 1.
        measure: Of the photograph's shape, in [0, 1]: what the rule looks at; by default `photo` itself.
        measure_name: What it is called.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes it to a file.

    Raises:
        ParameterError: If an argument is of another form.
    """
    photo = pixels("photo", photo, ("height", "width"))
    data = {"photograph": photo, "columns": photo.shape[1], "measureName": str(measure_name)}
    data |= {"measure": photo if measure is None else pixels("measure", measure, photo.shape)}
    data |= {"byItself": measure is None, "point": [0.75, 0.8]}
    data |= {"threshold": checks.number("threshold", threshold, 0, 1), "width": 1.5}
    alt = (
        f"A photograph. A rule blurs it where its {measure_name} is above {threshold:g}, and leaves the rest as it is."
    )
    return LivePage("handwritten", ("photograph",), "A kernel written by hand", data, photo[..., None], alt)


def pictures() -> np.ndarray:
    """Return the ten photographs that ship with the package.

    Returns:
        Array (10, 32, 32, 3), float32 in [0, 1]. They are in the public domain; `PICTURE_NAMES` says what they show,
        `PICTURE_LABELS` which class of CIFAR-10 that is, if any, and `assets/README.md` where they come from.
    """
    with (resources.files("involution_utils") / "assets" / "pictures.png").open("rb") as file:
        strip = np.asarray(Image.open(file))
    return scaled(np.stack(np.split(strip, len(PICTURE_NAMES), axis=1)))
