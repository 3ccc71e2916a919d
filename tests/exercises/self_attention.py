"""Answers to the exercises of the notebook, right ones and wrong ones."""

import numpy as np

from exercises import mistake, right, solution


# window_pairs
def near_pairs(height, width, reach):
    places = [(i, j) for i in range(height) for j in range(width)]
    return sum(reach(abs(a - c), abs(b - d)) for a, b in places for c, d in places)


@solution("window_pairs")
def counted_pairs(height, width, kernel_size):
    return near_pairs(height, width, lambda i, j: max(i, j) <= kernel_size // 2)


for name, hint, wrong in [
    ("border", "hang over the edge", lambda h, w, k: h * w * k * k),
    ("all_places", "over all positions", lambda h, w, k: near_pairs(h, w, lambda i, j: True)),
    ("inside_only", "are smaller, but", lambda h, w, k: max(h - 2 * (k // 2), 0) * max(w - 2 * (k // 2), 0) * k**2),
    ("too_far", "not kernel_size", lambda h, w, k: near_pairs(h, w, lambda i, j: max(i, j) <= k)),
    ("not_itself", "its own neighbor", lambda h, w, k: counted_pairs(h, w, k) - h * w),
    ("diamond", "its corners", lambda h, w, k: near_pairs(h, w, lambda i, j: i + j <= k // 2)),
]:
    mistake("window_pairs", hint, name)(wrong)


# attention_parameters
@solution("attention_parameters")
def attention_parameters(channels, kernel_size, groups, reduction_ratio):
    keys = channels // reduction_ratio
    return channels * keys + channels * keys + kernel_size * kernel_size * groups


for name, hint, wrong in [
    ("shared", "a convolution each", lambda c, k, g, r: c * c // r + k * k * g),
    ("values", "values are not", lambda c, k, g, r: 3 * c * c // r + k * k * g),
    ("no_positions", "position bias is missing", lambda c, k, g, r: 2 * c * c // r),
    ("one_bias", "biases of its own", lambda c, k, g, r: 2 * c * c // r + k * k),
    ("no_reduction", "are reduced", lambda c, k, g, r: 2 * c * c + k * k * g),
    ("biases", "have no bias", lambda c, k, g, r: 2 * (c + 1) * (c // r) + k * k * g),
    ("times_heads", "do not multiply", lambda c, k, g, r: (2 * c * c // r + k * k) * g),
]:
    mistake("attention_parameters", hint, name)(wrong)


# attention_kernels
@solution("attention_kernels")
def by_loops(scores, inside):
    kernels = np.zeros(scores.shape)
    for i, j, g in np.ndindex(*scores.shape[:2], scores.shape[4]):
        powers = np.exp(scores[i, j, ..., g][inside[i, j]])
        kernels[i, j, ..., g][inside[i, j]] = powers / powers.sum()
    return kernels


def shares(powers, axis=(2, 3)):
    return powers / powers.sum(axis, keepdims=True)


for name, hint, wrong in [
    ("no_mask", "none should reach there", lambda s, i: shares(np.exp(s))),
    ("mask_last", "before the softmax", lambda s, i: np.where(i[..., None], shares(np.exp(s)), 0)),
    ("zero_scores", "no mask", lambda s, i: shares(np.exp(np.where(i[..., None], s, 0)))),
    ("upside_down", "upside down", lambda s, i: shares(np.exp(np.where(i[..., None], -np.inf, s)))),
    ("with_heads", "share one sum", lambda s, i: shares(np.exp(s) * i[..., None], (2, 3, 4))),
    ("one_axis", "one axis", lambda s, i: shares(np.exp(s) * i[..., None], 3)),
    ("no_sum", "not divided", lambda s, i: np.exp(s) * i[..., None]),
]:
    mistake("attention_kernels", hint, name)(wrong)


# Thought up afresh from the text of the exercises
for name, hint, wrong in [
    ("unordered", ", got ", lambda h, w, k: (counted_pairs(h, w, k) + h * w) // 2),
    ("one_axis", ", got ", lambda h, w, k: h * w * k),
    ("reach_of_half_rounded_up", ", got ", lambda h, w, k: near_pairs(h, w, lambda i, j: max(i, j) <= k // 2 + 1)),
    ("short_reach", ", got ", lambda h, w, k: near_pairs(h, w, lambda i, j: max(i, j) < k // 2)),
    ("cross", ", got ", lambda h, w, k: near_pairs(h, w, lambda i, j: max(i, j) <= k // 2 and 0 in (i, j))),
    ("circle", ", got ", lambda h, w, k: near_pairs(h, w, lambda i, j: i * i + j * j <= (k / 2) ** 2)),
    ("rows_alone", ", got ", lambda h, w, k: counted_pairs(h, 1, k) * w * k),
    ("positions", ", got ", lambda h, w, k: h * w),
    ("square_image", ", got ", lambda h, w, k: counted_pairs(h, h, k)),
    ("without_corner", ", got ", lambda h, w, k: h * w * k * k - 2 * (h + w) * (k // 2)),
    ("mask", "got shape", lambda h, w, k: np.ones((h * w, h * w))),
]:
    mistake("window_pairs", hint, name)(wrong)


def closed_form(height, width, kernel_size):
    half = kernel_size // 2

    def along(n):
        reach = min(half, n - 1)
        return n * (2 * reach + 1) - reach * (reach + 1)

    return along(height) * along(width)


right("window_pairs")(closed_form)


@right("window_pairs")
def mask_sum(height, width, kernel_size):
    rows, columns = np.divmod(np.arange(height * width), width)
    near = abs(rows[:, None] - rows) <= kernel_size // 2
    return (near & (abs(columns[:, None] - columns) <= kernel_size // 2)).sum()


@right("window_pairs")
def convolved_ones(height, width, kernel_size):
    from keras import ops

    ones = ops.ones((1, height, width, 1))
    return ops.sum(ops.conv(ones, ops.ones((kernel_size, kernel_size, 1, 1)), padding="same"))


for name, hint, wrong in [
    ("bias_per_channel", ", got ", lambda c, k, g, r: 2 * c * (c // r) + k * k * c),
    ("row_of_positions", ", got ", lambda c, k, g, r: 2 * c * (c // r) + k * g),
    ("relative_table", ", got ", lambda c, k, g, r: 2 * c * (c // r) + (2 * k - 1) ** 2 * g),
    ("output_projection", ", got ", lambda c, k, g, r: 2 * c * (c // r) + c * c + k * k * g),
    ("share_of_a_head", ", got ", lambda c, k, g, r: 2 * c * (c // r // g) + k * k * g),
    ("reduced_twice", ", got ", lambda c, k, g, r: 2 * (c // r) ** 2 + k * k * g),
    ("involution", ", got ", lambda c, k, g, r: c * (c // r) + (c // r + 1) * k * k * g),
    ("added", ", got ", lambda c, k, g, r: 2 * (c + c // r) + k * k * g),
    ("per_head_bias", ", got ", lambda c, k, g, r: 2 * c * (c // r) + k * k * g + g),
]:
    mistake("attention_parameters", hint, name)(wrong)

right("attention_parameters", "halves")(lambda c, k, g, r: c * c // r * 2 + g * k**2)
right("attention_parameters", "float")(lambda c, k, g, r: 2 * c**2 / r + k**2 * g)


@right("attention_parameters")
def counted_weights(channels, kernel_size, groups, reduction_ratio):
    query = np.zeros((channels, channels // reduction_ratio))
    return query.size + query.size + np.zeros((kernel_size, kernel_size, groups)).size


def masked(scores, inside, low):
    return shares(np.exp(np.where(inside[..., None], scores, low)))


for name, hint, wrong in [
    ("mask_of_10", "with low scores", lambda s, i: masked(s, i, -10)),
    ("mask_of_12", "with low scores", lambda s, i: masked(s, i, -12)),
    ("mask_of_50", "with low scores", lambda s, i: masked(s, i, -50)),
    ("mask_of_15", "with low scores", lambda s, i: masked(s, i, -15)),
    ("ten_subtracted", "with low scores", lambda s, i: shares(np.exp(s - 10 * ~i[..., None]))),
    ("smallest_of_all", "with low scores", lambda s, i: masked(s, i, s.min())),
    ("ten_below_the_smallest", ", got ", lambda s, i: masked(s, i, s.min() - 10)),
    ("uniform", ", got ", lambda s, i: np.broadcast_to(shares(i[..., None] * 1.0), s.shape)),
    ("scores_shared_out", ", got ", lambda s, i: shares(s * i[..., None])),
    ("sigmoid", ", got ", lambda s, i: i[..., None] / (1 + np.exp(-s))),
    ("nan_outside", ", got nan", lambda s, i: np.where(i[..., None], by_loops(s, i), np.nan)),
    ("count_of_taps", ", got ", lambda s, i: np.exp(s) * i[..., None] / i.sum((2, 3))[..., None, None, None]),
    ("positions", ", got ", lambda s, i: shares(np.exp(s) * i[..., None], (0, 1))),
    ("first_head", ", got ", lambda s, i: np.repeat(by_loops(s, i)[..., :1], s.shape[-1], -1)),
    (
        "masked_array",
        "got a masked array",
        lambda s, i: np.ma.masked_where(np.broadcast_to(~i[..., None], s.shape), by_loops(s, i)),
    ),
    ("objects", "got an array of dtype object", lambda s, i: np.where(i[..., None], by_loops(s, i), None)),
]:
    mistake("attention_kernels", hint, name)(wrong)

right("attention_kernels", "mask_of_a_billion")(lambda s, i: masked(s, i, -1e9))
right("attention_kernels", "added_mask")(lambda s, i: shares(np.exp(s + np.where(i, 0, -1e9)[..., None])))
right("attention_kernels", "lists")(lambda s, i: by_loops(s, i).tolist())
right("attention_kernels", "zero_after_the_exponential")(lambda s, i: shares(np.where(i[..., None], np.exp(s), 0)))
right("attention_kernels", "filled")(
    lambda s, i: np.ma.masked_where(np.broadcast_to(~i[..., None], s.shape), by_loops(s, i)).filled(0)
)
right("attention_kernels", "mask_without_masked")(lambda s, i: np.ma.array(by_loops(s, i)))


@right("attention_kernels")
def largest_subtracted(scores, inside):
    scores = np.where(inside[..., None], scores, -np.inf)
    return shares(np.exp(scores - scores.max((2, 3), keepdims=True)))


@right("attention_kernels")
def keras_softmax(scores, inside):
    from keras import ops

    scores = ops.where(inside[..., None], ops.cast(scores, "float32"), -1e9)
    return ops.softmax(scores, axis=(2, 3))


@right("attention_kernels")
def jax_softmax(scores, inside):
    import jax

    return jax.nn.softmax(scores, axis=(2, 3), where=inside[..., None])
