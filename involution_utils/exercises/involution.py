"""The checks of notebook 02."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, numbers, raised, show
from involution_utils.exercises.network import close
from involution_utils.layers import Involution2D


def check_involution_parameters(answer: Any) -> Verdict:
    """Check `involution_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns the number of trainable parameters of an `Involution2D` with these arguments and
            its default kernel generator.
    """

    def involution_parameters(channels, kernel_size, groups, reduction_ratio, *, norm=2, first=1, last=1, taps=None):
        hidden = max(1, channels // reduction_ratio)
        return hidden * (channels + first + norm) + (taps or kernel_size**2 * groups) * (hidden + last)

    def with_hidden(hidden):
        return lambda c, k, g, r: hidden(c, r) * (c + 3) + k * k * g * (hidden(c, r) + 1)

    count = involution_parameters
    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the groups have no effect; each has a kernel of its own.": lambda c, k, g, r: count(c, k, 1, r),
        "a kernel of size K has K rows and K columns.": lambda c, k, g, r: count(c, k, g, r, taps=k * g),
        "the bias of the second convolution is missing.": lambda *sizes: count(*sizes, last=0),
        "the bias of the first convolution is missing.": lambda *sizes: count(*sizes, first=0),
        "both biases are missing.": lambda *sizes: count(*sizes, first=0, last=0),
        "this has a kernel for each channel; the channels of a group share one.": (
            lambda c, k, g, r: count(c, k, g, r, taps=k * k * c),
            lambda c, k, g, r: count(c, k, g, r, taps=k * k * c * g),
        ),
        "these are the parameters of a convolution, not of the layers that make an involution's kernels.": (
            lambda c, k, g, r: k * k * c * c + c,
            lambda c, k, g, r: k * k * c * c,
        ),
        "the hidden channels are wrong where the ratio does not divide the channels, or exceeds them.": (
            with_hidden(lambda c, r: c / r),
            with_hidden(lambda c, r: c // r),
            with_hidden(lambda c, r: -(-c // r)),
        ),
    }
    cases = [(3, 3, 1, 2), (2, 3, 1, 4), (6, 5, 2, 4), (16, 7, 4, 4), (64, 3, 16, 8)]
    praise = "two 1x1 convolutions with biases, a scale and a shift between them."
    return judge(answer, cases, involution_parameters, praise, mistakes)


def check_group_of_channel(answer: Any) -> Verdict:
    """Check `group_of(channel, channels, groups)`.

    Args:
        answer: function that returns the group, counted from 0, to which a channel, counted from 0, belongs. Each group
            owns equally many neighboring channels.
    """

    def group_of(channel, channels, groups):
        return channel // (channels // groups)

    mistakes = {
        "these groups are interleaved; neighboring channels belong together.": lambda c, n, g: c % g,
        "the paper counts channels and groups from 1; here both are counted from 0.": (
            lambda c, n, g: -(-c * g // n),
            lambda c, n, g: -(-(c + 1) * g // n),
        ),
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "this is the channel's position within its group.": lambda c, n, g: c % (n // g),
        "a group is a whole number.": lambda c, n, g: c * g / n,
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (15, 5), (5, 1), (4, 4)) for c in range(n)]
    return judge(answer, cases, group_of, "each group has channels / groups neighboring channels.", mistakes)


def involve(
    inputs: np.ndarray,
    kernels: np.ndarray,
    stride: int = 1,
    *,
    late: Sequence[int] = (0, 0),
    mode: Literal["constant", "wrap"] = "constant",
) -> np.ndarray:
    """Return the involution of one image; its windows may start too `late`, by rows and columns."""
    (*outputs, size, _, groups), channels = kernels.shape, inputs.shape[-1]
    padded = np.pad(inputs, ((size, size), (size, size), (0, 0)), mode)
    rows, columns = (
        size - (size - 1) // 2 + shift + stride * np.arange(n) for n, shift in zip(outputs, late, strict=True)
    )
    windows = sliding_window_view(padded, (size, size), axis=(0, 1))[np.ix_(rows, columns)]
    return np.einsum("ijcuv,ijuvc->ijc", windows, np.repeat(kernels, channels // groups, axis=-1))


def check_involution(answer: Any) -> Verdict:
    """Check `involve(inputs, kernels, stride)`.

    Args:
        answer: function of one image (H, W, C), its kernels (H', W', K, K, G) with odd K, and a stride. It returns an
            array (H', W', C). The window of output row i starts at input row i * stride - (K - 1) // 2, and columns
            alike; outside the image there are zeros. Group g owns the channels g * C // G to (g + 1) * C // G - 1.
    """

    def from_pixel(x, k, s):
        return involve(x, k, s, late=[(k.shape[2] - 1) // 2] * 2)

    def padded_as_keras(x, k, s):
        room = [max((m - 1) * s + k.shape[2] - n, 0) // 2 for n, m in zip(x.shape[:2], k.shape[:2], strict=True)]
        return involve(x, k, s, late=[(k.shape[2] - 1) // 2 - before for before in room])

    def mixed(x, k, s):
        parts = np.split(involve(x, k, s), k.shape[-1], axis=-1)
        return np.concatenate([np.broadcast_to(p.sum(-1, keepdims=True), p.shape) for p in parts], axis=-1)

    mistakes = {
        "the kernels are flipped; use them as they are.": lambda x, k, s: involve(x, k[:, :, ::-1, ::-1], s),
        "rows and columns of the kernels are swapped.": lambda x, k, s: involve(x, k.swapaxes(2, 3), s),
        "the groups are interleaved; the channels of a group are neighbors.": (
            lambda x, k, s: involve(x, np.tile(k, x.shape[-1] // k.shape[-1]), s)
        ),
        "the windows start at their pixel; they should be centered on it.": from_pixel,
        "the windows are off by one pixel.": (
            lambda x, k, s: involve(x, k, s, late=(1, 1)),
            lambda x, k, s: involve(x, k, s, late=(-1, -1)),
        ),
        'this is "same" padding of Keras, which depends on size and stride; here it is (K - 1) // 2.': padded_as_keras,
        "the stride has no effect.": lambda x, k, s: involve(x, k, 1),
        "the kernel of group 0 serves all groups.": lambda x, k, s: involve(x, k[..., :1], s),
        "the kernel of position (0, 0) serves every position: that is what a convolution does.": (
            lambda x, k, s: involve(x, np.broadcast_to(k[:1, :1], k.shape), s)
        ),
        "the channels are summed; an involution keeps them apart.": mixed,
        "the image continues at its opposite border; there should be zeros.": (
            lambda x, k, s: involve(x, k, s, mode="wrap")
        ),
    }
    draw = np.random.default_rng(2).normal
    sizes = [
        ((3, 4, 1), 3, 1, 1),
        ((5, 4, 6), 3, 2, 1),
        ((6, 9, 6), 3, 2, 2),
        ((8, 7, 4), 5, 2, 2),
        ((7, 10, 3), 5, 3, 3),
    ]
    cases = [(draw(size=x), draw(size=(-(-x[0] // s), -(-x[1] // s), k, k, g)), s) for x, k, g, s in sizes]
    praise = "each position has its kernel, each group its own, and the channels stay apart."
    return judge(answer, cases, involve, praise, mistakes)


def check_own_involution_layer(answer: Any) -> Verdict:
    """Check a Keras layer of the reader's own: with the same weights it must equal `Involution2D`.

    Args:
        answer: the class. `answer(kernel_size=K, groups=G, reduction_ratio=r)` makes a layer whose kernels come from a
            1x1 convolution to `channels // r` channels, batch normalization, ReLU and a 1x1 convolution to K * K * G
            numbers, read as (K, K, G); stride 1, zeros around the image. Names of attributes are free, and so is the
            order of weights; 1x1 convolutions may be dense layers or plain weights.
    """
    unanswered = Verdict(False, "Not answered yet: write the layer's `call`, and hand over the class.")
    if is_stub(answer) or getattr(answer, "call", None) is keras.layers.Layer.call:
        return unanswered
    if not callable(answer) or isinstance(answer, keras.layers.Layer):
        return Verdict(False, f"Not yet: expected the class itself, not a layer that it makes; got {show(answer)}.")
    layer = _make_layer(answer)
    if is_stub(layer):
        return unanswered
    if isinstance(layer, Exception):
        return Verdict(
            False, f"Not yet: making the layer with kernel_size=3, groups=3, reduction_ratio=3 {raised(layer)}."
        )
    if not isinstance(layer, keras.layers.Layer):
        return Verdict(False, f"Not yet: expected a class that is a `keras.layers.Layer`; it makes {show(layer)}.")
    random = np.random.default_rng(8)
    images, wider = (random.normal(size=size).astype("float32") for size in ((2, 5, 6, 12), (1, 7, 4, 12)))
    given = _output(layer, images)
    if is_stub(given):
        return unanswered
    if isinstance(given, Exception):
        return Verdict(False, f"Not yet: given inputs of shape {images.shape}, your layer {raised(given)}.")
    if any(isinstance(part, Involution2D) for part in layer._flatten_layers()):
        return Verdict(False, "Not yet: this is the package's layer; write its `call` yourself.")
    if given.shape != images.shape:
        return Verdict(
            False, f"Not yet: expected outputs of shape {images.shape}, those of the inputs, got {given.shape}."
        )
    problem = _weights_problem([w.shape for w in layer.weights])
    if problem:
        return Verdict(False, f"Not yet: {problem}")
    layer.set_weights(
        [random.uniform(2, 4, w.shape) if _size(w) == 4 else random.normal(size=w.shape) for w in layer.weights]
    )
    given, weights = _output(layer, images), layer.get_weights()
    order = _order_of_weights(images, weights, given)
    if order is None:
        return Verdict(False, f"Not yet: {_layer_mistake(images, weights, given)}")
    kernels, found = _generated(wider, weights, *order), _output(layer, wider)
    if isinstance(found, Exception) or not close(found, _involve_all(wider, kernels)):
        problem = f"it {raised(found)}" if isinstance(found, Exception) else "the result is another"
        return Verdict(False, f"Not yet: right for the first images, but for some of another size {problem}.")
    problem = _other_values_problem(answer, wider, order)
    if problem:
        return Verdict(False, f"Not yet: right for kernel_size=3, groups=3, reduction_ratio=3, but {problem}")
    symbolic = attempt(lambda: layer(keras.Input(images.shape[1:])), ())
    if isinstance(symbolic, Exception) or is_stub(symbolic):
        problem = raised(symbolic) if isinstance(symbolic, Exception) else "leaves TensorFlow, perhaps for NumPy"
        return Verdict(False, f"Not yet: in a model, where the size of the batch is unknown, your layer {problem}.")
    first = "" if order[0] == _LAYOUTS[0] else " (Your kernels have the group first; those of `Involution2D`, last.)"
    return Verdict(True, f"Right: with the same weights it equals `Involution2D`, for images of any size.{first}")


# A generator's span returns K * K * G numbers per position, read as (K, K, G) or as (G, K, K): the order of the axes.
_LAYOUTS = (0, 1, 2), (1, 2, 0)
_ROLES = ("reduce bias", "scale", "shift", "mean", "variance")


def _make_layer(make, kernel_size=3, groups=3, reduction_ratio=3):
    """Return the layer of these arguments, or the exception."""
    layer = attempt(lambda: make(kernel_size=kernel_size, groups=groups, reduction_ratio=reduction_ratio), ())
    if isinstance(layer, Exception):
        by_position = attempt(lambda: make(kernel_size, groups, reduction_ratio), ())
        return layer if isinstance(by_position, Exception) else by_position
    return layer


def _other_values_problem(answer, images, order):
    """Return what is wrong with the layer for 5 x 5 kernels, 2 groups and a ratio of 4, or None."""
    layer = _make_layer(answer, 5, 2, 4)
    found = layer if isinstance(layer, Exception) else _output(layer, images)
    sizes = sorted(_size(w) for w in getattr(layer, "weights", ()) if _size(w) != 3)
    if isinstance(found, Exception) and (sizes == [36, 50, 150] or len(sizes) < 3):
        return f"with kernel_size=5, groups=2, reduction_ratio=4 your layer {raised(found)}."
    if sizes != [36, 50, 150] or is_stub(found):
        return "other values of them should change the weights: 12 x 3 and 3 x 50 for kernel_size=5, groups=2, ratio 4."
    random = np.random.default_rng(18)
    weights = [random.uniform(2, 4, w.shape) if _size(w) == 3 else random.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    kernels = _generated(images, weights, *order, size=5, groups=2, hidden=3)
    if not close(_output(layer, images), _involve_all(images, kernels)):
        return "with kernel_size=5, groups=2, reduction_ratio=4 the result is another."
    return None


def _output(layer, images):
    """Return the layer's output as an array, or what was raised, or a stub."""
    found = attempt(lambda: layer(keras.ops.convert_to_tensor(images)), ())
    if is_stub(found) or isinstance(found, Exception):
        return found
    array = numbers(found)
    return TypeError(f"expected one tensor of numbers, got {show(found)}") if array is None else array


