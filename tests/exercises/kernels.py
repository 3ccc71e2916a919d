"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, right, solution

# kernel_map
ANSWERS["kernel_map"] = lambda k: np.einsum("bhwuvg->bhwg", k)
for name, hint, wrong in [
    ("mean", "mean of the weights", lambda k: k.mean((3, 4))),
    ("places", "over the positions", lambda k: np.einsum("bhwuvg->buvg", k)),
    ("groups_too", "groups are summed too", lambda k: np.einsum("bhwuvg->bhw", k)),
    ("absolute", "absolute values", lambda k: np.einsum("bhwuvg->bhwg", abs(k))),
    ("one_axis", "two axes is summed", lambda k: k.sum(3)),
    ("last_two", "wrong two axes", lambda k: k.sum((-2, -1))),
]:
    mistake("kernel_map", hint, name)(wrong)


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
    ("sums", "summed before", lambda k: mean_square(k.sum((3, 4)), (1, 2)) / np.var(k.sum((3, 4)))),
    ("inverted", "inverted", lambda k: mean_square(k, (0, 1, 2)) / mean_square(k, (1, 2))),
    ("not_divided", "divide it by the whole", lambda k: mean_square(k, (1, 2))),
    ("all_in_one", "mixes the taps", lambda k: np.mean(np.var(k, (1, 2))) / np.var(k)),
    ("mean_of_ratios", "averages ratios", lambda k: np.mean(np.var(k, (1, 2)) / np.var(k, (0, 1, 2)))),
    ("sample", "count less one", lambda k: np.var(k, (1, 2), ddof=1).mean() / np.var(k, (0, 1, 2), ddof=1).mean()),
    ("percent", "percentage", lambda k: 100 * spatial_share(k)),
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


# Thought up afresh from the text of the exercises
for name, hint, wrong in [
    ("norm", ", got ", lambda k: np.sqrt((k**2).sum((3, 4)))),
    ("largest", ", got ", lambda k: k.max((3, 4))),
    ("images_too", "got shape", lambda k: k.sum((0, 3, 4))),
    ("kept_axes", "got shape", lambda k: k.sum((3, 4), keepdims=True)),
    ("groups_first", "got shape", lambda k: np.moveaxis(k.sum((3, 4)), -1, 1)),
    ("groups_repeated", ", got ", lambda k: np.repeat(k.sum((3, 4, 5))[..., None], k.shape[5], -1)),
    ("first_image", "got shape", lambda k: k[:1].sum((3, 4))),
    ("everything", "got a single number", lambda k: k.sum()),
    ("relu", ", got ", lambda k: np.maximum(k, 0).sum((3, 4))),
    ("unchanged", "got shape", lambda k: k),
]:
    mistake("kernel_map", hint, name)(wrong)

right("kernel_map", "lists")(lambda k: k.sum(4).sum(3).tolist())
right("kernel_map", "reshaped")(lambda k: k.reshape(*k.shape[:3], -1, k.shape[-1]).sum(-2))
right("kernel_map", "ones")(lambda k: k.shape[3] ** 2 * k.mean((3, 4)))


@right("kernel_map")
def keras_sum(kernels):
    from keras import ops

    return ops.sum(ops.convert_to_tensor(kernels, "float32"), axis=(-3, -2))


@right("kernel_map")
def kernel_map_by_loops(kernels):
    out = np.zeros((*kernels.shape[:3], kernels.shape[5]))
    for index in np.ndindex(kernels.shape):
        out[(*index[:3], index[5])] += kernels[index]
    return out


for name, hint, wrong in [
    ("ratio_to_between", ", got ", lambda k: mean_square(k, (1, 2)) / np.mean(np.var(k.mean((1, 2)), 0))),
    ("images", ", got ", lambda k: np.var(k, 0).mean() / np.var(k, (0, 1, 2)).mean()),
    ("all_within", ", got ", lambda k: 1.0),
    ("rows_alone", ", got ", lambda k: np.var(k, 1).mean() / np.var(k, (0, 1, 2)).mean()),
    ("per_tap", "got shape", lambda k: np.var(k, (1, 2)).mean(0) / np.var(k, (0, 1, 2))),
    ("per_image", "got shape", lambda k: np.var(k, (1, 2)).mean((1, 2)) / np.var(k, (0, 1, 2)).mean()),
    ("medians", ", got ", lambda k: np.median(np.var(k, (1, 2))) / np.median(np.var(k, (0, 1, 2)))),
    ("squares_without_mean", ", got ", lambda k: np.mean(np.var(k, (1, 2))) / np.mean(k**2)),
    ("first_image", ", got ", lambda k: np.var(k[0], (0, 1)).mean() / np.var(k, (0, 1, 2)).mean()),
    ("whole_within", ", got ", lambda k: np.mean([np.var(image) for image in k]) / np.var(k)),
]:
    mistake("spatial_share", hint, name)(wrong)

