"""The checks of notebook 02."""

import math
from typing import Any

import keras
import numpy as np

from involution_utils.analysis import parts
from involution_utils.execution import plain_operations
from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, raised, unanswered, verdict
from involution_utils.exercises.layers import close, made_layer, output
from involution_utils.layers import Involution2D
from involution_utils.ops import involution


def check_involution_parameters(answer: Any) -> Verdict:
    """Check `involution_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns how many trainable parameters an `Involution2D` with these arguments has.
    """

    def involution_parameters(channels, kernel_size, groups, reduction_ratio, *, norm=2, first=1, last=1, least=1):
        hidden = max(least, channels // reduction_ratio)
        return hidden * (channels + first + norm) + kernel_size**2 * groups * (hidden + last)

    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": {"norm": 0},
        "no gradient trains the moving mean and variance.": {"norm": 4},
        "the bias of the second convolution is missing.": {"last": 0},
        "the bias of the first convolution is missing.": {"first": 0},
        "the hidden channels are wrong where the ratio exceeds the channels.": {"least": 0},
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
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "a quotient of floats may lie just below the right number; divide with //.": lambda c, n, g: int(c / n * g),
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (8, 8), (10, 1), (49, 49)) for c in range(n)]
    return judge(answer, cases, group_of, "a group owns channels / groups neighboring channels.", mistakes)


_CHANNELS = 12
_NORMALIZATION = {"gamma", "beta", "moving_mean", "moving_variance"}  # the weights of a BatchNormalization


@plain_operations()  # compiling them for a few images would take longer
def check_own_involution_layer(answer: Any) -> Verdict:
    """Check a Keras layer of the reader's own: with the same weights it must equal `Involution2D`.

    Args:
        answer: the class. `answer(kernel_size=K, groups=G, reduction_ratio=r)` makes a layer whose kernels come from a
            1x1 convolution to `max(1, channels // r)` channels, a `BatchNormalization`, ReLU and a 1x1 convolution to
            K * K * G numbers, read as (K, K, G); stride 1, zeros around the image. Names of attributes are free, and so
            is the order of weights; 1x1 convolutions may be dense layers or plain weights.
    """
    images = np.random.default_rng(8).normal(size=(2, 5, 6, _CHANNELS)).astype("float32")
    for kernel_size, groups, ratio in ((3, 3, 3), (5, 2, 5)):
        sizes: dict[str, Any] = {"kernel_size": kernel_size, "groups": groups, "reduction_ratio": ratio}
        layer = made_layer(answer, **sizes)
        if isinstance(layer, Verdict):
            return layer
        found = output(layer, images)
        if is_stub(found):
            return unanswered("write the layer's `kernels`, and build what it needs.")
        if any(isinstance(part, Involution2D) for part in (layer, *parts(layer))):
            return verdict("this is the package's layer; write its `call` yourself.")
        reference = Involution2D(**sizes)
        reference.build(images.shape)
        problem = f"it {raised(found)}." if isinstance(found, BaseException) else _weights_problem(layer, reference)
        if problem := problem or _output_problem(layer, reference, images):
            return verdict(f"with {', '.join(f'{name}={size}' for name, size in sizes.items())}: {problem}")
    return verdict(None, "with the same weights it equals `Involution2D`.")


def _weights_problem(layer, reference):
    """Give both layers the same random weights, or return what is wrong with those of the first.

    Weights are recognized by their name if the normalization owns them, else by how many numbers they have.
    """
    own, expected = (
        {w.name if w.name in _NORMALIZATION else math.prod(w.shape): w for w in one.weights}
        for one in (layer, reference)
    )
    free = {_CHANNELS // reference.reduction_ratio}  # the first bias, which the normalization's shift replaces
    last_bias = math.prod(reference.kernel_size) * reference.groups
    if not own.keys() >= _NORMALIZATION:
        return "the batch normalization between the two convolutions is missing."
    if expected.keys() - own.keys() - free == {last_bias}:
        return "the second convolution has no bias."
    over_rows = any(own[name].shape != expected[name].shape for name in _NORMALIZATION)
    if over_rows or expected.keys() - free != own.keys() - free or len(own) != len(layer.weights):
        shapes = ", ".join(str(tuple(weight.shape)) for weight in layer.weights)
        needed = ", ".join(str(tuple(weight.shape)) for weight in reference.weights)
        return f"for {_CHANNELS} channels the weights have the shapes {needed}; yours have {shapes}."
    if len(layer.trainable_weights) != len(layer.weights) - 2:
        return "some weights are frozen; all but the moving mean and variance should be trainable."
    random = np.random.default_rng(18)
    for key, weight in expected.items():
        value = random.uniform(2, 4, weight.shape) if key in _NORMALIZATION else random.normal(size=weight.shape)
        weight.assign(value if key in own else 0 * value)
        if key in own:
            shape = tuple(own[key].shape)
            own[key].assign((value.T if shape == weight.shape[:1:-1] else value).reshape(shape))
    return None


def _output_problem(layer, reference, images):
    """Return in what a layer's output differs from that of the involution with the same weights."""
    expected, kernels = (np.array(one) for one in reference(images, return_kernels=True))
    found = output(layer, images)
    if found.shape != images.shape:
        return f"expected outputs of shape {images.shape}, those of the inputs, got {found.shape}."
    mistakes = {
        "the groups are interleaved; the channels of a group are neighbors.": (
            np.tile(kernels, _CHANNELS // reference.groups)
        ),
        "the kernels are flipped; use them as they are.": kernels[:, :, :, ::-1, ::-1],
        "rows and columns of the kernels are swapped.": kernels.swapaxes(3, 4),
    }
    if not close(found, expected):
        other = "the weights are those of the right generator, but with them the outputs differ from the involution's."
        return next((hint for hint, k in mistakes.items() if close(found, np.array(involution(images, k)))), other)
    wider = np.random.default_rng(9).normal(size=(1, 7, 4, _CHANNELS)).astype("float32")
    inputs = keras.Input(wider.shape[1:])
    model = attempt(lambda: keras.Model(inputs, layer(inputs)))
    if isinstance(model, BaseException) or is_stub(model):
        problem = raised(model) if isinstance(model, BaseException) else "leaves TensorFlow, perhaps for NumPy"
        return f"in a model, for images of another size, where the size of the batch is unknown, your layer {problem}."
    models = model, keras.Model(inputs, reference(inputs))
    for training, problem in {
        False: "right for the first images, but for some of another size the result is another.",
        True: "in training, the normalization should use mean and variance of the batch; leave `training` to Keras.",
    }.items():
        found, expected = (output(one, wider, training=training) for one in models)
        if not close(found, expected):
            return problem
    return None
