"""Answers to the exercises of notebook 02, right ones and wrong ones."""

import numpy as np
from keras import layers, ops

from exercises import mistake, right


def generator(c, k, g, r, reduce_bias=1, norm=2, span_bias=1):
    hidden, outputs = max(1, c // r), k * k * g
    return c * hidden + reduce_bias * hidden + norm * hidden + hidden * outputs + span_bias * outputs


for name, hint, wrong in [
    ("no_norm", "has a scale and a shift", lambda c, k, g, r: generator(c, k, g, r, norm=0)),
    ("no_last_bias", "second convolution is missing", lambda c, k, g, r: generator(c, k, g, r, span_bias=0)),
    ("no_hidden_left", "hidden channels", lambda c, k, g, r: c // r * (c + 3) + k * k * g * (c // r + 1)),
]:
    mistake("involution_parameters", hint, name)(wrong)


for name, hint, wrong in [
    ("interleaved", "interleaved", lambda c, n, g: c % g),
    ("as_many", "as many channels", lambda c, n, g: c // g),
    ("float", "quotient of floats", lambda c, n, g: int(c / n * g)),
    ("rounded", "channel=2, channels=6, groups=2", lambda c, n, g: round(c * g / n)),
]:
    mistake("group_of_channel", hint, name)(wrong)

LAYER = "own_involution_layer"


@right(LAYER)
class OwnInvolution(layers.Layer):
    """Other answers override one of its steps."""

    def __init__(self, kernel_size, groups, reduction_ratio):
        super().__init__()
        self.kernel_size, self.groups, self.reduction_ratio = kernel_size, groups, reduction_ratio

    def build(self, input_shape):
        self.reduce = layers.Conv2D(input_shape[-1] // self.reduction_ratio, 1)
        self.normalize = layers.BatchNormalization()
        self.span = layers.Conv2D(self.kernel_size**2 * self.groups, 1)

    def kernels(self, inputs):
        return self.span(ops.relu(self.normalize(self.reduce(inputs))))

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        kernels = ops.reshape(self.kernels(inputs), (-1, height, width, self.kernel_size**2, self.groups, 1))
        windows = ops.image.extract_patches(inputs, self.kernel_size, strides=1, padding="same")
        windows = ops.reshape(windows, (-1, height, width, self.kernel_size**2, self.groups, channels // self.groups))
        return ops.reshape(ops.sum(kernels * windows, axis=3), (-1, height, width, channels))


@right(LAYER)
class OwnWeightsAndShifts(layers.Layer):
    def __init__(self, k, g, r):
        super().__init__()
        self.k, self.g, self.r, self.norm = k, g, r, layers.BatchNormalization(epsilon=1e-5)

    def build(self, shape):
        hidden = shape[-1] // self.r
        self.b = self.add_weight(shape=(self.k, self.k, self.g))
        self.s = self.add_weight(shape=(hidden, self.k, self.k, self.g))
        self.first = self.add_weight(shape=(hidden, shape[-1]))

    def call(self, x):
        hidden = ops.relu(self.norm(ops.einsum("bhwc,nc->bhwn", x, self.first)))
        kernels = ops.einsum("bhwn,nuvg->bhwuvg", hidden, self.s) + self.b
        half, (height, width), total = self.k // 2, x.shape[1:3], 0
        padded = ops.pad(x, [(0, 0), (half, half), (half, half), (0, 0)])
        for u, v in np.ndindex(self.k, self.k):
            kernel = ops.repeat(kernels[:, :, :, u, v], x.shape[-1] // self.g, axis=-1)
            total += kernel * padded[:, u : u + height, v : v + width]
        return total


def changed(hint, name, **methods):
    """Register the solution with other methods as a mistake."""
    mistake(LAYER, hint, name)(type(name, (OwnInvolution,), methods))


def kernels(change):
    """Return a method that makes the solution's kernels, (N, H, W, K, K, G), and changes them."""

    def method(self, inputs):
        flat = OwnInvolution.kernels(self, inputs)
        return change(ops.reshape(flat, (-1, *inputs.shape[1:3], self.kernel_size, self.kernel_size, self.groups)))

    return method


def outputs(change):
    """Return a `call` that changes what the solution returns."""
    return lambda self, inputs: change(OwnInvolution.call(self, inputs), inputs)


def replaced(name, part):
    """Return a `build` that makes another layer in place of one."""

    def method(self, shape):
        OwnInvolution.build(self, shape)
        setattr(self, name, part(self))

    return method


changed("batch normalization", "no_norm", build=replaced("normalize", lambda self: layers.Identity()))
frozen = replaced("reduce", lambda self: layers.Conv2D(12 // self.reduction_ratio, 1, trainable=False))
changed("some weights are frozen", "frozen", build=frozen)
no_bias = replaced("span", lambda self: layers.Conv2D(self.kernel_size**2 * self.groups, 1, use_bias=False))
changed("second convolution has no bias", "no_span_bias", build=no_bias)
changed("; yours have", "norm_of_rows", build=replaced("normalize", lambda self: layers.BatchNormalization(axis=1)))
changed("; yours have", "no_reduction", build=replaced("reduce", lambda self: layers.Conv2D(12, 1)))
changed("batch normalization", "no_weights", build=lambda self, shape: None, call=lambda self, inputs: inputs)
changed(
    "mean and variance of the batch",
    "never_training",
    kernels=lambda self, x: self.span(ops.relu(self.normalize(self.reduce(x), training=False))),
)
changed(
    "with them the outputs differ",
    "relu_before_norm",
    kernels=lambda self, x: self.span(self.normalize(ops.relu(self.reduce(x)))),
)
changed("flipped", "flipped", kernels=kernels(lambda k: ops.flip(k, axis=(3, 4))))
changed("rows and columns of the kernels", "transposed", kernels=kernels(lambda k: ops.swapaxes(k, 3, 4)))
changed("those of the inputs, got (2, 3, 4, 12)", "valid", call=outputs(lambda y, x: y[:, 1:-1, 1:-1]))
changed("for some of another size the result is another", "size_5", call=outputs(lambda y, x: y * (x.shape[1] == 5)))
in_numpy = lambda self, x: OwnInvolution.call(self, ops.convert_to_tensor(np.array(x)))  # noqa: E731
changed("leaves TensorFlow", "in_numpy", call=in_numpy)
mistake(LAYER, "expected the class itself", "instance")(OwnInvolution(3, 3, 3))
mistake(LAYER, "raised ValueError: Unrecognized", "no_arguments")(
    type("NoArguments", (layers.Layer,), {"call": lambda self, x: x})
)


@mistake(LAYER, "groups are interleaved")
class Interleaved(OwnInvolution):
    def call(self, inputs):
        _, height, width, channels = inputs.shape
        kernels = ops.reshape(self.kernels(inputs), (-1, height, width, 9, self.groups))
        windows = ops.image.extract_patches(inputs, 3, strides=1, padding="same")
        windows = ops.reshape(windows, (-1, height, width, 9, channels))
        return ops.sum(ops.tile(kernels, (1, 1, 1, 1, channels // self.groups)) * windows, axis=3)


@mistake(LAYER, "the package's layer")
def the_packages(kernel_size, groups, reduction_ratio):
    from involution_utils import Involution2D

    return Involution2D(kernel_size=kernel_size, groups=groups, reduction_ratio=reduction_ratio)
