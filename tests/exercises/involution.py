"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, right, solution


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


# Thought up afresh from the text of the exercises
for name, hint, wrong in [
    ("norm_after", ", got ", lambda c, k, g, r: generator(c, k, g, r, norm=0) + 2 * k * k * g),
    ("groups_squared", ", got ", lambda c, k, g, r: generator(c, k, g, r, outputs=k * k * g * g)),
    ("channels_per_group", ", got ", lambda c, k, g, r: generator(c, k, g, r, outputs=k * k * (c // g))),
    ("no_reduction", ", got ", lambda c, k, g, r: generator(c, k, g, r, hidden=c)),
    ("ratio_for_hidden", ", got ", lambda c, k, g, r: generator(c, k, g, r, hidden=r)),
    ("one_hidden", ", got ", lambda c, k, g, r: generator(c, k, g, r, hidden=1)),
    ("generated_too", ", got ", lambda c, k, g, r: generator(c, k, g, r) + k * k * g),
    ("as_text", "got a str", lambda c, k, g, r: f"{generator(c, k, g, r):,}"),
]:
    mistake("involution_parameters", hint, name)(wrong)


@right("involution_parameters")
def counted(channels, kernel_size, groups, reduction_ratio):
    from involution_utils import Involution2D

    layer = Involution2D(kernel_size=kernel_size, groups=groups, reduction_ratio=reduction_ratio)
    layer.build((None, 8, 8, channels))
    return sum(math.prod(w.shape) for w in layer.trainable_weights)


right("involution_parameters", "factored")(
    lambda c, k, g, r: np.int64((c + 3) * max(1, c // r) + k * k * g * (max(1, c // r) + 1))
)

for name, hint, wrong in [
    ("round", ", got ", lambda c, n, g: round(c * g / n)),
    ("counted_from_one", "from 1", lambda c, n, g: c // (n // g) + 1),
    ("backwards", ", got ", lambda c, n, g: g - 1 - c // (n // g)),
    ("one_group_too_few", ", got ", lambda c, n, g: c * (g - 1) // n),
    ("stretched", ", got ", lambda c, n, g: c * g // (n - 1)),
    ("all_channels", "got shape", lambda c, n, g: np.arange(n) // (n // g)),
    ("members", "got shape", lambda c, n, g: [i for i in range(n) if i // (n // g) == c // (n // g)]),
    ("first_of_group", ", got ", lambda c, n, g: c - c % (n // g)),
]:
    mistake("group_of_channel", hint, name)(wrong)

right("group_of_channel", "one_division")(lambda c, n, g: c * g // n)
right("group_of_channel", "repeat")(lambda c, n, g: np.repeat(np.arange(g), n // g)[c])
right("group_of_channel", "grid")(lambda c, n, g: np.argwhere(np.arange(n).reshape(g, -1) == c)[0, 0])
right("group_of_channel", "float")(lambda c, n, g: np.floor(c / (n / g)))


def edge(x, k, s):
    half = last(k) // 2
    x = np.pad(x, [(half, half), (half, half), (0, 0)], "edge")
    return involve_loops(x, k, s, start=lambda i: i * s)


for name, hint, wrong in [
    ("mean", ", got ", lambda x, k, s: involve_loops(x, k, s) / k.shape[2] ** 2),
    ("softmax", ", got ", lambda x, k, s: involve_loops(x, np.exp(k) / np.exp(k).sum((2, 3), keepdims=True), s)),
    ("kernel_of_the_pixel", ", got ", lambda x, k, s: involve_loops(x, k[::s, ::s], s)),
    ("edge", ", got ", edge),
    ("kernels_by_columns", ", got ", lambda x, k, s: involve_loops(x, k, s, place=lambda i, j: (i, 0))),
    (
        "group_of_size_groups",
        ", got ",
        lambda x, k, s: involve_loops(x, k, s, group=lambda c: min(c // k.shape[-1], k.shape[-1] - 1)),
    ),
    ("residual", ", got ", lambda x, k, s: involve_loops(x, k, s) + x[::s, ::s]),
    ("first_channel", ", got ", lambda x, k, s: involve_loops(np.repeat(x[..., :1], x.shape[-1], -1), k, s)),
    ("channels_first", "expected numbers of shape", lambda x, k, s: involve_loops(x, k, s).transpose(2, 0, 1)),
    ("middle_tap", ", got ", lambda x, k, s: involve_loops(x, k, s, tap=lambda u, v: (last(k) // 2, last(k) // 2))),
    ("mean_kernel", ", got ", lambda x, k, s: involve_loops(x, np.broadcast_to(k.mean((0, 1)), k.shape), s)),
    ("relu", ", got ", lambda x, k, s: np.maximum(involve_loops(x, k, s), 0)),
]:
    mistake("involution", hint, name)(wrong)

right("involution", "lists")(lambda x, k, s: involve_loops(x, k, s).tolist())


@right("involution")
def shifted_images(inputs, kernels, stride):
    rows, columns, size, _, groups = kernels.shape
    half, output = (size - 1) // 2, 0
    padded = np.pad(inputs, [(half, half), (half, half), (0, 0)])
    spread = np.repeat(kernels, inputs.shape[-1] // groups, axis=-1)
    for u, v in np.ndindex(size, size):
        output = output + padded[u:, v:][::stride, ::stride][:rows, :columns] * spread[:, :, u, v]
    return output


@right("involution")
def the_package(inputs, kernels, stride):
    from keras import ops

    from involution_utils import involution

    pad = (kernels.shape[2] - 1) // 2
    tensors = [ops.convert_to_tensor(a[None], "float32") for a in (inputs, kernels)]
    return involution(*tensors, strides=stride, padding=((pad, pad), (pad, pad)))[0]


@right("involution")
def tensor_patches(inputs, kernels, stride):
    from keras import ops

    rows, columns, size, _, groups = kernels.shape
    pad, channels = (size - 1) // 2, inputs.shape[-1]
    padded = ops.pad(ops.convert_to_tensor(inputs, "float32"), [(pad, pad), (pad, pad), (0, 0)])
    starts = [(i * stride, j * stride) for i in range(rows) for j in range(columns)]
    patches = ops.stack([padded[i : i + size, j : j + size] for i, j in starts])
    patches = ops.reshape(patches, (rows, columns, size, size, groups, channels // groups))
    return ops.reshape(
        ops.einsum("ijuvgc,ijuvg->ijgc", patches, ops.cast(kernels, "float32")), (rows, columns, channels)
    )


# The remaining variants of the hints
mistake("involution_parameters", "kernel for each channel", "kernel_per_channel_and_group")(
    lambda c, k, g, r: generator(c, k, g, r, outputs=k * k * c * g)
)
mistake("involution_parameters", "parameters of a convolution", "convolution_without_bias")(
    lambda c, k, g, r: (k * c) ** 2
)
