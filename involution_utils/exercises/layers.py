"""What the checks of layers and models share: they make one, run it, compare outputs, and lend it weights."""

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
