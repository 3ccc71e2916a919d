"""What the checks of a network share: building it, looking at its input, running it with other weights."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from involution_utils.exercises.judge import Verdict, attempt, is_stub, raised, show


def received(answer: Any) -> keras.Model | Verdict:
    """Return the Keras model that was handed over or built, or the `Verdict` if it is no model of RGB images."""
    if not isinstance(answer, keras.Model) and callable(answer):
        answer = attempt(answer, ())
    if is_stub(answer):
        return Verdict(False, "Not answered yet: build the model, and hand it (or the function that builds it) over.")
    if isinstance(answer, Exception):
        return Verdict(False, f"Not yet: building the model {raised(answer)}.")
    if not isinstance(answer, keras.Model):
        return Verdict(False, f"Not yet: expected a Keras model or a function that builds one, got {show(answer)}.")
    if not answer.built:
        found = attempt(answer, (np.zeros((1, 32, 32, 3), "float32"),))
        if isinstance(found, Exception) or is_stub(found):
            problem = raised(found) if isinstance(found, Exception) else "returned nothing"
            return Verdict(False, f"Not yet: your model {problem}, given an image of 32 x 32 pixels.")
    shapes = [tuple(one.shape) for one in getattr(answer, "inputs", None) or ()] or [(None, None, None, 3)]
    if len(shapes) > 1 or len(shapes[0]) != 4:
        takes = " and ".join(map(str, shapes))
        return Verdict(False, f"Not yet: the model should take one batch (None, height, width, 3); it takes {takes}.")
    if shapes[0][-1] not in (3, None):
        return Verdict(False, f"Not yet: the images have three channels, the model's input has {shapes[0][-1]}.")
    return answer


def image_sizes(model: keras.Model) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the size that the model is made for, 32 x 32 if any will do, and a larger one of other proportions."""
    inputs = getattr(model, "inputs", None)
    height, width = (size or 32 for size in (inputs[0].shape[1:3] if inputs else (32, 32)))
    return (height, width), (2 * height, 3 * width)


def run(model: keras.Model, images: np.ndarray, training: bool = False) -> np.ndarray:
    """Return the model's output; images may be of another size than the model's input says."""
    images = keras.ops.convert_to_tensor(images)
    declared = [tuple(one.shape[1:3]) for one in getattr(model, "inputs", None) or ()]
    other = (
        any(size not in (None, n) for size, n in zip(*declared, images.shape[1:3], strict=True)) if declared else False
    )
    # `call` does not compare the images with the declared input, as `__call__` does.
    return keras.ops.convert_to_numpy((model.call if other else model)(images, training=training))


def run_if_possible(model: keras.Model, images: np.ndarray) -> np.ndarray | None:
    """Return the model's output, or None if it does not take images of this size."""
    try:
        return run(model, images)
    except Exception:
        return None


def close(found: np.ndarray | None, expected: np.ndarray) -> bool:
    """True if two outputs differ by no more than what float32, or a GPU's TF32, may lose."""
    if found is None or found.shape != expected.shape:
        return False
    return bool(np.abs(found - expected).max() <= 5e-3 * np.abs(expected).max())


@contextlib.contextmanager
def weights_of(model: keras.Model, weights: Sequence[np.ndarray]) -> Iterator[None]:
    """Give the model these weights in a block, and its own ones back at the end."""
    kept = model.get_weights()
    try:
        model.set_weights(weights)
        yield
    finally:
        model.set_weights(kept)
