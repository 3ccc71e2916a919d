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


def without_overlap(height, width, kernel_size):
    lost = kernel_size // 2 * (kernel_size // 2 + 1)
    return (height * kernel_size - lost) * (width * kernel_size - lost)


for name, hint, wrong in [
    ("border", "hang over the edge", lambda h, w, k: h * w * k * k),
    ("all_places", "over all positions", lambda h, w, k: near_pairs(h, w, lambda i, j: True)),
    ("inside_only", "are smaller, but", lambda h, w, k: max(h - 2 * (k // 2), 0) * max(w - 2 * (k // 2), 0) * k**2),
    ("too_far", "to either side", lambda h, w, k: near_pairs(h, w, lambda i, j: max(i, j) <= k)),
    ("not_itself", "its own neighbor", lambda h, w, k: counted_pairs(h, w, k) - h * w),
    ("no_overlap", "exceeds the image", without_overlap),
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
    ("times_heads", "share out the channels", lambda c, k, g, r: (2 * c * c // r + k * k) * g),
]:
    mistake("attention_parameters", hint, name)(wrong)


# attention_kernels
@solution("attention_kernels")
def by_loops(scores, inside):
    kernels = np.zeros(scores.shape)
    for i, j, g in np.ndindex(*scores.shape[:2], scores.shape[4]):
        taken = scores[i, j, ..., g][inside[i, j]]
        powers = np.exp(taken - taken.max())
        kernels[i, j, ..., g][inside[i, j]] = powers / powers.sum()
    return kernels


def shares(powers, axis=(2, 3)):
    return powers / powers.sum(axis, keepdims=True)


def softmax(scores, axis=(2, 3)):
    return shares(np.exp(scores - scores.max(axis, keepdims=True)), axis)


for name, hint, wrong in [
    ("mask_of_75", "where scores are low", lambda s, i: shares(np.exp(np.where(i[..., None], s, -75)))),
    ("mask_of_100", "where scores are low", lambda s, i: softmax(np.where(i[..., None], s, -100))),
    ("less_50", ", got ", lambda s, i: softmax(s - 50 * ~i[..., None])),
    ("renormalized", ", got nan", lambda s, i: shares(softmax(s) * i[..., None])),
    ("overflow", "large scores overflow", lambda s, i: shares(np.exp(s) * i[..., None])),
    ("one_largest", "large scores overflow", lambda s, i: shares(np.exp(s - s.max()) * i[..., None])),
    ("no_mask", "none should reach there", lambda s, i: shares(np.exp(s))),
    ("mask_last", "before the softmax", lambda s, i: np.where(i[..., None], shares(np.exp(s)), 0)),
    ("zero_scores", "is no mask", lambda s, i: shares(np.exp(np.where(i[..., None], s, 0)))),
    ("upside_down", "inverted", lambda s, i: shares(np.exp(np.where(i[..., None], -np.inf, s)))),
    ("with_heads", "share one sum", lambda s, i: shares(np.exp(s) * i[..., None], (2, 3, 4))),
    ("one_axis", "one axis", lambda s, i: shares(np.exp(s) * i[..., None], 3)),
    ("no_sum", "not divided", lambda s, i: np.exp(s) * i[..., None]),
]:
    mistake("attention_kernels", hint, name)(wrong)


@right("attention_kernels")
def keras_softmax(scores, inside):
    from keras import ops

    scores = ops.where(inside[..., None], ops.cast(scores, "float32"), -1e9)
    return ops.softmax(scores, axis=(2, 3))
