"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, right


def pairs_within(height, width, reach):
    places = [(i, j) for i in range(height) for j in range(width)]
    return sum(max(abs(a - c), abs(b - d)) <= reach for a, b in places for c, d in places)


for name, hint, wrong in [
    ("border", "hang over the edge", lambda h, w, k: h * w * k * k),
    ("inside_only", "are smaller, but", lambda h, w, k: max(h - 2 * (k // 2), 0) * max(w - 2 * (k // 2), 0) * k**2),
    ("too_far", "to either side", lambda h, w, k: pairs_within(h, w, k)),
    ("not_itself", "its own neighbor", lambda h, w, k: ANSWERS["window_pairs"](h, w, k) - h * w),
    ("closed_form", ", got ", lambda h, w, k: math.prod(n * k - k // 2 * (k // 2 + 1) for n in (h, w))),
]:
    mistake("window_pairs", hint, name)(wrong)


for name, hint, wrong in [
    ("shared", "a convolution each", lambda c, k, g, r: c * (c // r) + k * k * g),
    ("one_bias", "biases of its own", lambda c, k, g, r: 2 * c * (c // r) + k * k),
    ("divided_last", ", got ", lambda c, k, g, r: 2 * c * c // r + k * k * g),
    ("biases", "have no bias", lambda c, k, g, r: 2 * (c + 1) * (c // r) + k * k * g),
]:
    mistake("attention_parameters", hint, name)(wrong)


def shares(powers):
    return powers / powers.sum((2, 3), keepdims=True)


def softmax(scores):
    return shares(np.exp(scores - scores.max((2, 3), keepdims=True)))


for name, hint, wrong in [
    ("mask_of_75", "where scores are low", lambda s, i: shares(np.exp(np.where(i[..., None], s, -75)))),
    ("less_10000", ", got ", lambda s, i: softmax(s - 10_000 * ~i[..., None])),
    ("less_50", ", got ", lambda s, i: softmax(s - 50 * ~i[..., None])),
    ("renormalized", ", got nan", lambda s, i: shares(softmax(s) * i[..., None])),
    ("overflow", "large scores overflow", lambda s, i: shares(np.exp(s) * i[..., None])),
    ("one_largest", "large scores overflow", lambda s, i: shares(np.exp(s - s.max()) * i[..., None])),
    ("mask_last", "before the softmax", lambda s, i: np.where(i[..., None], shares(np.exp(s)), 0)),
    ("zero_scores", "is no mask", lambda s, i: shares(np.exp(np.where(i[..., None], s, 0)))),
]:
    mistake("attention_kernels", hint, name)(wrong)


@right("attention_kernels")
def keras_softmax(scores, inside):
    from keras import ops

    scores = ops.where(inside[..., None], ops.cast(scores, "float32"), -1e9)
    return ops.softmax(scores, axis=(2, 3))
