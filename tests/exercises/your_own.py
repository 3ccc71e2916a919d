"""Kernel generators as learners would write them for notebook 08, right ones and wrong ones."""

import keras
import numpy as np
from keras import layers, ops

from exercises import mistake, right


@right("kernel_generator")
class WiderContext(layers.Layer):
    """The mistakes override one of its steps."""

    def __init__(self, kernel_size, groups):
        super().__init__()
        self.numbers = kernel_size**2 * groups
        self.mean = layers.AveragePooling2D(3, strides=1, padding="same")
        self.hidden = layers.Conv2D(4, 1, activation="relu")
        self.span = layers.Conv2D(self.numbers, 1)

    def call(self, images):
        return self.span(self.hidden(self.mean(images)))


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


@mistake("kernel_generator", "own pixel alone")
class OwnPixel(WiderContext):
    def call(self, images):
        return self.span(self.hidden(images))


@mistake("kernel_generator", "do not depend on the image")
class OneKernel(WiderContext):
    def call(self, images):
        return self.span(self.hidden(self.mean(ops.ones_like(images))))


def changed(call=lambda self, kernels, images: kernels(images), sizes=lambda *sizes: sizes):
    """Return the solution with another `call`, or with other numbers of kernels."""

    class Changed(WiderContext):
        def __init__(self, kernel_size, groups):
            super().__init__(*sizes(kernel_size, groups))

        def call(self, images):
            return call(self, super().call, images)

    return Changed


def one_by_one(self, kernels, images):
    return ops.stack([kernels(images[i : i + 1])[0] for i in range(images.shape[0])])


def without_weights(self, kernels, images):
    product = ops.mean(images * ops.roll(images, 1, axis=1), axis=-1, keepdims=True)
    return ops.tile(product, (1, 1, 1, self.numbers))


for name, hint, wrong in [
    ("per_image", "got (4, 18)", changed(lambda s, f, x: ops.mean(f(x), axis=(1, 2)))),
    ("one_size", "your generator raised ", changed(lambda s, f, x: ops.reshape(f(x), (4, 6, 7, 18)))),
    ("weightless", "no weights to learn", changed(without_weights)),
    ("stopped", "in the training of an `Involution2D` it raised", changed(lambda s, f, x: ops.stop_gradient(f(x)))),
    ("in_numpy", "leaves TensorFlow", changed(lambda s, f, x: f(x + np.array(x).mean((1, 2), keepdims=True)))),
    ("fixed_batch", "in the training of an `Involution2D` it raised", changed(one_by_one)),
    ("one_size_of_kernel", "got (4, 6, 7, 18), for kernel_size=5", changed(sizes=lambda k, g: (3, 2))),
    ("mean_of_batch", "other images of its batch", changed(lambda s, f, x: s.span(s.hidden(x - ops.mean(x))))),
    ("random", "other kernels at every call", changed(lambda s, f, x: f(x) * keras.random.uniform(()))),
    ("tuple", "got a tuple", changed(lambda s, f, x: (f(x), x))),
    ("instance", "not a layer that it makes; got a WiderContext", WiderContext(3, 2)),
]:
    mistake("kernel_generator", hint, name)(wrong)


class PositionCode(WiderContext):
    def call(self, images):
        rows = ops.cumsum(ops.ones_like(images[..., :1]), axis=1)
        return self.span(self.hidden(images)) * rows


for name, hint, wrong in [
    ("over_pixels", "for each pixel by itself", lambda x, m: np.tensordot(np.exp(x) / np.exp(x).sum((0, 1)), m, 1)),
    ("exponentials", "add up to one", lambda x, m: np.tensordot(np.exp(x), m, 1)),
    ("logits", "take their softmax first", lambda x, m: np.tensordot(x, m, 1)),
    ("best", "likes best", lambda x, m: np.stack([[m[np.argmax(pixel)] for pixel in row] for row in x])),
]:
    mistake("mix_kernels", hint, name)(wrong)


@right("position_code")
def by_mgrid(height, width):
    return np.moveaxis(np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j], 0, -1)


for name, hint, wrong in [
    ("exchanged", "rows come first", lambda h, w: by_mgrid(h, w)[..., ::-1]),
    ("open", "stops before 1", lambda h, w: np.stack(np.mgrid[:h, :w] * [[[2 / h]], [[2 / w]]] - 1, -1)),
    ("of_the_same_size", "last axis", lambda h, w: np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]),
    ("sizes", ", got ", lambda h, w: by_mgrid(w, h)),
    ("centers", ", got ", lambda h, w: np.stack(np.meshgrid(*((2 * np.arange(n) + 1) / n - 1 for n in (w, h))), -1)),
]:
    mistake("position_code", hint, name)(wrong)