def _size(weight):
    return math.prod(weight.shape)


def _weights_problem(shapes):
    """Return what is wrong with the weights of a layer for 12 channels, from their shapes, or None."""
    sizes = sorted(math.prod(shape) for shape in shapes)
    if not sizes:
        return "the layer has no weights; keep the generator's layers as attributes (`self.reduce = ...`)."
    matrices, vectors = [n for n in sizes if n != 4], sizes.count(4)
    if matrices == [48, 108]:
        return "the second convolution has no bias."
    if matrices != [27, 48, 108]:
        return (
            "for 12 channels and a ratio of 3 the generator's weights are 12 x 4, and, for 3 groups and 3 x 3 kernels, "
            f"4 x 27 with 27 biases; yours have the shapes {', '.join(map(str, shapes))}."
        )
    if vectors < 2:
        return "the batch normalization between the two convolutions is missing."
    if vectors not in (4, 5):
        return "batch normalization has four weights per channel: scale, shift, moving mean and moving variance."
    return None


def _generated(images, weights, layout, roles, *, size=3, groups=3, hidden=4, relu_first=False, relu=True):
    """Return the kernels (batch, height, width, size, size, groups) that a generator with these weights makes."""
    n = size * size * groups
    reduce, span, bias = (next(w for w in weights if w.size == s).squeeze() for s in (12 * hidden, hidden * n, n))
    vectors = dict(zip(roles, (w.ravel() for w in weights if w.size == hidden), strict=True))
    rectify = (lambda x: np.maximum(x, 0)) if relu else (lambda x: x)
    x = images @ (reduce if reduce.shape[0] == 12 else reduce.T) + vectors.get("reduce bias", 0)
    x = rectify(x) if relu_first else x
    x = (x - vectors["mean"]) / np.sqrt(vectors["variance"] + 1e-3) * vectors["scale"] + vectors["shift"]
    x = x if relu_first else rectify(x)
    span = span.T.reshape(hidden, n) if span.shape == (n, hidden) else span.reshape(hidden, n)
    flat = x @ span + bias.ravel()
    shape = (size, size, groups) if layout == _LAYOUTS[0] else (groups, size, size)
    return flat.reshape(*flat.shape[:3], *shape).transpose(0, 1, 2, *(3 + axis for axis in layout))


