"""The kernel microscope: a trained network, alive in a page; and the smaller pages that share its code.

    from involution_utils import microscope

    microscope.page(model, images, "microscope.html", labels, class_names)   # one file, complete in itself
    microscope.show(model, images, labels, class_names)                       # the same in a notebook's output
    microscope.convolution(), microscope.handwritten()                                         # two smaller pages

The page computes with the project's own JavaScript. It knows the layers InputLayer, Conv2D, DepthwiseConv2D,
`SharedDepthwiseConv2D`, Dense, BatchNormalization, Rescaling, ReLU, Softmax, Activation, MaxPooling2D,
AveragePooling2D, GlobalAveragePooling2D, ZeroPadding2D, Flatten, Reshape, Add, Concatenate, Dropout and its like, and
`Involution2D` with a `KernelGenerator` or an `AttentionKernelGenerator`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.analysis import layer_kernels
from involution_utils.microscope.by_hand import convolution, handwritten
from involution_utils.microscope.graph import translate
from involution_utils.microscope.page import LivePage, assemble, image_data
from involution_utils.microscope.pictures import PICTURE_NAMES, photograph, pictures, snapshot

__all__ = [
    "PICTURE_NAMES",
    "convolution",
    "handwritten",
    "kernel_means",
    "page",
    "photograph",
    "pictures",
    "show",
]

_SCRIPTS = ["forward.js", "page.js", "reading.js", "microscope.js"]


def page(
    model: keras.Model,
    images: np.ndarray,
    path: str | os.PathLike,
    labels: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    image_names: Sequence[str] | None = None,
    dataset_kernels: Mapping[str, np.ndarray] | None = None,
    dataset_name: str | None = None,
    title: str = "Kernel microscope",
) -> Path:
    """Write the kernel microscope of `model` to one HTML file that needs neither a network nor a server.

    In the page, `globalThis.involution.forward(pixels)` takes a `Float32Array` of height * width * channels numbers in
    [0, 1] and returns `{logits, kernels: {layer name: Float32Array}}`, the kernels flattened from
    `(H', W', K_h, K_w, G)`.

    Args:
        model: A trained functional or sequential model from images `(batch, height, width, 1 or 3)` of known size, with
            values in [0, 1], to logits or probabilities `(batch, classes)`.
        images: `(N, height, width, channels)`, of the model's size: uint8, or floating point in [0, 1]. The page holds
            them in steps of 1/255.
        path: The file to write, which ends in `.html`.
        labels: N integers, the class of each image.
        class_names: The name of each class; by default "class 0", "class 1" and so on.
        image_names: A name for each image; by default the name of its class, or its number.
        dataset_kernels: The mean kernel of each involution over a data set, from `kernel_means`, for the question what
            the network would say with fixed kernels. By default the page takes the mean over `images`.
        dataset_name: What to call that data set, such as "10,000 test images of CIFAR-10".
        title: The page's title.

    Returns:
        The path of the file.

    Raises:
        ParameterError: a ValueError, if an argument is of another form, or the model has a layer that the page does not
            know.
    """
    made = show(
        model,
        images,
        labels,
        class_names,
        image_names=image_names,
        dataset_kernels=dataset_kernels,
        dataset_name=dataset_name,
        title=title,
    )
    return made.save(path)


def show(
    model: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    image_names: Sequence[str] | None = None,
    dataset_kernels: Mapping[str, np.ndarray] | None = None,
    dataset_name: str | None = None,
    title: str = "Kernel microscope",
) -> LivePage:
    """Make the kernel microscope of `model` for a notebook's output.

    The output is the page in a frame; where scripts do not run, it is a picture of the first image and of the kernels
    that the network makes for it, with a text for readers who cannot see it.

    Args:
        model: As in `page`.
        images: As in `page`.
        labels: As in `page`.
        class_names: As in `page`.
        image_names: As in `page`.
        dataset_kernels: As in `page`.
        dataset_name: As in `page`.
        title: As in `page`.

    Returns:
        A `LivePage`, which a notebook displays and whose `save(path)` writes the same page to a file.

    Raises:
        ParameterError: As in `page`.
    """
    graph, weights = translate(model)
    images = _images(images, graph["input"])
    classes = graph["nodes"][-1]["shape"][-1]
    if class_names is None:
        class_names = [f"class {number}" for number in range(classes)]
    class_names = [str(name) for name in class_names]
    if len(class_names) != classes:
        raise checks.error("class_names", f"one name per class, {classes} of them", class_names)
    if labels is not None:
        labels = [checks.whole_number("labels", label, 0, classes - 1) for label in np.asarray(labels).ravel()]
        if len(labels) != len(images):
            raise checks.error("labels", f"one label per image, {len(images)} of them", labels)
    if image_names is None:
        image_names = (
            [class_names[label] for label in labels] if labels else [f"image {n + 1}" for n in range(len(images))]
        )
    if len(image_names) != len(images):
        raise checks.error("image_names", f"one name per image, {len(images)} of them", image_names)

    found = [image_data(image, str(name)) for image, name in zip(images, image_names, strict=True)]
    for number, label in enumerate(labels or []):
        found[number]["label"] = label
    data: dict[str, Any] = {"graph": graph, "images": found, "classNames": class_names}
    if dataset_kernels is not None:
        data |= {"datasetKernels": _means(dataset_kernels, graph), "datasetName": dataset_name or "a data set"}
    html = assemble(title, "microscope.html", _SCRIPTS, data, weights)
    picture, alt = snapshot(model, images[0], str(image_names[0]), class_names, graph["probabilities"])
    return LivePage(html, title, picture, alt)


def kernel_means(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the mean kernel of each involution of `model` over images and positions.

    Args:
        model: A functional model.
        images: `(N, height, width, channels)`, in [0, 1].

    Returns:
        A dict from the name of each `Involution2D` to an array `(K_h, K_w, G)`, float32.
    """
    sums: dict[str, Any] = {}
    for start in range(0, len(images), 256):
        batch = images[start : start + 256]
        for name, kernels in layer_kernels(model, batch).items():
            sums[name] = sums.get(name, 0) + kernels.mean((1, 2), dtype="float64").sum(0)
    return {name: (total / len(images)).astype("float32") for name, total in sums.items()}


def _images(images: Any, shape: list[int]) -> np.ndarray:
    array = np.asarray(images)
    expected = f"images of shape (N, {', '.join(map(str, shape))}), at least one, uint8 or floating point in [0, 1]"
    if array.ndim != 4 or list(array.shape[1:]) != shape or not len(array):
        raise checks.ParameterError(f"`images` must be {expected}. Received: an array of shape {array.shape}")
    if array.dtype == "uint8":
        return array.astype("float32") / 255
    if array.dtype.kind != "f" or not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        span = f" from {array.min()} to {array.max()}"
        raise checks.ParameterError(f"`images` must be {expected}. Received: {array.dtype}{span}")
    return array.astype("float32")


def _means(kernels: Any, graph: dict[str, Any]) -> dict[str, list[float]]:
    sizes = {n["name"]: (*n["size"], n["groups"]) for n in graph["nodes"] if n["op"] == "involution"}
    received = {name: np.shape(values) for name, values in dict(kernels).items()}
    if received != sizes:
        raise checks.error("dataset_kernels", f"arrays of the shapes {sizes}, by layer", received)
    return {name: [float(value) for value in np.ravel(values)] for name, values in kernels.items()}
