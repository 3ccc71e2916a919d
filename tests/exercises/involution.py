"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, solution


# involution_parameters
@solution("involution_parameters")
def involution_parameters(channels, kernel_size, groups, reduction_ratio):
    hidden = max(1, channels // reduction_ratio)
    reduce, norm = channels * hidden + hidden, 2 * hidden
    span = hidden * kernel_size**2 * groups + kernel_size**2 * groups
    return reduce + norm + span


def generator(c, k, g, r, reduce_bias=True, norm=2, span_bias=True, hidden=None, outputs=None):
    hidden = hidden or max(1, c // r)
    outputs = outputs or k * k * g
    return c * hidden + reduce_bias * hidden + norm * hidden + hidden * outputs + span_bias * outputs


for name, hint, wrong in [
    ("no_norm", "has a scale and a shift", lambda c, k, g, r: generator(c, k, g, r, norm=0)),
    ("moving_statistics", "no gradient trains the moving mean", lambda c, k, g, r: generator(c, k, g, r, norm=4)),
    ("no_groups", "groups have no effect", lambda c, k, g, r: generator(c, k, 1, r)),
    ("not_squared", "K rows and K columns", lambda c, k, g, r: generator(c, k, g, r, outputs=k * g)),
    ("no_second_bias", "bias of the second", lambda c, k, g, r: generator(c, k, g, r, span_bias=False)),
    ("no_first_bias", "bias of the first", lambda c, k, g, r: generator(c, k, g, r, reduce_bias=False)),
    ("no_biases", "both biases", lambda c, k, g, r: generator(c, k, g, r, reduce_bias=False, span_bias=False)),
    ("kernel_a_channel", "kernel for each channel", lambda c, k, g, r: generator(c, k, g, r, outputs=k * k * c)),
    ("convolution", "parameters of a convolution", lambda c, k, g, r: k * k * c * c + c),
    ("no_hidden_left", "hidden channels", lambda c, k, g, r: c // r * (c + 3) + k * k * g * (c // r + 1)),
    ("rounded_up", "hidden channels", lambda c, k, g, r: generator(c, k, g, r, hidden=math.ceil(c / r))),
    ("fraction", "hidden channels", lambda c, k, g, r: generator(c, k, g, r, hidden=c / r)),
]:
    mistake("involution_parameters", hint, name)(wrong)


# group_of_channel
@solution("group_of_channel")
def group_of(channel, channels, groups):
    return [g for g in range(groups) for _ in range(channels // groups)][channel]


for name, hint, wrong in [
    ("interleaved", "interleaved", lambda c, n, g: c % g),
    ("from_one", "from 1", lambda c, n, g: math.ceil((c + 1) * g / n)),
    ("paper_with_zero", "from 1", lambda c, n, g: math.ceil(c * g / n)),
    ("groups_for_size", "as many channels as there should be groups", lambda c, n, g: c // g),
    ("place_in_group", "position within", lambda c, n, g: c % (n // g)),
    ("fraction", "whole number", lambda c, n, g: c / (n // g)),
    ("float", "quotient of floats", lambda c, n, g: int(c / n * g)),
]:
    mistake("group_of_channel", hint, name)(wrong)


# involution
def involve_loops(inputs, kernels, stride, start=None, place=None, group=None, tap=None, outside=None):
    (height, width, channels), (rows, columns, size, _, groups) = inputs.shape, kernels.shape
    start = start or (lambda i: i * stride - (size - 1) // 2)
    place, tap = place or (lambda i, j: (i, j)), tap or (lambda u, v: (u, v))
    group = group or (lambda c: c * groups // channels)
    out = np.zeros((rows, columns, channels))
    for i, j, c, u, v in np.ndindex(rows, columns, channels, size, size):
        y, x = start(i) + u, start(j) + v
        if outside == "wrap":
            y, x = y % height, x % width
        if 0 <= y < height and 0 <= x < width:
            out[i, j, c] += inputs[y, x, c] * kernels[(*place(i, j), *tap(u, v), group(c))]
    return out


ANSWERS["involution"] = lambda inputs, kernels, stride: involve_loops(inputs, kernels, stride)


def keras_same(x, k, s):
    pads = [max((-(-n // s) - 1) * s + k.shape[2] - n, 0) for n in x.shape[:2]]
    x = np.pad(x, [(p // 2, p - p // 2) for p in pads] + [(0, 0)])
    return involve_loops(x, k, s, start=lambda i: i * s)


def mixing(x, k, s):
    groups, out = k.shape[-1], involve_loops(x, k, s)
    size = x.shape[-1] // groups
    sums = [out[..., g * size : (g + 1) * size].sum(-1) for g in range(groups)]
    return np.stack([sums[c // size] for c in range(x.shape[-1])], axis=-1)


def last(k):
    return k.shape[2] - 1


for name, hint, wrong in [
    ("flipped", "flipped", lambda x, k, s: involve_loops(x, k, s, tap=lambda u, v: (last(k) - u, last(k) - v))),
    ("transposed", "rows and columns of the kernels", lambda x, k, s: involve_loops(x, k, s, tap=lambda u, v: (v, u))),
    ("interleaved", "interleaved", lambda x, k, s: involve_loops(x, k, s, group=lambda c: c % k.shape[-1])),
    ("from_pixel", "start at their pixel", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i * s)),
    ("one_late", "off by one pixel", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i * s - last(k) // 2 + 1)),
    ("one_early", "off by one pixel", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i * s - last(k) // 2 - 1)),
    ("keras_same", "padding of Keras", keras_same),
    ("no_stride", "stride has no effect", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i - last(k) // 2)),
    ("first_group", "group 0", lambda x, k, s: involve_loops(x, k, s, group=lambda c: 0)),
    ("convolution", "what a convolution does", lambda x, k, s: involve_loops(x, k, s, place=lambda i, j: (0, 0))),
    ("mixing", "channels are summed", mixing),
    ("circular", "opposite border", lambda x, k, s: involve_loops(x, k, s, outside="wrap")),
]:
    mistake("involution", hint, name)(wrong)
