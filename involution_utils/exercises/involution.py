"""The checks of notebook 02."""

import math
from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, raised, unanswered, verdict
from involution_utils.exercises.network import close, made_layer, output, parts
from involution_utils.layers import Involution2D


def check_involution_parameters(answer: Any) -> Verdict:
    """Check `involution_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns the number of trainable parameters of an `Involution2D` with these arguments and
            its default kernel generator.
    """

    def count(c, k, g, r, *, norm=2, first=1, last=1, hidden=lambda c, r: max(1, c // r)):
        return hidden(c, r) * (c + first + norm) + k * k * g * (hidden(c, r) + last)

    def involution_parameters(channels, kernel_size, groups, reduction_ratio):
        return count(channels, kernel_size, groups, reduction_ratio)

    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the groups have no effect; each has a kernel of its own.": lambda c, k, g, r: count(c, k, 1, r),
        "a kernel of size K has K rows and K columns.": lambda c, k, g, r: count(c, k, g / k, r),
        "the bias of the second convolution is missing.": lambda *sizes: count(*sizes, last=0),
        "the bias of the first convolution is missing.": lambda *sizes: count(*sizes, first=0),
        "both biases are missing.": lambda *sizes: count(*sizes, first=0, last=0),
        "this has a kernel for each channel; the channels of a group share one.": lambda c, k, g, r: count(c, k, c, r),
        "these are the parameters of a convolution, not of a generator.": lambda c, k, g, r: k * k * c * c + c,
        "the hidden channels are wrong where the ratio does not divide the channels, or exceeds them.": (
            lambda *sizes: count(*sizes, hidden=lambda c, r: c / r),
            lambda *sizes: count(*sizes, hidden=lambda c, r: c // r),
            lambda *sizes: count(*sizes, hidden=lambda c, r: -(-c // r)),
        ),
    }
    cases = [(3, 3, 1, 2), (2, 3, 1, 4), (6, 5, 2, 4), (16, 7, 4, 4), (64, 3, 16, 8)]
    return judge(answer, cases, involution_parameters, "two convolutions with biases, a scale and a shift.", mistakes)


def check_group_of_channel(answer: Any) -> Verdict:
    """Check `group_of(channel, channels, groups)`.

    Args:
        answer: function that returns the group, counted from 0, to which a channel, counted from 0, belongs. Each group
            owns equally many neighboring channels.
    """

    def group_of(channel, channels, groups):
        return np.repeat(np.arange(groups), channels // groups)[channel]

    from_one = lambda c, n, g: -(-c * g // n), lambda c, n, g: c * g // n + 1
    mistakes = {
        "these groups are interleaved; neighboring channels belong together.": lambda c, n, g: c % g,
        "the paper counts channels and groups from 1; here both are counted from 0.": from_one,
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "this is the channel's position within its group.": lambda c, n, g: c % (n // g),
        "a group is a whole number.": lambda c, n, g: c * g / n,
        "a quotient of floats may lie just below the right number; divide with //.": lambda c, n, g: int(c / n * g),
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (8, 8), (10, 1), (49, 49)) for c in range(n)]
    return judge(answer, cases, group_of, "a group owns channels / groups neighboring channels.", mistakes)


def _involve(inputs, kernels, stride=1, late=0, mode="constant"):
    """Return the involution (H', W', C) of an image (H, W, C); its windows may start too `late`."""
    (rows, columns, size, _, groups), channels = kernels.shape, inputs.shape[-1]
    padded = np.pad(inputs, ((size, size), (size, size), (0, 0)), mode)
    start = size - size // 2 + late
    windows = sliding_window_view(padded, (size, size), axis=(0, 1))[start::stride, start::stride][:rows, :columns]
    return np.einsum("ijcuv,ijuvc->ijc", windows, np.repeat(kernels, channels // groups, axis=-1))


def _summed(outputs, groups):
    """Return outputs in which each channel is the sum of the channels of its group."""
    split = outputs.reshape(*outputs.shape[:-1], groups, -1)
    return np.broadcast_to(split.sum(-1, keepdims=True), split.shape).reshape(outputs.shape)


def check_involution(answer: Any) -> Verdict:
    """Check `involve(inputs, kernels, stride)`.

    Args:
        answer: function of one image (H, W, C), its kernels (H', W', K, K, G) with odd K, and a stride. It returns an
            array (H', W', C). The window of output row i starts at input row i * stride - (K - 1) // 2, and columns
            alike; outside the image there are zeros. Group g owns the channels g * C // G to (g + 1) * C // G - 1.
    """

    def involve(inputs, kernels, stride):
        return _involve(inputs, kernels, stride)

    def padded_as_keras(x, k, s):
        rooms = [max((m - 1) * s + k.shape[2] - n, 0) for n, m in zip(x.shape[:2], k.shape[:2], strict=True)]
        x = np.pad(x, [(room // 2, room - room // 2) for room in rooms] + [(0, 0)])
        return _involve(x, k, s, late=k.shape[2] // 2)

    f = _involve
    interleaved = lambda x, k, s: f(x, np.tile(k, x.shape[-1] // k.shape[-1]), s)  # noqa: E731
    one_kernel = lambda x, k, s: f(x, np.broadcast_to(k[:1, :1], k.shape), s)  # noqa: E731
    mistakes = {
        "the kernels are flipped; use them as they are.": lambda x, k, s: f(x, k[:, :, ::-1, ::-1], s),
        "rows and columns of the kernels are swapped.": lambda x, k, s: f(x, k.swapaxes(2, 3), s),
        "the groups are interleaved; the channels of a group are neighbors.": interleaved,
        "the windows start at their pixel; center them on it.": lambda x, k, s: f(x, k, s, late=k.shape[2] // 2),
        "the windows are off by one pixel.": (lambda x, k, s: f(x, k, s, late=1), lambda x, k, s: f(x, k, s, late=-1)),
        'this is "same" padding of Keras, which depends on size and stride; here it is (K - 1) // 2.': padded_as_keras,
        "the stride has no effect.": lambda x, k, s: f(x, k, 1),
        "the kernel of group 0 serves all groups.": lambda x, k, s: f(x, k[..., :1], s),
        "the kernel of position (0, 0) serves every position: that is what a convolution does.": one_kernel,
        "the channels are summed; an involution keeps them apart.": lambda x, k, s: _summed(f(x, k, s), k.shape[-1]),
        "the image continues at its opposite border; there should be zeros.": lambda x, k, s: f(x, k, s, mode="wrap"),
    }
    draw, cases = np.random.default_rng(2).normal, []
    sizes = [(3, 4, 1, 3, 1, 1), (5, 4, 6, 3, 2, 1), (6, 9, 6, 3, 2, 2), (8, 7, 4, 5, 2, 2), (7, 10, 3, 5, 3, 3)]
    for height, width, c, k, g, s in sizes:
        cases.append((draw(size=(height, width, c)), draw(size=(-(-height // s), -(-width // s), k, k, g)), s))
    return judge(answer, cases, involve, "each position has its kernel, each group its own.", mistakes)


_SMALL, _OTHER = (3, 3, 3), (5, 2, 4)  # kernel_size, groups, reduction_ratio, for 12 channels
_NORMALIZATION = {"gamma", "beta", "moving_mean", "moving_variance"}  # the weights of a BatchNormalization


def check_own_involution_layer(answer: Any) -> Verdict:
    """Check a Keras layer of the reader's own: with the same weights it must equal `Involution2D`.

    Args:
        answer: the class. `answer(kernel_size=K, groups=G, reduction_ratio=r)` makes a layer whose kernels come from a
            1x1 convolution to `channels // r` channels, a `BatchNormalization`, ReLU and a 1x1 convolution to K * K * G
            numbers, read as (K, K, G); stride 1, zeros around the image. Names of attributes are free, and so is the
            order of weights; 1x1 convolutions may be dense layers or plain weights.
    """
    layer, random = _made(answer, _SMALL), np.random.default_rng(8)
    if isinstance(layer, Verdict):
        return layer
    images, wider = (random.normal(size=size).astype("float32") for size in ((2, 5, 6, 12), (1, 7, 4, 12)))
    given = output(layer, images)
    if is_stub(given):
        return unanswered("write the layer's `call`.")
    if isinstance(given, BaseException):
        return verdict(f"given inputs of shape {images.shape}, your layer {raised(given)}.")
    if any(isinstance(part, Involution2D) for part in (layer, *parts(layer))):
        return verdict("this is the package's layer; write its `call` yourself.")
    if given.shape != images.shape:
        return verdict(f"expected outputs of shape {images.shape}, those of the inputs, got {given.shape}.")
    if problem := _weights_problem(layer):
        return verdict(problem)
    references = [_reference(layer, _SMALL, group_first) for group_first in (False, True)]
    given = output(layer, images)
    group_first = close(given, output(references[1], images))
    if not group_first and not close(given, output(references[0], images)):
        return verdict(_layer_mistake(images, given, references))
    praise = "with the same weights it equals `Involution2D`, for images of any size."
    praise += " (Your kernels have the group first; those of `Involution2D`, last.)" if group_first else ""
    return verdict(
        _call_problem(layer, references[group_first], wider) or _size_problem(answer, group_first, wider), praise
    )


def _made(answer, sizes):
    return made_layer(answer, **dict(zip(("kernel_size", "groups", "reduction_ratio"), sizes, strict=True)))


def _weights_problem(layer):
    """Return what is wrong with the weights of a layer, or None."""
    sizes = sorted(math.prod(w.shape) for w in layer.weights if math.prod(w.shape) != 4)
    if not layer.weights:
        return "the layer has no weights; keep the generator's layers as attributes (`self.reduce = ...`)."
    if sizes == [48, 108]:
        return "the second convolution has no bias."
    if sizes != [27, 48, 108]:
        shapes = ", ".join(str(tuple(w.shape)) for w in layer.weights)
        return f"for 12 channels the weights are 12 x 4, and 4 x 27 with 27 biases; yours have the shapes {shapes}."
    if {w.name for w in layer.weights} & _NORMALIZATION != _NORMALIZATION:
        return "the batch normalization between the two convolutions is missing."
    if len(layer.trainable_weights) != len(layer.weights) - 2:
        return "some weights are frozen; all but the moving mean and variance should be trainable."
    return None


def _reference(layer, sizes, group_first):
    """Give a layer random weights, the same at each call, and return an `Involution2D` with these weights."""
    random, (kernel_size, groups, reduction_ratio) = np.random.default_rng(18), sizes
    reference = Involution2D(kernel_size=kernel_size, groups=groups, reduction_ratio=reduction_ratio)
    reference.build((None, None, None, 12))
    drawn, keys, values = [], [w.name if w.name in _NORMALIZATION else math.prod(w.shape) for w in layer.weights], []
    for weight, key in zip(layer.weights, keys, strict=True):
        drawn.append(random.uniform(2, 4, weight.shape) if key in _NORMALIZATION else random.normal(size=weight.shape))
    layer.set_weights(drawn)
    for weight in reference.weights:
        size = math.prod(weight.shape)
        key = weight.name if weight.name in _NORMALIZATION else size
        value = drawn[keys.index(key)] if key in keys else np.zeros(size)
        value = value.T if value.shape == weight.shape[:1:-1] else value
        if group_first and size % (kernel_size**2 * groups) == 0:
            value = value.reshape(-1, groups, kernel_size**2).swapaxes(1, 2)
        values.append(value.reshape(weight.shape))
    reference.set_weights(values)
    return reference


def _call_problem(layer, reference, images):
    """Return what is wrong with the layer for another size of images, in a model, or in training."""
    found, symbolic = output(layer, images), attempt(lambda: layer(keras.Input(images.shape[1:])))
    if not close(found, output(reference, images)):
        problem = f"it {raised(found)}" if isinstance(found, BaseException) else "the result is another"
        return f"right for the first images, but for some of another size {problem}."
    if isinstance(symbolic, BaseException) or is_stub(symbolic):
        problem = raised(symbolic) if isinstance(symbolic, BaseException) else "leaves TensorFlow, perhaps for NumPy"
        return f"in a model, where the size of the batch is unknown, your layer {problem}."
    if not close(*(output(keras.Sequential([one]), images, training=True) for one in (layer, reference))):
        return "in training, the normalization should use mean and variance of the batch; leave `training` to Keras."
    return None


def _size_problem(answer, group_first, images):
    """Return what is wrong with the layer for other sizes of kernel, groups and ratio."""
    layer = _made(answer, _OTHER)
    found = ValueError(layer.text) if isinstance(layer, Verdict) else output(layer, images)
    named = "right for kernel_size=3, groups=3, reduction_ratio=3, but with kernel_size=5, groups=2, reduction_ratio=4"
    if isinstance(found, BaseException):
        return f"{named} your layer {raised(found)}."
    if sorted({math.prod(w.shape) for w in layer.weights}) != [3, 36, 50, 150]:
        return f"{named} the weights should be others: 12 x 3 and 3 x 50."
    reference = _reference(layer, _OTHER, group_first)
    return None if close(output(layer, images), output(reference, images)) else f"{named} the result is another."


def _layer_mistake(images, given, references):
    """Return the hint for a layer whose output is not the involution."""
    for reference in references:
        right, kernels = (np.array(one) for one in reference(images, return_kernels=True))
        alike = "one kernel serves every position; each has the kernel that its pixel makes."
        mistakes = {
            alike: np.broadcast_to(kernels.mean((1, 2), keepdims=True), kernels.shape),
            "the groups are interleaved; the channels of a group are neighbors.": np.tile(kernels, 4),
            "the kernels are flipped; use them as they are.": kernels[:, :, :, ::-1, ::-1],
            "rows and columns of the kernels are swapped.": kernels.swapaxes(3, 4),
            "the taps are averaged; they should be summed.": kernels / 9,
        }
        outputs = {hint: np.stack(list(map(_involve, images, wrong))) for hint, wrong in mistakes.items()}
        outputs["the channels are summed; an involution keeps them apart."] = _summed(right, 3)
        outputs["the inputs are added once more; the layer returns the involution alone."] = right + images
        for hint, expected in outputs.items():
            if close(given, expected):
                return hint
    return "the weights are those of the right generator, but with them the outputs differ from the involution's."
