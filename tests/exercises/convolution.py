"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, right, solution

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


# Thought up afresh from the text of the exercises
for name, number, hint in [
    ("one_bias", 51_201, "what has one"),
    ("kernel_of_three", 64 * (32 * 9 + 1), "too small"),
    ("pairs", 32 * 64, "too small"),
    ("at_every_pixel", 51_264 * 32 * 32, "too large"),
    ("kernel_plus_channels", (25 + 32) * 64, "too small"),
    ("bias_per_weight", 2 * 51_200, "too large"),
    ("text", "51,264", "this is a str"),
]:
    mistake("parameter_count", hint, name)(number)

for name, hint, wrong in [
    ("from_zero", ", got 2,", lambda layers: backwards(layers) - 1),
    ("halves_doubled", ", got ", lambda layers: backwards([(k // 2 * 2 + 1, s) for k, s in layers])),
    ("last_layer_alone", ", got ", lambda layers: layers[-1][0]),
    ("first_layer_alone", ", got ", lambda layers: layers[0][0]),
    ("first_layer_forgotten", ", got ", lambda layers: backwards(layers[1:])),
    ("largest", ", got ", lambda layers: max(k for k, _ in layers)),
    ("with_the_step", "got a tuple", lambda layers: (backwards(layers), "pixels")),
    ("with_the_last_stride", ", got ", lambda layers: backwards(layers) + layers[-1][1] - 1),
    ("rows_times_columns", ", got 9,", lambda layers: backwards(layers) ** 2),
]:
    mistake("receptive_field", hint, name)(wrong)

right("receptive_field", "products")(
    lambda layers: 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers))
)
right("receptive_field", "recursion")(
    recursive := lambda ls: 1 if not ls else (recursive(ls[1:]) - 1) * ls[0][1] + ls[0][0]
)


@right("receptive_field")
def marked_pixels(layers):
    seen = {0}
    for kernel_size, stride in layers[::-1]:
        seen = {stride * i + u for i in seen for u in range(kernel_size)}
    return np.array(max(seen) + 1)


for name, hint, wrong in [
    ("mean", ", got ", lambda x, k, s: convolve(x, k, s) / k.size),
    ("one_late", "raised IndexError", lambda x, k, s: loops(x[1:, 1:], k, s, s, *valid(x, k, s))),
    ("dilated", ", got ", lambda x, k, s: convolve(x[::s, ::s], k, 1) if min(x[::s, ::s].shape) >= max(k.shape) else x),
    ("integers", ", got ", lambda x, k, s: convolve(x, k, s).astype(int)),
    ("relu", ", got ", lambda x, k, s: np.maximum(convolve(x, k, s), 0)),
    ("transposed_output", "expected numbers of shape", lambda x, k, s: convolve(x, k, s).T),
    (
        "square",
        "expected numbers of shape",
        lambda x, k, s: loops(x, k, s, s, *[(x.shape[0] - k.shape[0]) // s + 1] * 2),
    ),
    ("cut_to_stride", ", got ", lambda x, k, s: convolve(x[: x.shape[0] // s * s, : x.shape[1] // s * s], k, s)),
    ("whole_image", ", got ", lambda x, k, s: x.sum() * k.sum()),
]:
    mistake("strided_convolution", hint, name)(wrong)

right("strided_convolution", "lists")(lambda x, k, s: convolve(x, k, s).tolist())


@right("strided_convolution")
def correlate(image, kernel, stride):
    from scipy.signal import correlate2d

    return correlate2d(image, kernel, mode="valid")[::stride, ::stride]


@right("strided_convolution")
def keras_convolution(image, kernel, stride):
    from keras import ops

    image, kernel = ops.cast(image, "float32")[None, ..., None], ops.cast(kernel, "float32")[..., None, None]
    return ops.conv(image, kernel, stride, "valid")[0, ..., 0]


@right("strided_convolution")
def shifted_images(image, kernel, stride):
    rows, columns = valid(image, kernel, 1)
    taps = np.ndindex(kernel.shape)
    return sum(kernel[u, v] * image[u : u + rows : stride, v : v + columns : stride] for u, v in taps)


# The remaining variants of the hints
mistake("receptive_field", "all earlier strides", "strides_added")(
    lambda layers: 1 + sum((k - 1) * (1 + sum(s for _, s in layers[:i])) for i, (k, _) in enumerate(layers))
)
mistake("strided_convolution", "one axis only", "columns_of_the_right_size")(
    lambda x, k, s: loops(x, k, 1, s, *valid(x, k, s))
)
mistake("strided_convolution", "one axis only", "rows_strided_alone")(
    lambda x, k, s: loops(x, k, s, 1, valid(x, k, s)[0], valid(x, k, 1)[1])
)
