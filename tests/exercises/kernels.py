"""Answers to the exercises of the notebook, right ones and wrong ones."""

import numpy as np

from exercises import mistake, right


def mean_square(k, axes):
    return np.mean((k - k.mean(axes, keepdims=True)) ** 2)


for name, hint, wrong in [
    ("taps", "over the taps", lambda k: mean_square(k, (3, 4)) / mean_square(k, (0, 1, 2))),
    ("mixed_taps", "also mixes the taps", lambda k: mean_square(k, (1, 2)) / np.var(k)),
    ("mean_of_ratios", "averages ratios", lambda k: np.mean(np.var(k, (1, 2)) / np.var(k, (0, 1, 2)))),
]:
    mistake("spatial_share", hint, name)(wrong)


def naive(axis):
    return lambda k: np.exp(k) / np.exp(k).sum(axis, keepdims=True)


def stable(axis):
    return lambda k: naive(axis)(k - k.max(axis, keepdims=True))


for name, hint, wrong in [
    ("unstable", "overflow", naive((3, 4))),
    ("groups", "over the groups", stable(-1)),
    ("one_axis", "over one axis", stable(4)),
]:
    mistake("softmax_kernels", hint, name)(wrong)


for name, hint, wrong in [
    ("data_set_mean", "over all images", lambda k: 0 * k + k.mean((0, 1, 2))),
    ("groups", "groups are averaged", lambda k: 0 * k + k.mean((1, 2, 5), keepdims=True)),
    ("once", "once per image", lambda k: k.mean((1, 2))),
    ("first_image", ", got ", lambda k: 0 * k + k[:1].mean((1, 2), keepdims=True)),
]:
    mistake("mean_kernels", hint, name)(wrong)

right("mean_kernels", "list")(lambda k: np.broadcast_to(k.mean((1, 2), keepdims=True), k.shape).tolist())


@right("mean_kernels")
def keras_mean(kernels):
    from keras import ops

    k = ops.convert_to_tensor(kernels, "float32")
    return ops.broadcast_to(ops.mean(k, axis=(1, 2), keepdims=True), k.shape)
