"""Every check takes the solution, refuses wrong answers as a learner would write them, and names what is wrong."""

import math
import subprocess
import sys

import numpy as np
import pytest

from involution_utils import exercises

ANSWERS, MISTAKES = {}, []


def solution(check):
    """Register a function as the right answer to a check."""
    return lambda function: ANSWERS.setdefault(check, function)


def mistake(check, hint, name=None):
    """Register a function as a wrong answer whose verdict mentions `hint`; one hint may serve several answers."""

    def register(function):
        MISTAKES.append(pytest.param(check, function, hint, id=f"{check}-{name or function.__name__}"))
        return function

    return register


# parameter_count
ANSWERS["parameter_count"] = 51_264
for name, number, hint in [
    ("no_bias", 32 * 64 * 25, "biases are missing"),
    ("one_row", 32 * 64 * 5 + 64, "rows and 5 columns"),
    ("bias_per_input", 32 * 64 * 25 + 32, "what has one"),
    ("bias_per_pair", (25 + 1) * 32 * 64, "what has one"),
    ("no_input_channels", 64 * 25 + 64, "all 32 input channels"),
    ("depthwise", 32 * 25 + 32, "all 32 input channels"),
    ("one_output", 32 * 25 + 1, "one output channel; the layer has 64"),
]:
    mistake("parameter_count", hint, name)(number)


# receptive_field
@solution("receptive_field")
def backwards(layers):
    field = 1
    for size, stride in reversed(layers):
        field = (field - 1) * stride + size
    return field


@mistake("receptive_field", "strides have no effect")
def no_strides(layers):
    return 1 + sum(k - 1 for k, _ in layers)


@mistake("receptive_field", "are added")
def sizes_added(layers):
    return sum(k for k, _ in layers)


@mistake("receptive_field", "are multiplied")
def sizes_multiplied(layers):
    return math.prod(k for k, _ in layers)


@mistake("receptive_field", "after it, not those of its own")
def own_stride(layers):
    field, jump = 1, 1
    for k, s in layers:
        jump *= s
        field += (k - 1) * jump
    return field


@mistake("receptive_field", "all earlier strides")
def previous_stride(layers):
    field, previous = 1, 1
    for k, s in layers:
        field += (k - 1) * previous
        previous = s
    return field


@mistake("receptive_field", "back to the first")
def forwards(layers):
    field = 1
    for k, s in layers:
        field = (field - 1) * s + k
    return field


# strided_convolution
def loops(image, kernel, stride_y, stride_x, height, width):
    out = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            for u in range(kernel.shape[0]):
                for v in range(kernel.shape[1]):
                    out[i, j] += image[i * stride_y + u, j * stride_x + v] * kernel[u, v]
    return out