right("spatial_share", "sums")(lambda k: np.var(k, (1, 2)).sum() / len(k) / np.var(k, (0, 1, 2)).sum())
right("spatial_share", "flat")(
    lambda k: (
        sum(image.reshape(-1, k[0, 0, 0].size).var(0).mean() for image in k)
        / len(k)
        / k.reshape(-1, k[0, 0, 0].size).var(0).mean()
    )
)
right("spatial_share", "array")(lambda k: np.array(spatial_share(k), dtype="float32"))


@right("spatial_share")
def keras_variances(kernels):
    from keras import ops

    k = ops.convert_to_tensor(kernels, "float32")
    return ops.mean(ops.var(k, axis=(1, 2))) / ops.mean(ops.var(k, axis=(0, 1, 2)))


def less(shift):
    return lambda k: naive((3, 4))(k - shift(k))


for name, hint, wrong in [
    ("mean_subtracted", "overflow", less(lambda k: k.mean((3, 4), keepdims=True))),
    ("first_tap_subtracted", "overflow", less(lambda k: k[:, :, :, :1, :1])),
    ("middle_tap_subtracted", "overflow", less(lambda k: k[:, :, :, 1:2, 1:2])),
    ("smallest_subtracted", "overflow", less(lambda k: k.min((3, 4), keepdims=True))),
    ("largest_of_all", "overflow", less(lambda k: k.max())),
    ("largest_of_the_groups", ", got ", less(lambda k: k.max((3, 4, 5), keepdims=True))),
    ("largest_per_row", ", got ", less(lambda k: k.max(4, keepdims=True))),
    ("clipped", ", got ", lambda k: naive((3, 4))(np.clip(k, -500, 500))),
    ("median_subtracted", ", got ", less(lambda k: np.median(k, (3, 4), keepdims=True))),
    ("sigmoid", ", got ", lambda k: 1 / (1 + np.exp(-k))),
    ("squares", ", got ", lambda k: k**2 / (k**2).sum((3, 4), keepdims=True)),
    (
        "shifted_to_zero",
        ", got ",
        lambda k: (k - k.min((3, 4), keepdims=True)) / (k - k.min((3, 4), keepdims=True)).sum((3, 4), keepdims=True),
    ),
    ("logarithm", ", got ", lambda k: np.log(stable((3, 4))(k))),
    ("winner", ", got ", lambda k: (k == k.max((3, 4), keepdims=True)).astype(float)),
    ("base_two", ", got ", lambda k: softmax(k * np.log(2))),
    ("times_taps", ", got ", lambda k: 9 * softmax(k)),
    ("kernels_in_a_row", ", got ", lambda k: softmax(k.swapaxes(3, 5)).swapaxes(3, 5)),
]:
    mistake("softmax_kernels", hint, name)(wrong)

right("softmax_kernels", "lists")(lambda k: softmax(k).tolist())
right("softmax_kernels", "larger_than_largest")(lambda k: naive((3, 4))(k - k.max((3, 4), keepdims=True) - 3))


@right("softmax_kernels")
def scipy_softmax(kernels):
    from scipy.special import softmax

    return softmax(kernels, axis=(3, 4))


@right("softmax_kernels")
def keras_softmax(kernels):
    from keras import ops

    return ops.softmax(ops.convert_to_tensor(kernels, "float32"), axis=(3, 4))


@right("softmax_kernels")
def log_sum_exp(kernels):
    from scipy.special import logsumexp

    return np.exp(kernels - logsumexp(kernels, axis=(3, 4), keepdims=True))


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
        "kernel of one position",
        lambda k: 0 * k + k[:, k.shape[1] // 2, k.shape[2] // 2][:, None, None],
    ),
    ("mirrored", "shuffled or sorted", lambda k: np.flip(k, (1, 2))),
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


# effective_rank
def centered(kernels):
    rows = kernels.reshape(-1, kernels.shape[-1] ** 2)
    return rows - rows.mean(0)


def exp_entropy(values, log=np.log, exp=np.exp):
    p = values / values.sum()
    return exp(-np.sum(p * log(p)))


@solution("effective_rank")
def effective_rank(kernels):
    return exp_entropy(np.linalg.svd(centered(kernels))[1])


def singular(kernels):
    return np.linalg.svd(centered(kernels))[1]


def rows(kernels):
    return kernels.reshape(-1, kernels.shape[-1] ** 2)


