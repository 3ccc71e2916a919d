"""Kernel generators as learners would write them for notebook 08, right ones and wrong ones."""

import keras
import numpy as np
from keras import layers, ops

from exercises import ANSWERS, mistake, right


class WiderContext(layers.Layer):
    """The solution; the mistakes override one of its steps."""

    def __init__(self, kernel_size, groups):
        super().__init__()
        self.numbers = kernel_size**2 * groups
        self.mean = layers.AveragePooling2D(3, strides=1, padding="same")
        self.hidden = layers.Conv2D(4, 1, activation="relu")
        self.span = layers.Conv2D(self.numbers, 1)

    def call(self, images):
        return self.span(self.hidden(self.mean(images)))


ANSWERS["kernel_generator"] = WiderContext


@right("kernel_generator")
def sequential(kernel_size, groups):
    return keras.Sequential(
        [
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(kernel_size**2 * groups),
        ]
    )


@right("kernel_generator")
def the_packages_attention(kernel_size, groups):
    from involution_utils import AttentionKernelGenerator

    return AttentionKernelGenerator(kernel_size=kernel_size, groups=groups)


@right("kernel_generator")
class MixtureOfFixedKernels(layers.Layer):
    def __init__(self, k, g, count=5):
        super().__init__()
        self.shares, self.k, self.g = layers.Conv2D(count, 5, padding="same", activation="softmax"), k, g
        self.patterns = self.add_weight(shape=(count, k * k * g), initializer="glorot_uniform")

    def call(self, x):
        return ops.matmul(self.shares(x), self.patterns)


@right("kernel_generator")
class WholeImage(WiderContext):
    def call(self, images):
        context = ops.mean(images, axis=(1, 2), keepdims=True)
        return self.span(self.hidden(images)) * ops.sigmoid(self.span(self.hidden(context)))


@mistake("kernel_generator", "own pixel alone")
class OwnPixel(WiderContext):
    def call(self, images):
        return self.span(self.hidden(images))


@mistake("kernel_generator", "own pixel alone")
def the_packages(kernel_size, groups):
    from involution_utils import KernelGenerator

    return KernelGenerator(kernel_size=kernel_size, groups=groups)


@mistake("kernel_generator", "do not depend on the image")
class OneKernel(WiderContext):
    def call(self, images):
        return self.span(self.hidden(self.mean(ops.ones_like(images))))


@mistake("kernel_generator", "reads the numbers of a kernel from one axis")
class Unfolded(WiderContext):
    def call(self, images):
        return ops.reshape(super().call(images), (-1, *images.shape[1:3], 3, 3, 2))


@mistake("kernel_generator", "each of the 2 groups has a kernel")
class OneGroup(WiderContext):
    def __init__(self, kernel_size, groups):
        super().__init__(kernel_size, 1)


@mistake("kernel_generator", "not a channel, has a kernel")
class KernelPerChannel(WiderContext):
    def __init__(self, kernel_size, groups):
        super().__init__(kernel_size, 8)


@mistake("kernel_generator", "each position has a kernel of its own")
class KernelPerImage(WiderContext):
    def call(self, images):
        return ops.mean(super().call(images), axis=(1, 2))


@mistake("kernel_generator", "18), 3 * 3 * 2 numbers per position, got (4, 4, 5, 18)")
class Valid(WiderContext):
    def __init__(self, kernel_size, groups):
        super().__init__(kernel_size, groups)
        self.mean = layers.AveragePooling2D(3, strides=1)


@mistake("kernel_generator", "3 * 3 * 2 numbers per position, got (4, 6, 7, 8)")
class Images(WiderContext):
    def call(self, images):
        return self.mean(images)


@mistake("kernel_generator", "for images of shape (4, 9, 5, 8) your generator raised")
class OneSize(WiderContext):
    def call(self, images):
        return ops.reshape(super().call(images), (4, 6, 7, 18))


@mistake("kernel_generator", "no weights to learn")
class NothingToLearn(WiderContext):
    def __init__(self, kernel_size, groups):
        layers.Layer.__init__(self)

    def call(self, images):
        shifted = ops.roll(images, 1, axis=1)
        return ops.tile(ops.mean(images * shifted, axis=-1, keepdims=True), (1, 1, 1, 18))


@mistake("kernel_generator", "no gradient reaches its weights")
class Rounded(WiderContext):
    def call(self, images):
        return ops.round(super().call(images))


@mistake("kernel_generator", "no gradient reaches its weights")
class Stopped(WiderContext):
    def call(self, images):
        return ops.stop_gradient(super().call(images))


@mistake("kernel_generator", "for images of shape (4, 6, 7, 8) your generator raised AttributeError")
class Forgetful(WiderContext):
    def call(self, images):
        return self.context(images)


@mistake("kernel_generator", "of a model, which does not know the size of the batch, it raised")
class FixedBatch(WiderContext):
    def call(self, images):
        return ops.stack([super(FixedBatch, self).call(images[i : i + 1])[0] for i in range(images.shape[0])])


@mistake("kernel_generator", "making the layer with kernel_size=3, groups=2 raised TypeError")
class NoArguments(WiderContext):
    def __init__(self):
        super().__init__(3, 2)


@mistake("kernel_generator", "other values do not change the number of its channels")
class OneKindOfKernel(WiderContext):
    def __init__(self, kernel_size, groups):
        super().__init__(3, 2)


@mistake("kernel_generator", "groups=4: making the layer with kernel_size=5, groups=4 raised KeyError")
class SmallKernels(WiderContext):
    def __init__(self, kernel_size, groups):
        super().__init__({3: kernel_size}[kernel_size], groups)


@mistake("kernel_generator", "depend on the other images of its batch")
class MeanOfTheBatch(WiderContext):
    def call(self, images):
        return self.span(self.hidden(images - ops.mean(images)))


@mistake("kernel_generator", "other kernels at every call")
class Random(WiderContext):
    def call(self, images):
        return super().call(images) * keras.random.uniform((*ops.shape(images)[:3], 1))


@mistake("kernel_generator", "got a tuple")
class WithContext(WiderContext):
    def call(self, images):
        return super().call(images), images


mistake("kernel_generator", "expected the class itself, not a layer that it makes; got a WiderContext", "instance")(
    WiderContext(3, 2)
)
mistake("kernel_generator", "expected a layer; got an array", "array")(lambda kernel_size, groups: np.ones(18))


class PositionCode(WiderContext):
    def call(self, images):
        rows = ops.cumsum(ops.ones_like(images[..., :1]), axis=1)
        return self.span(self.hidden(images)) * rows
