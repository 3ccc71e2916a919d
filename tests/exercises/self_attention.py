"""Answers to the exercises of the notebook, right ones and wrong ones."""

import numpy as np

from exercises import ANSWERS, mistake, right, solution


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
    ("upside_down", "inverted", lambda s, i: shares(np.exp(np.where(i[..., None], -np.inf, s)))),
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
    ("mask_of_10", "where scores are low", lambda s, i: masked(s, i, -10)),
    ("mask_of_12", "where scores are low", lambda s, i: masked(s, i, -12)),
    ("mask_of_50", "where scores are low", lambda s, i: masked(s, i, -50)),
    ("mask_of_15", "where scores are low", lambda s, i: masked(s, i, -15)),
    ("ten_subtracted", "where scores are low", lambda s, i: shares(np.exp(s - 10 * ~i[..., None]))),
    ("smallest_of_all", "where scores are low", lambda s, i: masked(s, i, s.min())),
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


# switch_kernels
def at_middle(values):
    return np.pad(np.asarray(values, float)[..., None, None], [(0, 0)] * np.ndim(values) + [(1, 1), (1, 1)])[..., None]


@solution("switch_kernels")
def switched_by_loops(image, threshold):
    kernels = np.zeros((*image.shape, 3, 3, 1))
    for i, j in np.ndindex(image.shape):
        if image[i, j] > threshold:
            kernels[i, j, 1, 1, 0] = 1
        else:
            kernels[i, j, :, :, 0] = 1 / 9
    return kernels


def switch(image, threshold, keep, mean):
    return np.where((image > threshold)[..., None, None, None], keep, mean)


ninth, middle, corner = np.full((3, 3, 1), 1 / 9), at_middle(1.0), np.eye(9)[0].reshape(3, 3, 1)

for name, hint, wrong in [
    ("exchanged", "bright and dark are swapped", lambda x, t: switch(x, t, ninth, middle)),
    ("not_below", "as bright as the threshold is not above", lambda x, t: switch(x, t - 1e-9, middle, ninth)),
    ("exchanged_above", "bright and dark are swapped", lambda x, t: switch(x, t - 1e-9, ninth, middle)),
    ("sums", "weighs each by 1/9", lambda x, t: switch(x, t, middle, 9 * ninth)),
    ("thirds", "weighs each by 1/9", lambda x, t: switch(x, t, middle, 3 * ninth)),
    ("corner", "1 in the middle", lambda x, t: switch(x, t, corner, ninth)),
    ("ones", "1 in the middle", lambda x, t: switch(x, t, 9 * ninth, ninth)),
    ("pixel_for_kernel", "carry their pixel's value", lambda x, t: switch(x, t, at_middle(x), ninth)),
    ("eight", "eight neighbors", lambda x, t: switch(x, t, middle, (9 * ninth - middle) / 8)),
    (
        "filtered",
        "filtered image",
        lambda x, t: np.where(
            x > t,
            x,
            np.pad(x, 1)[:-2, :-2] / 9
            + sum(np.pad(x, 1)[u : u + len(x), v : v + x.shape[1]] / 9 for u in range(3) for v in range(3) if u or v),
        ),
    ),
    ("no_groups", "axis of the groups is missing", lambda x, t: switched_by_loops(x, t)[..., 0]),
    ("one_kernel", "one kernel serves all", lambda x, t: switched_by_loops(np.full_like(x, x.mean()), t)),
    ("always_mean", ", got ", lambda x, t: switch(x, 2, middle, ninth)),
    ("fixed_threshold", ", got ", lambda x, t: switched_by_loops(x, 0.5)),
    ("mean_of_the_window", ", got ", lambda x, t: switch(x, t, middle, ninth * x.mean())),
    ("mask", "got an array of dtype bool", lambda x, t: x > t),
    ("flat", "got shape", lambda x, t: switched_by_loops(x, t).reshape(*x.shape, 9)),
    ("groups_first", "got shape", lambda x, t: np.moveaxis(switched_by_loops(x, t), -1, 2)),
]:
    mistake("switch_kernels", hint, name)(wrong)

right("switch_kernels", "where")(lambda x, t: switch(x, t, middle, ninth))
right("switch_kernels", "not_below")(lambda x, t: np.where(x[..., None, None, None] <= t, ninth, middle).tolist())


@right("switch_kernels")
def blended(image, threshold):
    from keras import ops

    bright = ops.cast(ops.convert_to_tensor(image) > threshold, "float32")[..., None, None, None]
    return bright * middle.astype("float32") + (1 - bright) / 9


# lookalike_kernels
@solution("lookalike_kernels")
def lookalike_by_loops(image, kernel_size, best=min, distance=lambda a, b: abs(a - b), itself=False):
    (height, width), half = image.shape, kernel_size // 2
    kernels = np.zeros((height, width, kernel_size, kernel_size, 1))
    for i, j in np.ndindex(height, width):
        taps = []
        for u, v in np.ndindex(kernel_size, kernel_size):
            y, x = i + u - half, j + v - half
            if 0 <= y < height and 0 <= x < width and (itself or (y, x) != (i, j)):
                taps.append((distance(image[y, x], image[i, j]), u, v))
        kernels[(i, j, *best(taps)[1:], 0)] = 1
    return kernels


def with_zeros_around(image, kernel_size):
    half = kernel_size // 2
    found = lookalike_by_loops(np.pad(image, half), kernel_size)
    return found[half:-half, half:-half]


