"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, solution

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


@mistake("receptive_field", "all earlier strides")
def common_multiple(layers):
    field = step = 1
    for k, s in layers:
        field, step = field + (k - 1) * step, math.lcm(step, s)
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
    return loops(image, kernel, stride, 1, valid(image, kernel, stride)[0], valid(image, kernel, 1)[1])


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