def _involve_all(images, kernels, **change):
    return np.stack([involve(*pair, **change) for pair in zip(images, kernels, strict=True)])


def _order_of_weights(images, weights, given):
    """Return the layout of the kernels and the roles of the vectors of 4 with which `given` is the involution."""
    vectors = sum(w.size == 4 for w in weights)
    for layout in _LAYOUTS:
        for roles in itertools.permutations(_ROLES[-vectors:]):
            if close(given, _involve_all(images, _generated(images, weights, layout, roles))):
                return layout, roles
    return None


def _layer_mistake(images, weights, given):
    """Return the hint for a layer whose output is not the involution, its vectors in the usual order."""
    roles = _ROLES[-sum(w.size == 4 for w in weights) :]
    for layout in _LAYOUTS:
        kernels = _generated(images, weights, layout, roles)
        everywhere = [
            np.broadcast_to(k, kernels.shape) for k in (kernels[:, :1, :1], kernels.mean((1, 2), keepdims=True))
        ]
        powers = np.exp(kernels - kernels.max((3, 4), keepdims=True))
        right = _involve_all(images, kernels)
        sums = right.reshape(*right.shape[:3], 3, 4).sum(-1, keepdims=True)
        mistakes = {
            "the ReLU between the two convolutions is missing.": [
                _involve_all(images, _generated(images, weights, layout, roles, relu=False))
            ],
            "the ReLU comes after the normalization, not before it.": [
                _involve_all(images, _generated(images, weights, layout, roles, relu_first=True))
            ],
            "one kernel serves every position; each position has the kernel that its pixel makes.": [
                _involve_all(images, k) for k in everywhere
            ],
            "the groups are interleaved; the channels of a group are neighbors.": [
                _involve_all(images, np.tile(kernels, 4))
            ],
            "the kernels are flipped; use them as they are.": [_involve_all(images, kernels[:, :, :, ::-1, ::-1])],
            "rows and columns of the kernels are swapped.": [_involve_all(images, kernels.swapaxes(3, 4))],
            "the windows start at their pixel; they should be centered on it.": [
                _involve_all(images, kernels, late=(1, 1))
            ],
            "the channels are summed; an involution keeps them apart.": [np.repeat(sums[..., 0], 4, -1)],
            "the taps are averaged; they should be summed.": [right / 9],
            "the kernels pass through a softmax; those of an involution are used as they come.": [
                _involve_all(images, powers / powers.sum((3, 4), keepdims=True))
            ],
            "the inputs are added once more; the layer returns the involution alone.": [right + images],
        }
        for hint, outputs in mistakes.items():
            if any(close(given, output) for output in outputs):
                return hint
    return "the weights are those of the right generator, but with them the outputs differ from the involution's."
