"""Layers as learners would write them for notebook 02, right ones and wrong ones."""

import keras
import numpy as np
from keras import layers, ops

from exercises import ANSWERS, mistake, right

CHECK = "own_involution_layer"


class OwnInvolution(layers.Layer):
    """The solution; the mistakes override one of its steps."""

    def __init__(self, kernel_size, groups, reduction_ratio):
        super().__init__()
        self.kernel_size, self.groups, self.reduction_ratio = kernel_size, groups, reduction_ratio

    def build(self, input_shape):
        self.reduce = layers.Conv2D(input_shape[-1] // self.reduction_ratio, 1)
        self.normalize = layers.BatchNormalization()
        self.span = layers.Conv2D(self.kernel_size**2 * self.groups, 1)

    def kernels(self, inputs):
        return self.span(ops.relu(self.normalize(self.reduce(inputs))))

    def windows(self, inputs):
        return ops.image.extract_patches(inputs, self.kernel_size, strides=1, padding="same")

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        taps = self.kernel_size**2
        kernels = ops.reshape(self.kernels(inputs), (-1, height, width, taps, self.groups, 1))
        windows = self.windows(inputs)
        windows = ops.reshape(windows, (-1, height, width, taps, self.groups, channels // self.groups))
        return ops.reshape(ops.sum(kernels * windows, axis=3), (-1, height, width, channels))


ANSWERS[CHECK] = OwnInvolution


# Right, in other styles


@right(CHECK)
class ShiftsAndDense(layers.Layer):
    def __init__(self, k, g, r):
        super().__init__()
        self.k, self.g, self.r = k, g, r
        self.norm = layers.BatchNormalization(epsilon=1e-5)
        self.second = layers.Dense(k * k * g)

    def build(self, shape):
        self.first = layers.Dense(shape[-1] // self.r, use_bias=False)

    def call(self, x):
        kernels = ops.repeat(self.second(ops.relu(self.norm(self.first(x)))), x.shape[-1] // self.g, axis=-1)
        kernels = ops.split(kernels, self.k**2, axis=-1)
        half, (height, width) = self.k // 2, x.shape[1:3]
        padded = ops.pad(x, [(0, 0), (half, half), (half, half), (0, 0)])
        starts = [(u, v) for u in range(self.k) for v in range(self.k)]
        shifted = [padded[:, u : u + height, v : v + width] for u, v in starts]
        return sum(kernel * shift for kernel, shift in zip(kernels, shifted, strict=True))


@right(CHECK)
class OwnWeights(layers.Layer):
    def __init__(self, kernel_size=7, groups=1, reduction_ratio=4, **kwargs):
        super().__init__(**kwargs)
        self.size, self.groups, self.ratio = kernel_size, groups, reduction_ratio

    def build(self, shape):
        c, hidden = shape[-1], shape[-1] // self.ratio
        self.b = self.add_weight(shape=(self.size, self.size, self.groups))
        self.s = self.add_weight(shape=(hidden, self.size, self.size, self.groups))
        self.norm = layers.BatchNormalization()
        self.r = self.add_weight(shape=(hidden, c))
        self.rb = self.add_weight(shape=(hidden,))

    def call(self, inputs, training=None):
        hidden = ops.relu(self.norm(ops.einsum("bhwc,nc->bhwn", inputs, self.r) + self.rb, training=training))
        kernels = ops.einsum("bhwn,nuvg->bhwuvg", hidden, self.s) + self.b
        patches = ops.image.extract_patches(inputs, self.size, strides=1, padding="same")
        shape = ops.shape(inputs)
        patches = ops.reshape(patches, (-1, *shape[1:3], self.size, self.size, self.groups, shape[3] // self.groups))
        return ops.reshape(ops.einsum("bhwuvgc,bhwuvg->bhwgc", patches, kernels), (-1, *shape[1:]))


@right(CHECK)
class GroupFirst(OwnInvolution):
    def kernels(self, inputs):
        flat = super().kernels(inputs)
        split = ops.reshape(flat, (-1, *inputs.shape[1:3], self.groups, self.kernel_size**2))
        return ops.reshape(ops.swapaxes(split, -1, -2), (-1, *flat.shape[1:]))


@right(CHECK)
class ThePackagesOperation(OwnInvolution):
    def build(self, input_shape):
        hidden, taps = input_shape[-1] // self.reduction_ratio, self.kernel_size**2
        stack = [layers.Conv2D(hidden, 1), layers.BatchNormalization(), layers.ReLU()]
        self.generator = keras.Sequential([*stack, layers.Conv2D(taps * self.groups, 1)])

    def call(self, inputs):
        from involution_utils import involution

        size = (self.kernel_size, self.kernel_size, self.groups)
        return involution(inputs, ops.reshape(self.generator(inputs), (-1, *inputs.shape[1:3], *size)))


@right(CHECK)
class OtherOrderOfWeights(OwnInvolution):
    def build(self, input_shape):
        self.span = layers.Conv2D(self.kernel_size**2 * self.groups, 1)
        self.normalize = layers.BatchNormalization()
        self.reduce = layers.Conv2D(input_shape[-1] // self.reduction_ratio, 1)


@right(CHECK)
class NormScaledAlone(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.reduce = layers.Conv2D(input_shape[-1] // self.reduction_ratio, 1, use_bias=False)


# Wrong


@mistake(CHECK, "mean and variance of the batch")
class InferenceAlone(OwnInvolution):
    def kernels(self, inputs):
        return self.span(ops.relu(self.normalize(self.reduce(inputs), training=False)))


@mistake(CHECK, "some weights are frozen")
class Frozen(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.reduce.trainable = False


@mistake(CHECK, "batch normalization between the two convolutions is missing")
class NoNorm(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.normalize = layers.Identity()


@mistake(CHECK, "the weights should be others")
class Fixed(OwnInvolution):
    def __init__(self, kernel_size, groups, reduction_ratio):
        super().__init__(3, 3, 3)


@mistake(CHECK, "groups=2, reduction_ratio=4 your layer raised")
class ThreeByThree(OwnInvolution):
    def windows(self, inputs):
        return ops.image.extract_patches(inputs, 3, strides=1, padding="same")


@mistake(CHECK, "one kernel serves every position")
class MeanKernel(OwnInvolution):
    def kernels(self, inputs):
        kernels = super().kernels(inputs)
        return ops.broadcast_to(ops.mean(kernels, (1, 2), keepdims=True), ops.shape(kernels))


@mistake(CHECK, "groups are interleaved")
class Interleaved(OwnInvolution):
    def call(self, inputs):
        _, height, width, channels = inputs.shape
        kernels = ops.reshape(self.kernels(inputs), (-1, height, width, 9, 1, self.groups))
        windows = ops.reshape(self.windows(inputs), (-1, height, width, 9, channels // self.groups, self.groups))
        return ops.reshape(ops.sum(kernels * windows, axis=3), (-1, height, width, channels))


@mistake(CHECK, "flipped")
class Flipped(OwnInvolution):
    def windows(self, inputs):
        split = ops.reshape(super().windows(inputs), (-1, *inputs.shape[1:3], 9, inputs.shape[3]))
        return ops.flip(split, axis=3)


@mistake(CHECK, "rows and columns of the kernels are swapped")
class Transposed(OwnInvolution):
    def windows(self, inputs):
        split = ops.reshape(super().windows(inputs), (-1, *inputs.shape[1:3], 3, 3, inputs.shape[3]))
        return ops.swapaxes(split, 3, 4)


@mistake(CHECK, "channels are summed")
class Mixing(OwnInvolution):
    def call(self, inputs):
        _, height, width, channels = inputs.shape
        parts = ops.reshape(super().call(inputs), (-1, height, width, self.groups, channels // self.groups))
        return ops.repeat(ops.sum(parts, -1), channels // self.groups, axis=-1)


@mistake(CHECK, "averaged")
class Averaged(OwnInvolution):
    def call(self, inputs):
        return super().call(inputs) / 9


@mistake(CHECK, "added once more")
class Residual(OwnInvolution):
    def call(self, inputs):
        return super().call(inputs) + inputs


@mistake(CHECK, "with them the outputs differ")
class OneGroupForAll(OwnInvolution):
    def kernels(self, inputs):
        split = ops.reshape(super().kernels(inputs), (-1, *inputs.shape[1:3], 9, self.groups))
        return ops.broadcast_to(split[..., :1], ops.shape(split))


@mistake(CHECK, "second convolution has no bias")
class NoSpanBias(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.span = layers.Conv2D(self.kernel_size**2 * self.groups, 1, use_bias=False)


@mistake(CHECK, "yours have the shapes")
class KernelPerChannel(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.groups = input_shape[-1]
        self.span = layers.Conv2D(9 * self.groups, 1)


@mistake(CHECK, "yours have the shapes")
class PlainConvolution(OwnInvolution):
    def build(self, input_shape):
        self.convolution = layers.Conv2D(input_shape[-1], 3, padding="same")

    def call(self, inputs):
        return self.convolution(inputs)


@mistake(CHECK, "has no weights")
class FixedNumbers(OwnInvolution):
    def build(self, input_shape):
        self.numbers = np.ones((input_shape[-1], 9 * self.groups), "float32")

    def kernels(self, inputs):
        return inputs @ self.numbers


@mistake(CHECK, "those of the inputs, got (2, 3, 4, 12)")
class Valid(OwnInvolution):
    def call(self, inputs):
        return super().call(inputs)[:, 1:-1, 1:-1]


@mistake(CHECK, "of another size it raised")
class FixedSize(OwnInvolution):
    def build(self, input_shape):
        super().build(input_shape)
        self.sizes = input_shape[1:3]

    def call(self, inputs):
        return ops.reshape(super().call(inputs), (-1, *self.sizes, inputs.shape[-1]))


@mistake(CHECK, "for some of another size the result is another")
class CenteredOnTheImage(OwnInvolution):
    def call(self, inputs):
        return super().call(inputs) * (inputs.shape[1] == 5)


@mistake(CHECK, "size of the batch is unknown, your layer raised TypeError")
class FixedBatch(OwnInvolution):
    def call(self, inputs):
        return ops.stack([super(FixedBatch, self).call(inputs[i : i + 1])[0] for i in range(inputs.shape[0])])


@mistake(CHECK, "your layer leaves TensorFlow")
class InNumPy(OwnInvolution):
    def call(self, inputs):
        return super().call(ops.convert_to_tensor(np.array(inputs)))


@mistake(CHECK, "your layer raised AttributeError: 'Forgetful' object has no attribute 'generator'")
class Forgetful(OwnInvolution):
    def call(self, inputs):
        return self.generator(inputs)


@mistake(CHECK, "expected one tensor of numbers, got a tuple")
class WithKernels(OwnInvolution):
    def call(self, inputs):
        return super().call(inputs), self.kernels(inputs)


@mistake(CHECK, "making the layer with kernel_size=3, groups=3, reduction_ratio=3 raised TypeError")
class NoArguments(layers.Layer):
    def __init__(self):
        super().__init__()

    def call(self, inputs):
        return inputs


@mistake(CHECK, "expected a layer; got an object")
def of_no_layer(kernel_size, groups, reduction_ratio):
    return object()


@mistake(CHECK, "the package's layer")
def the_packages(kernel_size, groups, reduction_ratio):
    from involution_utils import Involution2D

    return Involution2D(kernel_size=kernel_size, groups=groups, reduction_ratio=reduction_ratio)


mistake(CHECK, "expected the class itself", "instance")(OwnInvolution(3, 3, 3))
mistake(CHECK, "expected the class itself", "number")(3)
