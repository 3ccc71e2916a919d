"""The checks of notebook 02."""

import math
import operator
from typing import Any

import keras
import numpy as np

from involution_utils.analysis import parts
from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, raised, unanswered, verdict
from involution_utils.exercises.layers import close, made_layer, output
from involution_utils.layers import Involution2D
from involution_utils.ops import involution


def check_involution_parameters(answer: Any) -> Verdict:
    """Check `involution_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns how many trainable parameters an `Involution2D` with these arguments has.
    """

    def involution_parameters(
        channels, kernel_size, groups, reduction_ratio, *, norm=2, first=1, last=1, reduced=lambda c, r: max(1, c // r)
    ):
        hidden = reduced(channels, reduction_ratio)
        return hidden * (channels + first + norm) + kernel_size**2 * groups * (hidden + last)

    f = involution_parameters
    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": {"norm": 0},
        "no gradient trains the moving mean and variance.": {"norm": 4},
        "the groups have no effect; each has a kernel of its own.": lambda c, k, g, r: f(c, k, 1, r),
        "a kernel of size K has K rows and K columns.": lambda c, k, g, r: f(c, k, g / k, r),
        "the bias of the second convolution is missing.": {"last": 0},
        "the bias of the first convolution is missing.": {"first": 0},
        "both biases are missing.": {"first": 0, "last": 0},
        "this has a kernel for each channel; the channels of a group share one.": lambda c, k, g, r: f(c, k, c, r),
        "the hidden channels are wrong where the ratio does not divide the channels, or exceeds them.": tuple(
            {"reduced": wrong} for wrong in (operator.truediv, operator.floordiv, lambda c, r: -(-c // r))
        ),
    }
    cases = [(3, 3, 1, 2), (2, 3, 1, 4), (6, 5, 2, 4), (16, 7, 4, 4), (64, 3, 16, 8)]
    return judge(answer, cases, involution_parameters, "two convolutions with biases, a scale and a shift.", mistakes)


def check_group_of_channel(answer: Any) -> Verdict:
    """Check `group_of(channel, channels, groups)`.

    Args:
        answer: function that returns the group of a channel, both counted from 0; a group's channels are neighbors.
    """

    def group_of(channel, channels, groups):
        return np.repeat(np.arange(groups), channels // groups)[channel]

    mistakes = {
        "these groups are interleaved; neighboring channels belong together.": lambda c, n, g: c % g,
        "the paper counts channels and groups from 1; here both are counted from 0.": (
            lambda c, n, g: -(-c * g // n),
            lambda c, n, g: c * g // n + 1,
        ),
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "this is the channel's position within its group.": lambda c, n, g: c % (n // g),
        "a group is a whole number.": lambda c, n, g: c * g / n,
        "a quotient of floats may lie just below the right number; divide with //.": lambda c, n, g: int(c / n * g),
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (8, 8), (10, 1), (49, 49)) for c in range(n)]
    return judge(answer, cases, group_of, "a group owns channels / groups neighboring channels.", mistakes)


_CHANNELS = 12
_NORMALIZATION = {"gamma", "beta", "moving_mean", "moving_variance"}  # the weights of a BatchNormalization


def check_own_involution_layer(answer: Any) -> Verdict:
    """Check a Keras layer of the reader's own: with the same weights it must equal `Involution2D`.

    Args:
        answer: the class. `answer(kernel_size=K, groups=G, reduction_ratio=r)` makes a layer whose kernels come from a
            1x1 convolution to `max(1, channels // r)` channels, a `BatchNormalization`, ReLU and a 1x1 convolution to
            K * K * G numbers, read as (K, K, G); stride 1, zeros around the image. Names of attributes are free, and so
            is the order of weights; 1x1 convolutions may be dense layers or plain weights.
    """
    sizes = [
        {"kernel_size": 3, "groups": 3, "reduction_ratio": 3},
        {"kernel_size": 5, "groups": 2, "reduction_ratio": 5},
    ]
    found = _judged(answer, sizes[0])
    other = found and _judged(answer, sizes[1], briefly=True)
    if found and not other:
        before, named = (", ".join(f"{name}={size}" for name, size in each.items()) for each in sizes)
        return verdict(f"right for {before}, but with {named}: {other.text.partition(': ')[2]}")
    return found


def _judged(answer, sizes, briefly=False):
    """Return the verdict on the layer with these arguments; `briefly` leaves out other images, a model and training."""
    layer = made_layer(answer, **sizes)
    if isinstance(layer, Verdict):
        return layer
    random = np.random.default_rng(8)
    images, wider = (random.normal(size=(*size, _CHANNELS)).astype("float32") for size in ((2, 5, 6), (1, 7, 4)))
    given = output(layer, images)
    if is_stub(given):
        return unanswered("write the layer's `kernels`, and build what it needs.")
    if isinstance(given, BaseException):
        return verdict(f"given inputs of shape {images.shape}, your layer {raised(given)}.")
    if any(isinstance(part, Involution2D) for part in (layer, *parts(layer))):
        return verdict("this is the package's layer; write its `call` yourself.")
    if given.shape != images.shape:
        return verdict(f"expected outputs of shape {images.shape}, those of the inputs, got {given.shape}.")
    if problem := _weights_problem(layer, sizes):
        return verdict(problem)
    reference = _reference(layer, sizes)
    given = output(layer, images)
    if not close(given, output(reference, images)):
        return verdict(_hint(images, given, reference))
    if briefly:
        return verdict(None)
    found, symbolic = output(layer, wider), attempt(lambda: layer(keras.Input(wider.shape[1:])))
    if not close(found, output(reference, wider)):
        problem = f"it {raised(found)}" if isinstance(found, BaseException) else "the result is another"
        return verdict(f"right for the first images, but for some of another size {problem}.")
    if isinstance(symbolic, BaseException) or is_stub(symbolic):
        problem = raised(symbolic) if isinstance(symbolic, BaseException) else "leaves TensorFlow, perhaps for NumPy"
        return verdict(f"in a model, where the size of the batch is unknown, your layer {problem}.")
    training = [output(keras.Sequential([one]), wider, training=True) for one in (layer, reference)]
    in_batch = "in training, the normalization should use mean and variance of the batch; leave `training` to Keras."
    return verdict(None if close(*training) else in_batch, "with the same weights it equals `Involution2D`.")


def _key(weight):
    """Return by what a weight is recognized: its name if the normalization owns it, else how many numbers it has."""
    return weight.name if weight.name in _NORMALIZATION else math.prod(weight.shape)


def _weights_problem(layer, sizes):
    """Return what is wrong with the weights of a layer, or None."""
    hidden, taps = _CHANNELS // sizes["reduction_ratio"], sizes["kernel_size"] ** 2 * sizes["groups"]
    keys = [_key(weight) for weight in layer.weights]
    if not keys:
        return "the layer has no weights; keep the generator's layers as attributes (`self.reduce = ...`)."
    if _NORMALIZATION - set(keys):
        return "the batch normalization between the two convolutions is missing."
    given = sorted(key for key in keys if key not in _NORMALIZATION | {hidden})  # the first bias is free
    if given == sorted([_CHANNELS * hidden, hidden * taps]):
        return "the second convolution has no bias."
    if given != sorted([_CHANNELS * hidden, hidden * taps, taps]):
        shapes = ", ".join(str(tuple(weight.shape)) for weight in layer.weights)
        expected = f"{_CHANNELS} x {hidden}, and {hidden} x {taps} with {taps} biases"
        return f"for {_CHANNELS} channels the weights are {expected}; yours have the shapes {shapes}."
    if len(layer.trainable_weights) != len(keys) - 2:
        return "some weights are frozen; all but the moving mean and variance should be trainable."
    return None


def _reference(layer, sizes):
    """Give a layer random weights and return an `Involution2D` with these weights."""
    random, reference, drawn = np.random.default_rng(18), Involution2D(**sizes), {}
    reference.build((None, None, None, _CHANNELS))
    for weight in layer.weights:
        positive = weight.name in _NORMALIZATION
        drawn[_key(weight)] = random.uniform(2, 4, weight.shape) if positive else random.normal(size=weight.shape)
    layer.set_weights([drawn[_key(weight)] for weight in layer.weights])
    values = []
    for weight in reference.weights:
        value = drawn.get(_key(weight), np.zeros(weight.shape))  # only the first bias may be missing
        transposed = value.ndim == 2 and value.shape == weight.shape[:1:-1]  # of plain weights
        values.append((value.T if transposed else value).reshape(weight.shape))
    reference.set_weights(values)
    return reference


def _hint(images, given, reference):
    """Return the hint for a layer whose output is not the involution."""
    kernels = np.array(reference(images, return_kernels=True)[1])
    *positions, size, _, groups = kernels.shape
    even = np.broadcast_to(kernels.mean((1, 2), keepdims=True), kernels.shape)
    mistakes = {
        "one kernel serves every position; each has the kernel that its pixel makes.": even,
        "the groups are interleaved; the channels of a group are neighbors.": np.tile(kernels, _CHANNELS // groups),
        "the kernels are flipped; use them as they are.": kernels[:, :, :, ::-1, ::-1],
        "rows and columns of the kernels are swapped.": kernels.swapaxes(3, 4),
        "the numbers of a kernel are read as (K, K, G): the group comes last.": (
            np.moveaxis(kernels.reshape(*positions, groups, size, size), 3, 5)
        ),
    }
    other = "the weights are those of the right generator, but with them the outputs differ from the involution's."
    return next((hint for hint, wrong in mistakes.items() if close(given, np.array(involution(images, wrong)))), other)
