"""Answers to the exercises of the notebook, right ones and wrong ones."""

import numpy as np

from exercises import mistake, right


def mean_square(k, axes):
    return np.mean((k - k.mean(axes, keepdims=True)) ** 2)


for name, hint, wrong in [
    ("taps", "over the taps", lambda k: mean_square(k, (3, 4)) / mean_square(k, (0, 1, 2))),
    ("sums", "summed first", lambda k: mean_square(k.sum((3, 4)), (1, 2)) / np.var(k.sum((3, 4)))),
    ("mean_of_ratios", "averages ratios", lambda k: np.mean(np.var(k, (1, 2)) / np.var(k, (0, 1, 2)))),
    ("sample", "count less one", lambda k: np.var(k, (1, 2), ddof=1).mean() / np.var(k, (0, 1, 2), ddof=1).mean()),
    ("deviations", "standard deviations", lambda k: np.std(k, (1, 2)).mean() / np.std(k, (0, 1, 2)).mean()),
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
    ("taps_and_groups", "share one sum", stable((3, 4, 5))),
    ("no_exponential", "not their exponentials", lambda k: k / k.sum((3, 4), keepdims=True)),
]:
    mistake("softmax_kernels", hint, name)(wrong)


for name, hint, wrong in [
    ("data_set_mean", "over all images", lambda k: 0 * k + k.mean((0, 1, 2))),
    ("position_mean", "images at each position", lambda k: 0 * k + k.mean(0)),
    ("once", "once per image", lambda k: k.mean((1, 2))),
    ("subtracted", "mean is subtracted", lambda k: k - k.mean((1, 2), keepdims=True)),
    ("first_image", ", got ", lambda k: 0 * k + k[:1].mean((1, 2), keepdims=True)),
]:
    mistake("mean_kernels", hint, name)(wrong)

right("mean_kernels", "list")(lambda k: np.broadcast_to(k.mean((1, 2), keepdims=True), k.shape).tolist())


@right("mean_kernels")
def keras_mean(kernels):
    from keras import ops

    k = ops.convert_to_tensor(kernels, "float32")
    return ops.broadcast_to(ops.mean(k, axis=(1, 2), keepdims=True), k.shape)
