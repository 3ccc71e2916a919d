"""The kernel microscope: a trained network, alive in a page; and two smaller pages that share its code.

    from involution_utils import microscope

    microscope.page(model, images, "microscope.html", labels, class_names)   # one file, complete in itself
    microscope.show(model, images, labels, class_names)                      # the same in a notebook's output
    microscope.convolution(photo, kernels), microscope.handwritten(photo)    # two smaller pages

Each page is one HTML file that needs nothing else: no network, no server, no `eval`.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.analysis import layer_kernels
from involution_utils.execution import plain_operations
from involution_utils.microscope.by_hand import convolution, handwritten
from involution_utils.microscope.graph import translate
from involution_utils.microscope.page import LivePage, assemble, image_data
from involution_utils.microscope.pictures import PICTURE_NAMES, pictures, side_by_side

__all__ = ["PICTURE_NAMES", "convolution", "handwritten", "page", "pictures", "show"]

_SCRIPTS = ["forward.js", "page.js", "reading.js", "microscope.js"]
_CHECKED = 2  # images whose logits, as Keras computes them, the page compares with its own


def page(model: keras.Model, images: np.ndarray, path: str | os.PathLike, *arguments: Any, **settings: Any) -> Path:
    """Write the kernel microscope of `model` to one HTML file that needs neither a network nor a server.

    In the page, `globalThis.involution.forward(pixels)` takes a `Float32Array` of height * width * channels numbers in
    [0, 1] and returns `{logits, kernels: {layer name: Float32Array}}`, the kernels flattened from
    `(H', W', K_h, K_w, G)`.

    Args:
        model: As in `show`.
        images: As in `show`.
        path: The file to write, which ends in `.html`.
        *arguments: Further arguments of `show`.
        **settings: Further arguments of `show`, by name.

    Returns:
        The path of the file.

    Raises:
        ParameterError: If an argument is of another form, or the model has a layer that the page does not know.
    """
    return show(model, images, *arguments, **settings).save(path)


def show(
    model: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    image_names: Sequence[str] | None = None,
    title: str = "Kernel microscope",
) -> LivePage:
    """Make the kernel microscope of `model` for a notebook's output.

    The output is the page in a frame. Where scripts do not run, it is a picture of the first image and of the kernels
    that the network makes for it, with a text for readers who cannot see it. The page computes with JavaScript of its
    own, compares that with Keras's logits for the first images when it opens, and says so if they differ.

    Args:
        model: A trained functional or sequential model from images `(batch, height, width, 1 or 3)` of known size, with
            values in [0, 1], to logits or probabilities `(batch, classes)`. It may hold Conv2D, DepthwiseConv2D,
            `SharedDepthwiseConv2D`, Dense, BatchNormalization, Rescaling, ReLU, Softmax, Activation, MaxPooling2D,
            AveragePooling2D, GlobalAveragePooling2D, ZeroPadding2D, Flatten, Reshape, Add, Concatenate, Identity,
            layers for training alone such as Dropout, and `Involution2D` with a `KernelGenerator` or an
            `AttentionKernelGenerator`: exactly these classes, in float32, channels last.
        images: `(N, height, width, channels)`, of the model's size: uint8, or floating point in [0, 1]. The page holds
            them in steps of 1/255.
        labels: N integers, the class of each image.
        class_names: The name of each class; by default "class 0", "class 1" and so on.
        image_names: A name for each image; by default the name of its class, or its number.
        title: The page's title.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes the same page to a file.

    Raises:
        ParameterError: If an argument is of another form, or the model has a layer that the page does not know exactly.
    """
    graph = translate(model)
    images = _images(images, graph["input"])
    count, classes = len(images), graph["nodes"][-1]["shape"][-1]
    if class_names is None:
        class_names = [f"class {number}" for number in range(classes)]
    class_names = _one_each("class_names", class_names, "class", classes)
    if labels is not None:
        labels = _one_each("labels", np.ravel(labels), "image", count)
        labels = [checks.whole_number("labels", label, 0, classes - 1) for label in labels]
    if image_names is None:
        image_names = [class_names[n] for n in labels] if labels else [f"image {n + 1}" for n in range(count)]
    image_names = _one_each("image_names", image_names, "image", count)

    exact = _in_float64(model)
    with plain_operations():
        logits = keras.ops.convert_to_numpy(exact(images[:_CHECKED], training=False))
        kernels = layer_kernels(exact, images[:1])
    shares = logits[0] if graph["probabilities"] else np.exp(logits[0] - logits[0].max())
    says = f"{class_names[shares.argmax()]} ({100 * shares.max() / shares.sum():.0f} %)"
    found = [image_data(image, str(name)) for image, name in zip(images, image_names, strict=True)]
    expected = [[float(f"{value:.6g}") for value in row] for row in logits]
    names = [str(name) for name in class_names]
    data = {"graph": graph, "images": found, "labels": labels, "classNames": names, "expected": expected}
    sums = {name.removesuffix("_involution"): made[0, ..., 0].sum((2, 3)) for name, made in kernels.items()}
    panels = dict([(str(image_names[0]), images[0]), *sums.items()][:6])
    alt = f"The picture “{image_names[0]}”, of which the network {model.name} says {says}."
    if kernels:
        alt += f" Beside it, for each of {', '.join(kernels)}, the sum of the kernel at every position, first group."
    picture = side_by_side(panels, f"The network says {says}", "RdBu_r")
    return LivePage(assemble(title, "microscope.html", _SCRIPTS, data), title, picture, alt)


def _images(images: Any, shape: list[int]) -> np.ndarray:
    """Return `images`, checked, in float32 and in steps of 1/255, as the page reads them."""
    array = np.asarray(images)
    expected = f"images of shape (N, {', '.join(map(str, shape))}), at least one, uint8 or floating point in [0, 1]"
    if array.ndim != 4 or list(array.shape[1:]) != shape or not len(array):
        raise checks.error("images", expected, f"array of shape {array.shape}")
    if array.dtype != "uint8":
        if array.dtype.kind != "f" or not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise checks.error("images", expected, f"{array.dtype} from {array.min()} to {array.max()}")
        array = np.round(array * 255)
    return array.astype("float32") / 255


def _one_each(name: str, values: Any, what: str, count: int) -> Any:
    if len(values) != count:
        raise checks.error(name, f"one per {what}, {count} of them", values)
    return values


def _in_float64(model: keras.Model) -> keras.Model:
    """Copy `model` to compute in float64, so that the same model gives the same page on any processor."""
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)).replace('"float32"', '"float64"'))
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(model.get_weights())
    return copy
