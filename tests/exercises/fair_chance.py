"""Answers to the exercises of notebook 04: what is counted and compared, and networks as learners would repair them."""

import math

import keras
import numpy as np
from keras import layers, ops

from exercises import mistake, right
from involution_utils import Involution2D, involution_classifier, repaired_involution_classifier, small_rednet

CHECK = "repaired_inn"


# dense_parameters
def dense_parameters(height, width, channels, units):
    for _ in range(2):
        height, width = height // 2, width // 2
    return height * width * channels * units + units


for name, hint, wrong in [
    ("no_pooling", "poolings have no effect", lambda h, w, c, n: h * w * c * n + n),
    ("one_pooling", "there should be two", lambda h, w, c, n: (h // 2) * (w // 2) * c * n + n),
    ("no_bias", "biases are missing", lambda h, w, c, n: (h // 4) * (w // 4) * c * n),
    ("no_floor", "rounded wrongly", lambda h, w, c, n: h / 4 * w / 4 * c * n + n),
    ("rounded_up", "rounded wrongly", lambda h, w, c, n: math.ceil(h / 4) * math.ceil(w / 4) * c * n + n),
]:
    mistake("dense_parameters", hint, name)(wrong)


# recovered
def recovered(inn, repaired, cnn):
    lowest, between, highest = (sum(values) / len(values) for values in (inn, repaired, cnn))
    return (between - lowest) / (highest - lowest)


@right("recovered")
def by_seed(inn, repaired, cnn):
    return np.mean(np.subtract(repaired, inn)) / np.mean(np.subtract(cnn, inn))


for name, hint, wrong in [
    ("ratio", "ratio of accuracies", lambda inn, repaired, cnn: np.mean(repaired) / np.mean(cnn)),
    ("difference", "this is the difference", lambda inn, repaired, cnn: np.mean(repaired) - np.mean(inn)),
    ("of_the_inn", "divided by an accuracy", lambda i, r, c: (np.mean(r) - np.mean(i)) / np.mean(i)),
    ("mean_of_shares", "mean of shares", lambda i, r, c: np.mean((np.array(r) - i) / (np.array(c) - i))),
    ("best", "got ", lambda *a: recovered(*([max(values)] for values in a))),
    ("clipped", "got ", lambda *a: min(1.0, recovered(*a))),
    ("first", "got ", lambda *a: recovered(*(values[:1] for values in a))),
    ("distance", "got ", lambda *a: abs(recovered(*a))),
]:
    mistake("recovered", hint, name)(wrong)


# repaired_inn


def repaired(size=(32, 32, 3), channels=16, groups=2, ratio=4, stem=None, before=(), window=3, head=None, last=()):
    def build():
        stack = [stem or layers.Conv2D(channels, 1, activation="relu"), *before]
        stack += [Involution2D(kernel_size=window, groups=groups, reduction_ratio=ratio), layers.ReLU()]
        stack += [layers.Conv2D(channels, 1, activation="relu"), layers.MaxPooling2D()]
        stack += [Involution2D(kernel_size=window, groups=groups, reduction_ratio=ratio), layers.ReLU()]
        stack += [(head or layers.GlobalAveragePooling2D)(), *(last or [layers.Dense(10)])]
        return keras.Sequential([keras.Input(size), *stack])

    return build


for name, build in [
    ("any_size", repaired(size=(None, None, 3))),
    ("largest", repaired(head=layers.GlobalMaxPooling2D)),
    ("dense_stem", repaired(stem=layers.Dense(16))),
    ("regularized", repaired(before=[layers.BatchNormalization(), layers.Dropout(0.3)])),
    ("two_dense", repaired(last=[layers.Dense(32, activation="relu"), layers.Dense(10)])),
    ("model", repaired()()),
    (
        "logits_above_zero_at_first",
        repaired(last=[layers.Dense(10, bias_initializer=keras.initializers.Constant(9.0))]),
    ),
    ("the_packages", lambda: repaired_involution_classifier()),
]:
    right(CHECK, name)(build)


@right(CHECK)
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [
            keras.Sequential([layers.Conv2D(32, 1), Involution2D(kernel_size=5, groups=2, reduction_ratio=2)])
            for _ in range(2)
        ]
        self.logits = layers.Dense(10)

    def call(self, images):
        for block in self.blocks:
            images = ops.relu(block(images))
        return self.logits(ops.mean(images, axis=(1, 2)))


@right(CHECK)
def residual():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 1)(inputs)
    x = x + ops.relu(Involution2D(kernel_size=7, groups=4, reduction_ratio=2)(x))
    x = layers.Flatten()(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return keras.Model(inputs, layers.Dense(10)(x))


class Idle(keras.Model):
    """It makes an involution and forgets to call it."""

    def __init__(self):
        super().__init__()
        self.involution, self.logits = Involution2D(kernel_size=3, groups=2), layers.Dense(10)

    def call(self, images):
        return self.logits(ops.mean(images, axis=(1, 2)))


@mistake(CHECK, "still sees three channels")
def first_involution_on_colors():
    inputs = keras.Input((32, 32, 3))
    x = ops.relu(Involution2D(kernel_size=3, groups=3, reduction_ratio=1)(inputs))
    x = Involution2D(kernel_size=7, groups=4, reduction_ratio=4)(layers.Conv2D(32, 1)(x))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def flat_after_pooling():
    model = repaired()()
    return keras.Sequential([*model.layers[:-2], layers.AveragePooling2D(16), layers.Flatten(), layers.Dense(10)])


class Convolution5(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(5, 5, shape[-1], shape[-1]))

    def call(self, x):
        return ops.conv(x, self.kernel, padding="same")


def times_zero():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 1, activation="relu")(inputs)
    x = x + 0 * Involution2D(kernel_size=7, groups=4, reduction_ratio=4)(x)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


for name, hint, build in [
    ("original", "still sees three channels", lambda: involution_classifier()),
    ("one_group", "still share one kernel", repaired(groups=1)),
    ("one_hidden", "multiples of one pattern", repaired(ratio=64)),
    ("pooled_for_32", "still depends on the size", flat_after_pooling),
    ("eleven", "ten logits", repaired(last=[layers.Dense(11)])),
    ("own_convolution", "is a convolution wider than 1x1", repaired(channels=8, before=[Convolution5()])),
    ("pixel_by_pixel", "no involution looks around", repaired(window=1)),
    ("border", "leaves out a part", repaired(head=lambda: layers.Lambda(lambda x: ops.mean(x[:, 4:-4, 4:-4], (1, 2))))),
    ("one_pixel", "leaves out a part", repaired(head=lambda: layers.Lambda(lambda x: x[:, 8, 8]))),
    ("times_zero", "do not depend on", times_zero),
    *(
        (name, "last layer has an activation", repaired(last=[layers.Dense(10, activation=name)]))
        for name in ("softmax", "relu", "leaky_relu", "tanh", "softsign")
    ),
    ("too_large", "parameters, more than 50,000", repaired(channels=256, groups=16)),
    ("stem_of_three", "is a convolution wider than 1x1", repaired(stem=layers.Conv2D(16, 3, padding="same"))),
    ("rednet", "is a convolution wider than 1x1", lambda: small_rednet()),
    ("cnn", "no `Involution2D`", lambda: keras.Sequential([layers.Flatten(), layers.Dense(10)])),
    ("gray", "your model raised ValueError", repaired(size=(32, 32, 1))),
    ("not_in_its_path", "no `Involution2D`", Idle),
    ("layer", "got an Involution2D", lambda: Involution2D(kernel_size=7, groups=4)),
]:
    mistake(CHECK, hint, name)(build)
