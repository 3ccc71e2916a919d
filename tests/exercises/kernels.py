"""Answers to the exercises of the notebook, right ones and wrong ones."""

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


# effective_rank
def centered(kernels):
    rows = kernels.reshape(-1, kernels.shape[-1] ** 2)
    return rows - rows.mean(0)


def exp_entropy(values, log=np.log, exp=np.exp):
    p = values[values > 0] / values.sum()
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
    ("one_mean", ", got ", lambda k: exp_entropy(np.linalg.svd(rows(k - k.mean()))[1])),
    ("variances", "not their squares", lambda k: exp_entropy(singular(k) ** 2)),
    ("eigenvalues", "not their squares", lambda k: exp_entropy(np.linalg.eigvalsh(np.cov(rows(k).T)))),
    ("entropy", "this is the entropy", lambda k: exp_entropy(singular(k), exp=lambda x: x)),
    ("sign", "sign of the entropy", lambda k: 1 / effective_rank(k)),
    ("bits", "different bases", lambda k: exp_entropy(singular(k), log=np.log2)),
    ("two_to_the_nats", "different bases", lambda k: exp_entropy(singular(k), exp=np.exp2)),
    ("matrix_rank", "counts the singular values", lambda k: np.linalg.matrix_rank(rows(k))),
    ("participation", ", got ", lambda k: singular(k).sum() ** 2 / (singular(k) ** 2).sum()),
    ("per_direction", ", got ", lambda k: effective_rank(k) / k.shape[-1] ** 2),
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


@mistake("effective_rank", "0 * log(0) gives NaN")
def keras_svd(kernels):
    from keras import ops

    values = ops.svd(ops.convert_to_tensor(centered(kernels), "float32"), compute_uv=False)
    return ops.exp(-ops.sum(values / ops.sum(values) * ops.log(values / ops.sum(values))))
