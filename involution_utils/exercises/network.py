"""What the checks of layers and networks share: making them, looking at their input, running them."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from involution_utils.exercises.judge import Verdict, attempt, is_stub, numbers, raised, show, unanswered, verdict


def made_layer(answer: Any, **arguments: Any) -> keras.layers.Layer | Verdict:
    """Return the layer that a class or a function makes, or the `Verdict` if it makes none.

    Args:
        answer: what was handed over.
        arguments: the arguments of the layer, handed over by name or, where these names are unknown, by position.
    """
    waiting = unanswered("write the layer's `call`, and hand over the class, or a function that makes the layer.")
    if is_stub(answer) or getattr(answer, "call", None) is keras.layers.Layer.call:
        return waiting
    if not callable(answer) or isinstance(answer, keras.layers.Layer):
        return verdict(f"expected the class itself, not a layer that it makes; got {show(answer)}.")
    layer = attempt(lambda: answer(**arguments))
    if isinstance(layer, TypeError):
        by_position = attempt(answer, tuple(arguments.values()))
        layer = layer if isinstance(by_position, BaseException) else by_position
    if is_stub(layer):
        return waiting
    if isinstance(layer, BaseException):
        named = ", ".join(f"{name}={value}" for name, value in arguments.items())
        return verdict(f"making the layer with {named} {raised(layer)}.")
    return layer if isinstance(layer, keras.layers.Layer) else verdict(f"expected a layer; got {show(layer)}.")


def output(layer: keras.layers.Layer, images: np.ndarray, **call: Any) -> Any:
    """Return the layer's output as an array, or what it raised, or a stub."""
    found = attempt(lambda: layer(keras.ops.convert_to_tensor(images), **call))
    if is_stub(found) or isinstance(found, BaseException):
        return found
    array = numbers(found)
    return TypeError(f"expected one tensor of numbers, got {show(found)}") if array is None else array


def received(answer: Any) -> keras.Model | Verdict:
    """Return the Keras model that was handed over or built, or the `Verdict` if it is no model of RGB images."""
    if not isinstance(answer, keras.Model) and callable(answer):
        answer = attempt(answer)
    if is_stub(answer):
        return unanswered("build the model, and hand it (or the function that builds it) over.")
    if isinstance(answer, BaseException):
        return verdict(f"building the model {raised(answer)}.")
    if not isinstance(answer, keras.Model):
        return verdict(f"expected a Keras model or a function that builds one, got {show(answer)}.")
    if not answer.built:
        found = attempt(answer, (np.zeros((1, 32, 32, 3), "float32"),))
        if isinstance(found, BaseException) or is_stub(found):
            problem = raised(found) if isinstance(found, BaseException) else "returned nothing"
            return verdict(f"your model {problem}, given an image of 32 x 32 pixels.")
    shapes = [tuple(one.shape) for one in getattr(answer, "inputs", None) or ()] or [(None, None, None, 3)]
    if len(shapes) > 1 or len(shapes[0]) != 4:
        takes = " and ".join(map(str, shapes))
        return verdict(f"the model should take one batch (None, height, width, 3); it takes {takes}.")
    if shapes[0][-1] not in (3, None):
        return verdict(f"the images have three channels, the model's input has {shapes[0][-1]}.")
    return answer


def input_size(model: keras.Model) -> tuple[int, int]:
    """Return the height and width that the model is made for, 32 where any will do."""
    inputs = getattr(model, "inputs", None)
    height, width = inputs[0].shape[1:3] if inputs else (32, 32)
    return height or 32, width or 32


def run(model: keras.Model, images: np.ndarray, training: bool = False) -> np.ndarray:
    """Return the model's output; images may be of another size than the model's input says."""
    images = keras.ops.convert_to_tensor(images)
    # `call` does not compare the images with the declared input, as `__call__` does.
    other = getattr(model, "inputs", None) and tuple(images.shape[1:3]) != input_size(model)
    call = model.call if other else model
    return keras.ops.convert_to_numpy(call(images, training=training))


def close(found: Any, expected: np.ndarray) -> bool:
    """True if two outputs differ by no more than what float32, or a GPU's TF32, may lose."""
    if not isinstance(found, np.ndarray) or found.shape != expected.shape:
        return False
    return bool(np.abs(found - expected).max() <= 5e-3 * np.abs(expected).max())


@contextlib.contextmanager
def weights_of(layer: keras.layers.Layer, weights: Sequence[np.ndarray]) -> Iterator[None]:
    """Give the layer these weights in a block; at the end all its variables are as they were."""
    kept = [np.array(variable) for variable in layer.variables]
    try:
        layer.set_weights(weights)
        yield
    finally:
        for variable, value in zip(layer.variables, kept, strict=True):
            variable.assign(value)
