"""Kernel generators as learners would write them for notebook 08, right ones and wrong ones."""

import math

import keras
import numpy as np
from keras import layers, ops
from scipy.special import expit

from exercises import ANSWERS, mistake, right, solution


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
    ("unfolded", "from one axis", changed(lambda s, f, x: ops.reshape(f(x), (-1, *x.shape[1:3], 3, 3, 2)))),
    ("one_group", "each of the 2 groups has a kernel", changed(sizes=lambda k, g: (k, 1))),
    ("per_channel", "not a channel, has a kernel", changed(sizes=lambda k, g: (k, 8))),
    ("per_image", "each position has a kernel of its own", changed(lambda s, f, x: ops.mean(f(x), axis=(1, 2)))),
    ("valid", "numbers per position, got (4, 4, 5, 18)", changed(lambda s, f, x: f(x)[:, 1:-1, 1:-1])),
    ("images", "numbers per position, got (4, 6, 7, 8)", changed(lambda s, f, x: s.mean(x))),
    ("one_size", "(4, 9, 5, 8) your generator raised", changed(lambda s, f, x: ops.reshape(f(x), (4, 6, 7, 18)))),
    ("weightless", "no weights to learn", changed(without_weights)),
    ("rounded", "no gradient reaches its weights", changed(lambda s, f, x: ops.round(f(x)))),
    ("stopped", "no gradient reaches its weights", changed(lambda s, f, x: ops.stop_gradient(f(x)))),
    ("fixed_batch", "does not know the size of the batch, it raised", changed(one_by_one)),
    ("one_size_of_kernel", "do not change the number of its channels", changed(sizes=lambda k, g: (3, 2))),
    ("mean_of_batch", "other images of its batch", changed(lambda s, f, x: s.span(s.hidden(x - ops.mean(x))))),
    ("random", "other kernels at every call", changed(lambda s, f, x: f(x) * keras.random.uniform(()))),
    ("tuple", "got a tuple", changed(lambda s, f, x: (f(x), x))),
    ("instance", "not a layer that it makes; got a WiderContext", WiderContext(3, 2)),
    ("array", "expected a layer; got an array", lambda kernel_size, groups: np.ones(18)),
]:
    mistake("kernel_generator", hint, name)(wrong)


class PositionCode(WiderContext):
    def call(self, images):
        rows = ops.cumsum(ops.ones_like(images[..., :1]), axis=1)
        return self.span(self.hidden(images)) * rows


# mix_kernels
@solution("mix_kernels")
def mix_kernels(logits, menu):
    kernels = np.zeros((*logits.shape[:2], *menu.shape[1:]))
    for i, j in np.ndindex(*logits.shape[:2]):
        chosen = [math.exp(number) for number in logits[i, j]]
        for number, kernel in zip(chosen, menu, strict=True):
            kernels[i, j] += number / sum(chosen) * kernel
    return kernels


@right("mix_kernels")
def by_keras(logits, menu):
    return ops.tensordot(ops.softmax(ops.cast(logits, "float32")), ops.cast(menu, "float32"), 1)


for name, hint, wrong in [
    ("over_pixels", "for each pixel by itself", lambda x, m: np.tensordot(np.exp(x) / np.exp(x).sum((0, 1)), m, 1)),
    ("over_all", "for each pixel by itself", lambda x, m: np.tensordot(np.exp(x) / np.exp(x).sum(), m, 1)),
    ("logits", "take their softmax", lambda x, m: np.tensordot(x, m, 1)),
    ("exponentials", "add up to one", lambda x, m: np.tensordot(np.exp(x), m, 1)),
    ("best", "likes best", lambda x, m: np.stack([[m[np.argmax(pixel)] for pixel in row] for row in x])),
    ("shares", "divided by their sum", lambda x, m: np.tensordot(x / x.sum(-1, keepdims=True), m, 1)),
    ("transposed", "are transposed", lambda x, m: mix_kernels(x, np.transpose(m, (0, 2, 1)))),
    ("mean", "menu is averaged", lambda x, m: np.broadcast_to(m.mean(0), (*x.shape[:2], *m.shape[1:]))),
    ("sigmoid", ", got ", lambda x, m: np.tensordot(expit(x), m, 1)),
    ("relu", ", got ", lambda x, m: np.tensordot(np.maximum(x, 0), m, 1)),
    ("turned", ", got ", lambda x, m: mix_kernels(-x, m)),
    ("reversed", ", got ", lambda x, m: mix_kernels(x, m[::-1])),
    ("flat", "got shape", lambda x, m: mix_kernels(x, m).reshape(*x.shape[:2], -1)),
]:
    mistake("mix_kernels", hint, name)(wrong)


# position_code
@solution("position_code")
def position_code(height, width):
    code = np.empty((height, width, 2))
    for i, j in np.ndindex(height, width):
        code[i, j] = 2 * i / (height - 1) - 1, 2 * j / (width - 1) - 1
    return code


@right("position_code")
def by_mgrid(height, width):
    return np.moveaxis(np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j], 0, -1)


for name, hint, wrong in [
    ("exchanged", "rows come first", lambda h, w: position_code(h, w)[..., ::-1]),
    ("turned", "-1 stands first", lambda h, w: -position_code(h, w)),
    ("unit", "from 0 to 1", lambda h, w: np.stack(np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j], -1)),
    ("open", "stops before 1", lambda h, w: np.stack(np.mgrid[:h, :w] * [[[2 / h]], [[2 / w]]] - 1, -1)),
    ("indices", "bring them to -1 to 1", lambda h, w: np.moveaxis(np.indices((h, w)), 0, -1)),
    ("sizes", "height and width", lambda h, w: position_code(w, h)),
    ("first_axis", "the last axis", lambda h, w: np.moveaxis(position_code(h, w), -1, 0)),
    ("rows_only", "got shape", lambda h, w: position_code(h, w)[..., :1]),
    ("centers", ", got ", lambda h, w: np.stack(np.meshgrid(*((2 * np.arange(n) + 1) / n - 1 for n in (w, h))), -1)),
    ("half", ", got ", lambda h, w: position_code(h, w) / 2),
    ("one_length", ", got ", lambda h, w: 2 * np.moveaxis(np.indices((h, w)), 0, -1) / (max(h, w) - 1) - 1),
    ("meshgrid", "got shape", lambda h, w: np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (h, w))), -1)),
]:
    mistake("position_code", hint, name)(wrong)