for name, hint, wrong in [
    ("not_centered", "mean kernel is not subtracted", lambda k: exp_entropy(np.linalg.svd(rows(k))[1])),
    (
        "centered_each",
        "own mean is subtracted",
        lambda k: exp_entropy(np.linalg.svd(rows(k - k.mean((3, 4), keepdims=True)))[1][:-1]),
    ),
    ("one_mean", "one number is subtracted", lambda k: exp_entropy(np.linalg.svd(rows(k - k.mean()))[1])),
    ("variances", "shares of the variance", lambda k: exp_entropy(singular(k) ** 2)),
    ("eigenvalues", "shares of the variance", lambda k: exp_entropy(np.linalg.eigvalsh(np.cov(rows(k).T)))),
    ("entropy", "this is the entropy", lambda k: exp_entropy(singular(k), exp=lambda x: x)),
    ("sign", "sign of the entropy", lambda k: 1 / effective_rank(k)),
    ("bits", "different bases", lambda k: exp_entropy(singular(k), log=np.log2)),
    ("two_to_the_nats", "different bases", lambda k: exp_entropy(singular(k), exp=np.exp2)),
    ("matrix_rank", "counts the singular values", lambda k: np.linalg.matrix_rank(rows(k))),
    ("participation", "participation ratio", lambda k: singular(k).sum() ** 2 / (singular(k) ** 2).sum()),
    ("per_direction", "rank per direction", lambda k: effective_rank(k) / k.shape[-1] ** 2),
    ("first_image", ", got ", lambda k: effective_rank(k[:1])),
    ("mean_over_images", ", got ", lambda k: np.mean([effective_rank(k[i : i + 1]) for i in range(len(k))])),
    ("stable_rank", ", got ", lambda k: (singular(k) ** 2).sum() / singular(k)[0] ** 2),
    ("shares", "got shape", lambda k: singular(k) / singular(k).sum()),
    ("largest", ", got ", lambda k: singular(k)[0]),
    ("rows_as_kernels", ", got ", lambda k: exp_entropy(np.linalg.svd(k.reshape(-1, k.shape[-1]))[1])),
]:
    mistake("effective_rank", hint, name)(wrong)

right("effective_rank", "bits_and_two")(lambda k: exp_entropy(singular(k), log=np.log2, exp=np.exp2))
right("effective_rank", "product")(
    lambda k: 1 / np.prod((singular(k) / singular(k).sum()) ** (singular(k) / singular(k).sum()))
)


@right("effective_rank")
def the_package(kernels):
    from involution_utils import effective_rank

    return effective_rank(kernels)


@right("effective_rank")
def eigenvalues_of_the_covariance(kernels):
    from scipy.stats import entropy

    return np.exp(entropy(np.sqrt(np.linalg.eigvalsh(np.cov(rows(kernels).T)))))


@right("effective_rank")
def keras_svd(kernels):
    from keras import ops

    values = ops.svd(ops.convert_to_tensor(centered(kernels), "float32"), compute_uv=False)
    return ops.exp(-ops.sum(values / ops.sum(values) * ops.log(values / ops.sum(values))))


# The remaining variants of the hints
for check, hint, name, wrong in [
    ("kernel_map", "two axes is summed", "other_axis", lambda k: np.einsum("bhwuvg->bhwug", k)),
    ("kernel_map", "wrong two axes", "rows_and_groups", lambda k: np.einsum("bhwuvg->bhwv", k)),
    ("kernel_map", "middle weight alone", "middle", lambda k: k[..., k.shape[3] // 2, k.shape[4] // 2, :]),
    (
        "spatial_share",
        "over the taps",
        "taps_of_all",
        lambda k: np.var(k.reshape(-1, k[0, 0, 0].size), 1).mean() / k.var(),
    ),
    (
        "spatial_share",
        "averages ratios",
        "ratio_per_tap",
        lambda k: np.mean(np.var(k, (1, 2)).mean(0) / np.var(k, (0, 1, 2))),
    ),
    ("spatial_share", "standard deviations", "root", lambda k: math.sqrt(spatial_share(k))),
    ("softmax_kernels", "one axis of a kernel", "rows_stable", stable(3)),
    ("softmax_kernels", "one axis of a kernel", "columns_unstable", naive(4)),
    ("softmax_kernels", "over the positions", "rows_of_positions", stable(1)),
    ("softmax_kernels", "over the positions", "columns_of_positions", stable(2)),
    ("softmax_kernels", "over the positions", "rows_of_positions_unstable", naive(1)),
    ("softmax_kernels", "over the positions", "columns_of_positions_unstable", naive(2)),
    ("softmax_kernels", "share one sum", "with_groups_unstable", naive((3, 4, 5))),
    ("softmax_kernels", "serves the whole array", "whole", stable(None)),
    ("softmax_kernels", "serves the whole array", "whole_image", stable((1, 2, 3, 4, 5))),
    ("softmax_kernels", "serves the whole array", "whole_unstable", naive(None)),
    ("softmax_kernels", "serves the whole array", "whole_image_unstable", naive((1, 2, 3, 4, 5))),
    ("softmax_kernels", "not divided", "no_sum_stable", lambda k: np.exp(k - k.max((3, 4), keepdims=True))),
    (
        "mean_kernels",
        "weights of a kernel are averaged",
        "one_number_for_all_groups",
        lambda k: 0 * k + k.mean((1, 2, 3, 4, 5), keepdims=True),
    ),
    ("mean_kernels", "shuffled or sorted", "sorted", lambda k: np.sort(k, 1)),
    ("effective_rank", "different bases", "decimal", lambda k: exp_entropy(singular(k), log=np.log10)),
    (
        "effective_rank",
        "counts the singular values",
        "matrix_rank_not_centered",
        lambda k: int((np.linalg.svd(rows(k))[1] > 0).sum()),
    ),
    (
        "effective_rank",
        "participation ratio",
        "of_variances",
        lambda k: (singular(k) ** 2).sum() ** 2 / (singular(k) ** 4).sum(),
    ),
]:
    mistake(check, hint, name)(wrong)