def valid(image, kernel, stride):
    return [(n - k) // stride + 1 for n, k in zip(image.shape, kernel.shape, strict=True)]


@solution("strided_convolution")
def convolve(image, kernel, stride):
    return loops(image, kernel, stride, stride, *valid(image, kernel, stride))


@mistake("strided_convolution", "flipped")
def flipped(image, kernel, stride):
    return convolve(image, np.flip(kernel), stride)


@mistake("strided_convolution", "rows and columns of the kernel are swapped")
def transposed(image, kernel, stride):
    return convolve(image, kernel.transpose(), stride)


@mistake("strided_convolution", "rows and columns of the kernel are swapped")
def transposed_where_it_fits(image, kernel, stride):
    rows = range(0, image.shape[0] - kernel.shape[0] + 1, stride)
    columns = range(0, image.shape[1] - kernel.shape[1] + 1, stride)
    k_h, k_w = kernel.shape
    return [[np.sum(image[i : i + k_h, j : j + k_w] * kernel.T) for j in columns] for i in rows]


@mistake("strided_convolution", "last window is missing")
def last_forgotten(image, kernel, stride):
    return loops(image, kernel, stride, stride, *[n - 1 for n in valid(image, kernel, stride)])


@mistake("strided_convolution", "last window is missing")
def range_too_short(image, kernel, stride):
    sizes = [len(range(0, n - k, stride)) for n, k in zip(image.shape, kernel.shape, strict=True)]
    return loops(image, kernel, stride, stride, *sizes)


@mistake("strided_convolution", "last window is missing")
def rounded_down(image, kernel, stride):
    sizes = [(n - k + 1) // stride for n, k in zip(image.shape, kernel.shape, strict=True)]
    return loops(image, kernel, stride, stride, *sizes)


@mistake("strided_convolution", "one axis only")
def rows_only(image, kernel, stride):
    return loops(image, kernel, stride, 1, *valid(image, kernel, stride))


@mistake("strided_convolution", "one axis only")
def columns_only(image, kernel, stride):
    return loops(image, kernel, 1, stride, valid(image, kernel, 1)[0], valid(image, kernel, stride)[1])


@mistake("strided_convolution", "does the window of output (i, j) start")
def cropped(image, kernel, stride):
    return loops(image, kernel, 1, 1, *valid(image, kernel, stride))


@mistake("strided_convolution", "stride has no effect")
def stride_ignored(image, kernel, stride):
    return convolve(image, kernel, 1)


@mistake("strided_convolution", "padded")
def padded(image, kernel, stride):
    (k_h, k_w), (h, w) = kernel.shape, image.shape
    wide = np.zeros((h + k_h // 2 * 2, w + k_w // 2 * 2))
    wide[k_h // 2 : k_h // 2 + h, k_w // 2 : k_w // 2 + w] = image
    return convolve(wide, kernel, stride)


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
    ("one_late", "one pixel off", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i * s - last(k) // 2 + 1)),
    ("one_early", "one pixel off", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i * s - last(k) // 2 - 1)),
    ("keras_same", "padding of Keras", keras_same),
    ("no_stride", "stride has no effect", lambda x, k, s: involve_loops(x, k, s, start=lambda i: i - last(k) // 2)),
    ("first_group", "group 0", lambda x, k, s: involve_loops(x, k, s, group=lambda c: 0)),
    ("convolution", "what a convolution does", lambda x, k, s: involve_loops(x, k, s, place=lambda i, j: (0, 0))),
    ("mixing", "channels are summed", mixing),
    ("circular", "opposite border", lambda x, k, s: involve_loops(x, k, s, outside="wrap")),
]:
    mistake("involution", hint, name)(wrong)


# dense_parameters
@solution("dense_parameters")
def dense_parameters(height, width, channels, units):
    for _ in range(2):
        height, width = height // 2, width // 2
    return height * width * channels * units + units


for name, hint, wrong in [
    ("no_pooling", "poolings have no effect", lambda h, w, c, n: h * w * c * n + n),
    ("one_pooling", "there should be two", lambda h, w, c, n: (h // 2) * (w // 2) * c * n + n),
    ("no_bias", "biases are missing", lambda h, w, c, n: (h // 4) * (w // 4) * c * n),
    ("rows_only", "quarters", lambda h, w, c, n: (h // 4) * w * c * n + n),
    ("columns_only", "quarters", lambda h, w, c, n: h * (w // 4) * c * n + n),
    ("global_pooling", "global pooling", lambda h, w, c, n: c * n + n),
    ("no_floor", "rounded wrongly", lambda h, w, c, n: h / 4 * w / 4 * c * n + n),
    ("rounded_up", "rounded wrongly", lambda h, w, c, n: math.ceil(h / 4) * math.ceil(w / 4) * c * n + n),
]:
    mistake("dense_parameters", hint, name)(wrong)


# interval
T = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}  # by degrees of freedom


def deviation(values, less=1):
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - less))


def around(values, half):
    return sum(values) / len(values) - half, sum(values) / len(values) + half


@solution("interval")
def interval(values):
    return around(values, T[len(values) - 1] * deviation(values) / math.sqrt(len(values)))


def half_width(values):
    return (interval(values)[1] - interval(values)[0]) / 2


for name, hint, wrong in [
    ("population", "divides by n - 1", lambda a: around(a, T[len(a) - 1] * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal_and_population", "two things", lambda a: around(a, 1.96 * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal", "Student", lambda a: around(a, 1.96 * deviation(a) / math.sqrt(len(a)))),
    ("single_runs", "single runs", lambda a: around(a, T[len(a) - 1] * deviation(a))),
    ("no_root", "not by its root", lambda a: around(a, T[len(a) - 1] * deviation(a) / len(a))),
    ("degrees", "degrees of freedom", lambda a: around(a, T[len(a)] * deviation(a) / math.sqrt(len(a)))),
    ("swapped", "swapped", lambda a: interval(a)[::-1]),
    ("half", "this is half the width", half_width),
    ("mean_and_half", "mean and half", lambda a: (np.mean(a), half_width(a))),
]:
    mistake("interval", hint, name)(wrong)


# fair_head
def classifier(
    size=(None, None), same="same", relu="relu", pool="max", pools=(1, 2), head="average", dense=64, last=10
):
    def build():
        from keras import Sequential, layers

        pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pool]
        heads = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D, "flat": layers.Flatten}
        stack = [layers.Input((*size, 3))]
        for number, filters in ((1, 32), (2, 64), (3, 64)):
            stack += [layers.Conv2D(filters, 3, padding=same), layers.Activation(relu)]
            stack += [pooling(2)] if number in pools else []
        stack += [heads[head]()]
        stack += [layers.Dense(abs(dense), activation="relu" if dense > 0 else None)] if dense else []
        return Sequential([*stack, layers.Dense(last) if isinstance(last, int) else layers.Dense(10, activation=last)])

    return build


ANSWERS["fair_head"] = classifier()
for name, hint, wrong in [
    ("flatten", "still flattens", classifier((32, 32), head="flat")),
    ("softmax", "probabilities", classifier(last="softmax")),
    ("global_max", "largest value, not its mean", classifier(head="max")),
    ("no_dense", "before the logits is missing", classifier(dense=0)),
    ("eleven_logits", "ten logits", classifier(last=11)),
    ("valid", "lose their borders", classifier(same="valid")),
    ("linear", "convolutions have no ReLU", classifier(relu="linear")),
    ("average_pooling", "should take the largest", classifier(pool="average")),
    ("third_pooling", "after the third", classifier(pools=(1, 2, 3))),
    ("no_pooling", "there is no pooling", classifier(pools=())),
    ("no_first_pooling", "pooling after the first", classifier(pools=(2,))),
    ("no_second_pooling", "pooling after the second", classifier(pools=(1,))),
    ("linear_dense", "64 has no ReLU", classifier(dense=-64)),
    ("relu_logits", "last layer has an activation", classifier(last="relu")),
]:
    mistake("fair_head", hint, name)(wrong)


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
    ("inverted", "upside down", lambda k: mean_square(k, (0, 1, 2)) / mean_square(k, (1, 2))),
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


# operator_parameters
@solution("operator_parameters")
def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, norm=2, bias=1):
    hidden, taps = channels // reduction_ratio, kernel_size * kernel_size
    made = channels * hidden + norm * hidden + (hidden + bias) * taps * channels // group_channels
    return taps * channels * channels, taps * channels, made


for name, hint, wrong in [
    ("no_norm", "a scale and a shift", lambda *sizes: operator_parameters(*sizes, norm=0)),
    ("moving", "moving mean", lambda *sizes: operator_parameters(*sizes, norm=4)),
    ("no_bias", "does have a bias", lambda *sizes: operator_parameters(*sizes, bias=0)),
    ("groups", "not group_channels", lambda c, k, n, r: operator_parameters(c, k, c // n, r)),
    ("rows", "rows and K columns", lambda c, k, n, r: (k * c * c, k * c, operator_parameters(c, k, n, r)[2])),
    (
        "depthwise",
        "each pair of channels",
        lambda c, k, n, r: (k * k * c, k * k * c, operator_parameters(c, k, n, r)[2]),
    ),
]:
    mistake("operator_parameters", hint, name)(wrong)


# paired_interval
@solution("paired_interval")
def paired_interval(one, other, ddof=1, t=None, n=None):
    differences = [a - b for a, b in zip(one, other, strict=True)]
    t = t or {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}[len(differences)]
    half = t * np.std(differences, ddof=ddof) / math.sqrt(n or len(differences))
    return np.mean(differences) - half, np.mean(differences) + half


def two_samples(one, other):
    t = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}[len(one)]
    half = t * math.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / len(one))
    return np.mean(one) - np.mean(other) - half, np.mean(one) - np.mean(other) + half


for name, hint, wrong in [
    ("unpaired", "run by run", two_samples),
    ("turned", "one - other", lambda a, b: paired_interval(b, a)),
    ("population", "n - 1", lambda a, b: paired_interval(a, b, ddof=0)),
    ("normal", "Student's t", lambda a, b: paired_interval(a, b, t=1.96)),
    ("single", "smaller by a root", lambda a, b: paired_interval(a, b, n=1)),
    ("ends", "swapped", lambda a, b: paired_interval(a, b)[::-1]),
]:
    mistake("paired_interval", hint, name)(wrong)


# conv2d_multiply_adds
@solution("conv2d_multiply_adds")
def conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides):
    places = math.ceil(height / strides) * math.ceil(width / strides)
    return places * kernel_size * kernel_size * channels * filters


for name, hint, wrong in [
    ("no_strides", "these are fewer", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, f, k, 1)),
    ("floor", "rounded up", lambda h, w, c, f, k, s: conv2d_multiply_adds(h // s, w // s, c, f, k, 1)),
    ("no_input_channels", "all input channels", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, 1, f, k, s)),
    ("one_filter", "each output channel.", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, 1, k, s)),
    ("one_row", "rows and K columns", lambda h, w, c, f, k, s: conv2d_multiply_adds(h, w, c, f, k, s) // k),
    ("flops", "count as one", lambda *sizes: 2 * conv2d_multiply_adds(*sizes)),
    ("weights", "these are the weights", lambda h, w, c, f, k, s: k * k * c * f),
]:
    mistake("conv2d_multiply_adds", hint, name)(wrong)


# The tests

CHECKS = sorted(name.removeprefix("check_") for name in dir(exercises) if name.startswith("check_"))


def verdict(check, answer):
    return getattr(exercises, f"check_{check}")(answer)


def test_every_check_has_a_solution_and_three_mistakes():
    assert sorted(ANSWERS) == CHECKS
    for check in CHECKS:
        assert len({hint for name, _, hint in (p.values for p in MISTAKES) if name == check}) >= 3, check


@pytest.mark.parametrize("check", CHECKS)
def test_the_solution_passes(check):
    found = verdict(check, ANSWERS[check])
    assert found.right, found
    assert found
    assert repr(found).startswith("Right: ")


@pytest.mark.parametrize(("check", "wrong", "hint"), MISTAKES)
def test_a_mistake_gets_its_own_hint(check, wrong, hint):
    found = verdict(check, wrong)
    assert not found
    assert found.text.startswith("Not yet: ")
    assert hint in found.text
    others = {p.values[2] for p in MISTAKES if p.values[0] == check} - {hint}
    assert not [other for other in others if other in found.text]


@pytest.mark.parametrize("check", CHECKS)
def test_the_stub_counts_as_unanswered(check):
    def raises(*args):
        raise NotImplementedError

    stubs = [None, ...] if check == "parameter_count" else [None, ..., lambda *args: None, lambda *args: ..., raises]
    for stub in stubs:
        assert verdict(check, stub).text.startswith("Not answered yet: ")


@pytest.mark.parametrize("check", sorted(set(CHECKS) - {"parameter_count"}))
def test_an_exception_is_reported_not_raised(check):
    assert "raised ZeroDivisionError: division by zero" in verdict(check, lambda *args: 1 / 0).text
    assert "raised TypeError" in verdict(check, lambda: [] + 1 if check == "fair_head" else 0).text


def test_an_exception_comes_with_its_case():
    def fails(channels, kernel_size, groups, reduction_ratio):
        return involution_parameters(channels, kernel_size, groups, reduction_ratio) + 0 // (groups - 2)

    text = verdict("involution_parameters", fails).text
    assert text.endswith("for channels=6, kernel_size=5, groups=2, reduction_ratio=4.")


@pytest.mark.parametrize("check", sorted(set(CHECKS) - {"parameter_count", "fair_head"}))
@pytest.mark.parametrize(
    "spoil", [lambda a: a + 0.001, lambda a: a[None], lambda a: a.astype(str), lambda a: a * np.nan]
)
def test_any_other_wrong_answer_gets_the_smallest_failing_case(check, spoil):
    found = verdict(check, lambda *args: spoil(np.asarray(ANSWERS[check](*args))))
    assert not found
    assert ", got " in found.text
    assert ", for " in found.text
    assert not [p.values[2] for p in MISTAKES if p.values[0] == check and p.values[2] in found.text]


def test_a_single_wrong_element_is_found():
    def nearly(inputs, kernels, stride):
        outputs = ANSWERS["involution"](inputs, kernels, stride)
        outputs[-1, -1, -1] += 0.01 * (stride == 3)
        return outputs

    assert "at index (2, 3, 2), for inputs of shape (7, 10, 3)" in verdict("involution", nearly).text


def test_a_stride_that_stops_at_two_is_found():
    assert "stride=3" in verdict("strided_convolution", lambda x, k, s: convolve(x, k, min(s, 2))).text


def test_a_number_may_be_of_any_kind_but_must_be_one():
    from keras import ops

    for right in (51_264, 51_264.0, np.int64(51_264), np.array(51_264), ops.convert_to_tensor(51_264)):
        assert verdict("parameter_count", right)
    for wrong in ("51264", [51_264], True, object(), len, 51_263, float("nan")):
        found = verdict("parameter_count", wrong)
        assert not found
        assert "51,264" not in found.text


def test_tensors_and_lists_are_fine():
    from keras import ops

    assert verdict("kernel_map", lambda k: ops.sum(ops.convert_to_tensor(k, "float32"), axis=(3, 4)))
    assert verdict("softmax_kernels", lambda k: ops.softmax(ops.convert_to_tensor(k, "float32"), axis=(3, 4)))
    assert verdict("strided_convolution", lambda *args: convolve(*args).tolist())
    assert verdict("involution", lambda *args: ANSWERS["involution"](*args).astype("float32"))


def test_an_answer_may_change_its_arguments():
    def careless(k):
        k -= k.max((3, 4), keepdims=True)
        np.exp(k, out=k) if k.dtype == float else None
        k /= k.sum((3, 4), keepdims=True)
        return k

    assert verdict("softmax_kernels", careless)


def test_a_result_instead_of_the_function_is_told():
    assert "the function receptive_field(layers) itself" in verdict("receptive_field", 7).text


def test_the_solutions_agree_with_the_package():
    import keras

    from involution_utils import AttentionKernelGenerator, Involution2D, KernelGenerator, involution

    for c, k, g, r in ((3, 3, 1, 2), (6, 5, 2, 4), (2, 3, 1, 4)):
        layer = Involution2D(kernel_size=k, groups=g, reduction_ratio=r)
        layer.build((None, 8, 8, c))
        assert sum(math.prod(w.shape) for w in layer.trainable_weights) == involution_parameters(c, k, g, r)

    def ours(inputs, kernels, stride):
        pad = (kernels.shape[2] - 1) // 2
        tensors = [keras.ops.convert_to_tensor(a[None], "float32") for a in (inputs, kernels)]
        return involution(*tensors, strides=stride, padding=((pad, pad), (pad, pad)))[0]

    assert verdict("involution", ours)
    for c, k, g, r in ((8, 3, 2, 2), (64, 7, 4, 4)):
        generator = AttentionKernelGenerator(k, groups=g, reduction_ratio=r)
        generator.build((None, 8, 8, c))
        assert generator.count_params() == attention_parameters(c, k, g, r)
    for c, k, n, r in ((16, 3, 16, 4), (64, 7, 8, 2)):
        generator = KernelGenerator(k, groups=c // n, reduction_ratio=r, use_bias=False)
        generator.build((None, 8, 8, c))
        assert sum(math.prod(w.shape) for w in generator.trainable_weights) == operator_parameters(c, k, n, r)[2]

    model = keras.Sequential([keras.Input((32, 32, 32)), keras.layers.Conv2D(64, kernel_size=5)])
    assert verdict("parameter_count", model.count_params())


def test_a_fair_head_may_be_a_model_of_fixed_size_and_stays_as_it_was():
    model = classifier((32, 32))()
    before = model.get_weights()
    assert model.count_params() == 61_130
    assert verdict("fair_head", model)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


def test_other_heads_are_told_what_they_are():
    import keras

    assert "expected a Keras model" in verdict("fair_head", 3).text
    assert "has 1" in verdict("fair_head", keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])).text
    assert "expected 61,130 parameters, got" in verdict("fair_head", classifier(dense=65)).text
    assert "same layers" in verdict("fair_head", classifier(relu="tanh")).text
    assert verdict("fair_head", lambda: keras.Sequential(classifier()().layers))


def test_importing_the_module_does_not_import_keras():
    code = "import sys, involution_utils.exercises; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