for name, hint, wrong in [
    ("itself", "resembles itself most", lambda x, k: lookalike_by_loops(x, k, itself=True)),
    ("outside", "as if a black pixel", with_zeros_around),
    ("signed", "darkest or brightest", lambda x, k: lookalike_by_loops(x, k, distance=lambda a, b: a - b)),
    ("farthest", "differs most", lambda x, k: lookalike_by_loops(x, k, best=max)),
    ("brightest", "darkest or brightest", lambda x, k: lookalike_by_loops(x, k, distance=lambda a, b: -a)),
    ("darkest", "darkest or brightest", lambda x, k: lookalike_by_loops(x, k, distance=lambda a, b: a)),
    ("swapped", "rows and columns of the kernels", lambda x, k: lookalike_by_loops(x, k).swapaxes(2, 3)),
    ("flipped", "flipped", lambda x, k: np.flip(lookalike_by_loops(x, k), (2, 3))),
    ("no_groups", "axis of the groups is missing", lambda x, k: lookalike_by_loops(x, k)[..., 0]),
    ("copied_value", ", got ", lambda x, k: lookalike_by_loops(x, k) * x[..., None, None, None]),
    ("softmax", ", got ", lambda x, k: np.exp(-((x[..., None, None, None] - 0.5) ** 2)) + 0 * lookalike_by_loops(x, k)),
    ("both", ", got ", lambda x, k: np.maximum(lookalike_by_loops(x, k), lookalike_by_loops(x, k, best=max))),
    (
        "window_of_three",
        ", got ",
        lambda x, k: np.pad(
            lookalike_by_loops(x, 3), [(0, 0), (0, 0), ((k - 3) // 2,) * 2, ((k - 3) // 2,) * 2, (0, 0)]
        ),
    ),
    (
        "to_the_right",
        ", got ",
        lambda x, k: np.broadcast_to(np.eye(k * k)[k * k // 2 + 1].reshape(k, k, 1), (*x.shape, k, k, 1)),
    ),
    ("indices", "got shape", lambda x, k: lookalike_by_loops(x, k).reshape(*x.shape, -1).argmax(-1)),
]:
    mistake("lookalike_kernels", hint, name)(wrong)

right("lookalike_kernels", "squares")(lambda x, k: lookalike_by_loops(x, k, distance=lambda a, b: (a - b) ** 2))
right("lookalike_kernels", "list")(lambda x, k: lookalike_by_loops(x, k).tolist())


@right("lookalike_kernels")
def nan_padded(image, kernel_size):
    half = kernel_size // 2
    padded = np.pad(image, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size))
    distances = abs(windows - image[..., None, None])
    distances[..., half, half] = np.nan
    nearest = np.nanmin(distances, axis=(2, 3), keepdims=True)
    return (distances == nearest)[..., None].astype(float)


# task_winners
TASKS = ("fixed_filter", "chosen_filter", "copy_similar")


def winners(*operators):
    return dict(zip(TASKS, operators, strict=True))


ANSWERS["task_winners"] = winners("depthwise", "involution", "attention")
right("task_winners", "capitals")(winners("Depthwise", " INVOLUTION", "Attention "))
right("task_winners", "other_order")(dict(reversed(ANSWERS["task_winners"].items())))
for name, hint, answer in [
    ("involution_first", "need not look at the image", winners("involution", "involution", "attention")),
    ("attention_first", "fixed filter may have weights", winners("attention", "involution", "attention")),
    ("depthwise_second", "has one kernel, whatever", winners("depthwise", "depthwise", "attention")),
    ("attention_second", "can look at the center", winners("depthwise", "attention", "attention")),
    ("depthwise_third", "which neighbor it will be", winners("depthwise", "involution", "depthwise")),
    ("involution_third", "the center cannot tell", winners("depthwise", "involution", "involution")),
    ("convolution", "got 'convolution'", winners("convolution", "involution", "attention")),
    ("partly_answered", "got None", winners("depthwise", None, "attention")),
    ("list", "expected a dict with the keys", ["depthwise", "involution", "attention"]),
    ("other_keys", "expected a dict with the keys", {"blur": "depthwise"}),
    ("number", "expected a dict with the keys", 3),
    ("list_of_one", "got ['involution']", winners("depthwise", ["involution"], "attention")),
]:
    mistake("task_winners", hint, name)(answer)

# The remaining variants of the hints
for check, hint, name, wrong in [
    ("attention_kernels", "no mask", "scores_times_mask", lambda s, i: shares(np.exp(s * i[..., None]))),
    ("attention_kernels", "where scores are low", "mask_of_30", lambda s, i: masked(s, i, -30)),
    ("attention_kernels", "where scores are low", "mask_of_20", lambda s, i: masked(s, i, -20)),
    ("attention_kernels", "where scores are low", "mask_of_5", lambda s, i: masked(s, i, -5)),
    ("attention_kernels", "where scores are low", "mask_of_1", lambda s, i: masked(s, i, -1)),
    (
        "attention_kernels",
        "where scores are low",
        "10_subtracted",
        lambda s, i: shares(np.exp(s - 10.0 * ~i[..., None])),
    ),
    ("attention_kernels", "where scores are low", "1_subtracted", lambda s, i: shares(np.exp(s - ~i[..., None]))),
    ("attention_kernels", "one axis", "rows", lambda s, i: shares(np.exp(s) * i[..., None], 2)),
    ("attention_kernels", "not divided", "mask_before", lambda s, i: np.exp(np.where(i[..., None], s, -np.inf))),
    ("switch_kernels", "eight neighbors", "middle_left_out", lambda x, t: switch(x, t, middle, ninth - middle / 9)),
    (
        "lookalike_kernels",
        "resembles itself most",
        "itself_and_zeros",
        lambda x, k: np.broadcast_to(np.eye(k * k)[k * k // 2].reshape(k, k, 1), (*x.shape, k, k, 1)),
    ),
]:
    mistake(check, hint, name)(wrong)
