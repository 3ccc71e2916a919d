"""Answers to the exercises of notebook 01, right ones and wrong ones."""

import math
import operator

import numpy as np

from exercises import ANSWERS, mistake, right

for name, number, hint in [
    ("no_bias", 32 * 64 * 25, "biases are missing"),
    ("one_row", 32 * 64 * 5 + 64, "rows and 5 columns"),
    ("depthwise", 32 * 25 + 32, "all 32 input channels"),
    ("one_output", 32 * 25 + 1, "one output channel; the layer has 64"),
    ("biases_twice", 51_264 + 64, "51,328 is too large"),
]:
    mistake("parameter_count", hint, name)(number)


def by_steps(layers, following, own=False):
    field = step = 1
    for size, stride in layers:
        before, step = step, following(step, stride)
        field += (size - 1) * (step if own else before)
    return field


for name, hint, wrong in [
    ("sizes", "sizes are added", lambda layers: sum(size for size, stride in layers)),
    ("no_strides", "strides have no effect", lambda layers: 1 + sum(k - 1 for k, _ in layers)),
    ("own_stride", "not those of its own", lambda layers: by_steps(layers, lambda step, s: step * s, own=True)),
    ("common_multiple", "expected 15, got 11", lambda layers: by_steps(layers, math.lcm)),
    ("skips_1x1", ", got ", lambda layers: by_steps([one for one in layers if one[0] > 1], operator.mul)),
]:
    mistake("receptive_field", hint, name)(wrong)


def loops(image, kernel, strides, shape):
    out = np.zeros(shape)
    for i, j, u, v in np.ndindex(*shape, *kernel.shape):
        out[i, j] += image[i * strides[0] + u, j * strides[1] + v] * kernel[u, v]
    return out


convolve = ANSWERS["strided_convolution"]


def valid(image, kernel, stride):
    return [(n - k) // stride + 1 for n, k in zip(image.shape, kernel.shape, strict=True)]


@right("strided_convolution")
def by_keras(image, kernel, stride):
    from keras import ops

    return ops.conv(image[None, ..., None], kernel[..., None, None], stride, "valid")[0, ..., 0]


def padded(image, kernel, stride):
    return convolve(np.pad(image, [(n // 2, n // 2) for n in kernel.shape]), kernel, stride)


for name, hint, wrong in [
    ("flipped", "flipped", lambda x, k, s: convolve(x, np.flip(k), s)),
    ("last_forgotten", "last window", lambda x, k, s: loops(x, k, (s, s), [n - 1 for n in valid(x, k, s)])),
    ("cropped", "does the window of output (i, j) start", lambda x, k, s: loops(x, k, (1, 1), valid(x, k, s))),
    ("padded", "padded", padded),
    ("two_at_most", "stride=3", lambda x, k, s: convolve(x, k, min(s, 2))),
]:
    mistake("strided_convolution", hint, name)(wrong)
