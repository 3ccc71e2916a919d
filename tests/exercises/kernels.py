"""Answers to the exercises of the notebook, right ones and wrong ones."""

import numpy as np

from exercises import mistake, right, solution


# spatial_share
def mean_square(k, axes):
    return np.mean((k - k.mean(axes, keepdims=True)) ** 2)


@solution("spatial_share")
def spatial_share(k):
    within = mean_square(k, (1, 2))
    between = np.mean((k.mean((1, 2)) - k.mean((0, 1, 2))) ** 2)
    return within / (within + between)


for name, hint, wrong in [
    ("taps", "over the taps", lambda k: mean_square(k, (3, 4)) / mean_square(k, (0, 1, 2))),
    ("complement", "between the means", lambda k: 1 - spatial_share(k)),
    ("sums", "summed first", lambda k: mean_square(k.sum((3, 4)), (1, 2)) / np.var(k.sum((3, 4)))),
    ("inverted", "inverted", lambda k: mean_square(k, (0, 1, 2)) / mean_square(k, (1, 2))),
    ("not_divided", "divide it by the whole", lambda k: mean_square(k, (1, 2))),
    ("all_in_one", "mixes the taps", lambda k: np.mean(np.var(k, (1, 2))) / np.var(k)),
    ("mean_of_ratios", "averages ratios", lambda k: np.mean(np.var(k, (1, 2)) / np.var(k, (0, 1, 2)))),
    ("sample", "count less one", lambda k: np.var(k, (1, 2), ddof=1).mean() / np.var(k, (0, 1, 2), ddof=1).mean()),
    ("percent", ", got ", lambda k: 100 * spatial_share(k)),
    ("deviations", "standard deviations", lambda k: np.std(k, (1, 2)).mean() / np.std(k, (0, 1, 2)).mean()),
]:
    mistake("spatial_share", hint, name)(wrong)


# softmax_kernels
@solution("softmax_kernels")
def softmax(k):
    flat = k.reshape(*k.shape[:3], -1, k.shape[5])
    powers = np.exp(flat - flat.max(3, keepdims=True))
    return (powers / powers.sum(3, keepdims=True)).reshape(k.shape)


def naive(axis):
    return lambda k: np.exp(k) / np.exp(k).sum(axis, keepdims=True)


def stable(axis):
    return lambda k: naive(axis)(k - k.max(axis, keepdims=True))


for name, hint, wrong in [
    ("unstable", "overflow", naive((3, 4))),
    ("groups", "over the groups", stable(-1)),
    ("groups_unstable", "over the groups", naive(-1)),
    ("one_axis", "one axis of a kernel", stable(4)),
    ("other_axis_unstable", "one axis of a kernel", naive(3)),
    ("places", "over the positions", naive((1, 2))),
    ("places_stable", "over the positions", stable((1, 2))),
    ("taps_and_groups", "share one sum", stable((3, 4, 5))),
    ("no_exponential", "without the exponential", lambda k: k / k.sum((3, 4), keepdims=True)),
    ("no_sum", "not divided", np.exp),
]:
    mistake("softmax_kernels", hint, name)(wrong)


# mean_kernels
@solution("mean_kernels")
def mean_by_loops(kernels):
    out = np.empty_like(kernels)
    for image, made in zip(out, kernels, strict=True):
        image[:] = sum(made[i, j] for i, j in np.ndindex(made.shape[:2])) / (made.shape[0] * made.shape[1])
    return out


for name, hint, wrong in [
    ("data_set_mean", "over all images", lambda k: 0 * k + k.mean((0, 1, 2))),
    ("position_mean", "images at each position", lambda k: 0 * k + k.mean(0)),
    ("flat_kernels", "weights of a kernel are averaged", lambda k: 0 * k + k.mean((3, 4), keepdims=True)),
    ("one_number", "weights of a kernel are averaged", lambda k: 0 * k + k.mean((1, 2, 3, 4), keepdims=True)),
    ("groups_too", "groups are averaged too", lambda k: 0 * k + k.mean((1, 2, 5), keepdims=True)),
    ("rows", "rows or the columns alone", lambda k: 0 * k + k.mean(1, keepdims=True)),
    ("columns", "rows or the columns alone", lambda k: 0 * k + k.mean(2, keepdims=True)),
    ("once", "once per image", lambda k: k.mean((1, 2))),
    ("once_with_axes", "once per image", lambda k: k.mean((1, 2), keepdims=True)),
    ("subtracted", "mean is subtracted", lambda k: k - k.mean((1, 2), keepdims=True)),
    ("first_position", "kernel of one position", lambda k: 0 * k + k[:, :1, :1]),
    (
        "middle_position",
        ", got ",
        lambda k: 0 * k + k[:, k.shape[1] // 2, k.shape[2] // 2][:, None, None],
    ),
    ("mirrored", ", got ", lambda k: np.flip(k, (1, 2))),
    ("median", ", got ", lambda k: 0 * k + np.median(k, (1, 2), keepdims=True)),
    ("zeros", ", got 0 at", lambda k: 0 * k),
    ("sum", ", got ", lambda k: 0 * k + k.sum((1, 2), keepdims=True)),
    ("unchanged", ", got ", lambda k: k),
    ("half_way", ", got ", lambda k: (k + k.mean((1, 2), keepdims=True)) / 2),
    ("first_image", ", got ", lambda k: 0 * k + k[:1].mean((1, 2), keepdims=True)),
]:
    mistake("mean_kernels", hint, name)(wrong)

right("mean_kernels", "zeros_plus")(lambda k: np.zeros_like(k) + k.mean((1, 2), keepdims=True))
right("mean_kernels", "list")(lambda k: np.broadcast_to(k.mean((1, 2), keepdims=True), k.shape).tolist())
right("mean_kernels", "einsum")(
    lambda k: np.einsum("nijuvg,hw->nhwuvg", k, np.ones(k.shape[1:3])) / (k.shape[1] * k.shape[2])
)


@right("mean_kernels")
def keras_mean(kernels):
    from keras import ops

    k = ops.convert_to_tensor(kernels, "float32")
    return ops.broadcast_to(ops.mean(k, axis=(1, 2), keepdims=True), k.shape)


@right("mean_kernels")
def tiled(kernels):
    return np.tile(kernels.mean((1, 2), keepdims=True), (1, *kernels.shape[1:3], 1, 1, 1))
