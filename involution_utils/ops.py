"""The arithmetic of involution: one kernel per place and group, applied as a multiply-add per tap of the kernels.

Involution, its two gradients and their gradients in turn all come out of one sum over places i, taps u and channels c,

    T(inputs, kernels, outputs) = sum outputs[i, c] * kernels[i, u, group of c] * inputs[i * stride + u * dilation, c],

which is linear in each of the three. Its derivative by `outputs` is involution. Given the gradient of a loss in the
place of `outputs`, its derivatives by `inputs` and by `kernels` are the gradients of that loss. As each derivative is
linear in the other two tensors, its gradients are derivatives of T again: `_derivative` serves to any order.
"""

import functools
from typing import NamedTuple

import keras
from keras import ops


class _Window(NamedTuple):
    """What the kernels are and where they lie; pairs are (vertical, horizontal)."""

    kernel_size: tuple
    groups: int
    strides: tuple
    dilation: tuple
    padding: object


def involution(inputs, kernels, strides=1, dilation_rate=1, padding="same", data_format=None):
    """Apply to every place of `inputs` the kernels made for it: the paper's involution (section 3), kernels given.

    Group `g` owns the neighbouring channels `g * C // G` to `(g + 1) * C // G - 1`, which share its kernel.

    Args:
        inputs: floating-point tensor of shape `(batch, H, W, C)`, or `(batch, C, H, W)` with `"channels_first"`.
        kernels: floating-point tensor of shape `(batch, H', W', K_h, K_w, G)` whatever the data format; G divides C.
        strides: positive integer or pair, the step from one place of the output to the next.
        dilation_rate: positive integer or pair, the step from one tap to the next; strides may exceed 1 as well.
        padding: `"same"` and `"valid"` as in `keras.layers.Conv2D`, or `((top, bottom), (left, right))` in pixels.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras's setting.

    Returns:
        Tensor of shape `(batch, H', W', C)` (or channels first) and the type of `inputs`. Whatever that is, sums are
        formed in float32 at least.

    Raises:
        ValueError: if an argument is out of its range or the shape of `kernels` does not fit that of `inputs`.
    """
    strides = standardize_pair(strides, "strides")
    dilation = standardize_pair(dilation_rate, "dilation_rate")
    padding = standardize_padding(padding)
    channels_first = standardize_data_format(data_format) == "channels_first"
    inputs, kernels = ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernels)
    if channels_first and len(inputs.shape) == 4:
        inputs = ops.transpose(inputs, (0, 2, 3, 1))
    _check_shapes(inputs, kernels, strides, dilation, padding)

    window = _Window(tuple(kernels.shape[3:5]), kernels.shape[5], strides, dilation, padding)
    outputs = _derivative("outputs", {"inputs": inputs, "kernels": kernels}, window)
    return ops.transpose(outputs, (0, 3, 1, 2)) if channels_first else outputs


def window_products(queries, inputs, kernel_size, groups=1, strides=1, dilation_rate=1, padding="same"):
    """Multiply the vector at each place of `queries` by those of `inputs` that its window sees, group by group.

    The result is the derivative of T by `kernels`; as the scores of local self-attention it is used on the way forward.

    Args:
        queries: floating-point tensor of shape `(batch, H', W', C)`.
        inputs: tensor of shape `(batch, H, W, C)` and the same type; outside the image it is zero.
        kernel_size: positive integer or pair, the size of the window.
        groups: into how many equal groups of neighbouring channels the vectors are cut.
        strides: positive integer or pair, the step from one place to the next.
        dilation_rate: positive integer or pair, the step from one tap to the next.
        padding: as in `involution`.

    Returns:
        Tensor of shape `(batch, H', W', K_h, K_w, groups)`.

    Raises:
        ValueError: if an argument is out of its range or the shapes do not fit.
    """
    pairs = {"kernel_size": kernel_size, "strides": strides, "dilation_rate": dilation_rate}
    size, strides, dilation = (standardize_pair(pair, name) for name, pair in pairs.items())
    padding, queries, inputs = (
        standardize_padding(padding),
        ops.convert_to_tensor(queries),
        ops.convert_to_tensor(inputs),
    )
    window = _Window(size, groups, strides, dilation, padding)
    kernels = ops.zeros((*ops.shape(queries)[:3], *size, groups), queries.dtype)
    _check_shapes(inputs, kernels, strides, dilation, padding)
    if queries.shape[-1] != inputs.shape[-1]:
        raise ValueError(
            f"`queries` of shape {tuple(queries.shape)} and `inputs` of shape {tuple(inputs.shape)} must have the same "
            "number of channels."
        )
    return _derivative("kernels", {"inputs": inputs, "outputs": queries, "kernels": kernels}, window)


def _derivative(wanted, tensors, window):
    """Differentiate T by the tensor called `wanted`; of that tensor itself, only shape and type matter."""
    known = [name for name in ("inputs", "kernels", "outputs") if name != wanted]
    names = known if wanted == "outputs" else [*known, wanted]
    backend = keras.backend.backend()
    compiled = _compiled(wanted, window, backend, tuple(tuple(tensors[name].shape) for name in names))
    if backend == "torch":  # its own automatic gradients do as well
        return compiled(*(tensors[name] for name in names))

    @ops.custom_gradient
    def derivative(*arguments):
        def gradient(*upstream_args, upstream=None):
            (upstream,) = upstream_args or (upstream,)
            all_three = dict(zip(names, arguments, strict=True)) | {wanted: upstream}
            by_known = [_derivative(name, all_three, window) for name in known]
            return *by_known, *map(ops.zeros_like, arguments[2:])

        return compiled(*arguments), gradient

    return derivative(*(tensors[name] for name in names))


@functools.cache
def _compiled(wanted, window, backend, shapes):
    """Make one operation of the sum for `wanted`, by XLA where the backend has it.

    There is one for each combination of `shapes`: a `tf.function` that met many would warn of retracing.
    """
    function = functools.partial({"outputs": _to_outputs, "inputs": _to_inputs, "kernels": _to_kernels}[wanted], window)
    if backend == "jax":
        import jax

        return jax.jit(function)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=_xla_works(), autograph=False)
    return function


@functools.cache
def _xla_works():
    """Whether this TensorFlow can compile with XLA; builds for some platforms leave it out."""
    import tensorflow as tf

    with tf.init_scope():
        try:
            tf.function(lambda: tf.zeros(1) + 1, jit_compile=True)()
        except (tf.errors.OpError, NotImplementedError, ValueError):
            return False
    return True


def _to_outputs(window, inputs, kernels):
    """Involution: add up, tap by tap, the shifted image times that tap of the kernels."""
    image = _padded(inputs, kernels, window)
    places, wide = ops.shape(kernels)[1:3], ops.cast(kernels, image.dtype)
    total = 0
    for u, v in _taps(window):
        seen = [
            slice(tap * d, tap * d + (n - 1) * s + 1, s)
            for tap, d, n, s in zip((u, v), window.dilation, places, window.strides, strict=True)
        ]
        total = total + wide[:, :, :, u, v, :, None] * image[:, seen[0], seen[1]]
    return ops.cast(_ungrouped(total), inputs.dtype)


def _to_kernels(window, inputs, outputs, kernels):
    """Multiply what each tap sees by `outputs` and add up the channels of a group."""
    seen = _padded(inputs, kernels, window)
    for axis, size, dilation, stride, n in zip(
        (1, 3), window.kernel_size, window.dilation, window.strides, ops.shape(kernels)[1:3], strict=True
    ):
        seen = ops.take(seen, ops.arange(n)[:, None] * stride + ops.arange(size) * dilation, axis)
    # (batch, row, tap row, column, tap column, group, channel): XLA never stores it, but fuses it into the sum.
    products = seen * _grouped(ops.cast(outputs, seen.dtype), window)[:, :, None, :, None]
    return ops.cast(ops.transpose(ops.sum(products, -1), (0, 1, 3, 2, 4, 5)), kernels.dtype)


def _to_inputs(window, kernels, outputs, inputs):
    """Bring back to each pixel what the taps that see it made of it.

    The padded image is cut into blocks of one stride. Tap u sees the same pixel, number u * dilation % stride, of all
    blocks, and the place i sees it in block i + u * dilation // stride. So each pixel of a block has taps of its own.
    """
    dtype = _wide_dtype(inputs, kernels)
    before, after, starts, counts = [], [], [], []
    extents, tops = _extents(window), _pads_before(inputs, window)
    for size, places, stride, extent, top in zip(
        ops.shape(inputs)[1:3], ops.shape(kernels)[1:3], window.strides, extents, tops, strict=True
    ):
        first, last = top // stride, (top + size - 1) // stride
        before.append(_at_least_0((extent - 1) // stride - first))
        after.append(_at_least_0(last + 1 - places))
        starts.append(before[-1] + first)
        counts.append(last + 1 - first)
    pads = [(0, 0), *zip(before, after, strict=True), (0, 0), (0, 0)]
    kernels = ops.pad(ops.cast(kernels, dtype), [*pads, (0, 0)])
    outputs = ops.pad(_grouped(ops.cast(outputs, dtype), window), pads)

    pixels = {}
    for u, v in _taps(window):
        (row, a), (column, b) = (
            divmod(tap * d, s) for tap, d, s in zip((u, v), window.dilation, window.strides, strict=True)
        )
        rows = slice(starts[0] - row, starts[0] - row + counts[0])
        columns = slice(starts[1] - column, starts[1] - column + counts[1])
        product = kernels[:, rows, columns, u, v, :, None] * outputs[:, rows, columns]
        pixels[a, b] = pixels.get((a, b), 0) + product
    nothing, (s_h, s_w) = ops.zeros_like(pixels[0, 0]), window.strides
    blocks = ops.stack([ops.stack([pixels.get((a, b), nothing) for b in range(s_w)], 3) for a in range(s_h)], 2)
    image = ops.reshape(blocks, (ops.shape(blocks)[0], counts[0] * s_h, counts[1] * s_w, *ops.shape(blocks)[5:]))
    (top, left), (height, width) = [t % s for t, s in zip(tops, window.strides, strict=True)], ops.shape(inputs)[1:3]
    return ops.cast(_ungrouped(image[:, top : top + height, left : left + width]), inputs.dtype)


def _padded(inputs, kernels, window):
    """Pad, or crop, `inputs` to just what the taps see; channels as (group, channel)."""
    tops, pads = _pads_before(inputs, window), [(0, 0)]
    totals = [
        (n - 1) * s + extent
        for n, s, extent in zip(ops.shape(kernels)[1:3], window.strides, _extents(window), strict=True)
    ]
    image = inputs[:, : totals[0] - tops[0], : totals[1] - tops[1]]
    pads += [(top, n - top - size) for top, n, size in zip(tops, totals, ops.shape(image)[1:3], strict=True)]
    return ops.pad(_grouped(ops.cast(image, _wide_dtype(inputs, kernels)), window), [*pads, (0, 0), (0, 0)])


def _pads_before(inputs, window):
    """The rows of zeros above and the columns of zeros left of the image."""
    if window.padding == "valid":
        return 0, 0
    if window.padding != "same":
        return tuple(pair[0] for pair in window.padding)
    totals = [
        extent - (s if s == 1 else s - -size % s)
        for size, s, extent in zip(ops.shape(inputs)[1:3], window.strides, _extents(window), strict=True)
    ]
    return tuple(_at_least_0(total) // 2 for total in totals)


def _extents(window):
    return [(k - 1) * d + 1 for k, d in zip(window.kernel_size, window.dilation, strict=True)]


def _taps(window):
    return [(u, v) for u in range(window.kernel_size[0]) for v in range(window.kernel_size[1])]


def _at_least_0(n):
    return max(n, 0) if is_integer(n) else ops.maximum(n, 0)


def _wide_dtype(inputs, kernels):
    dtypes = [keras.backend.standardize_dtype(tensor.dtype) for tensor in (inputs, kernels)]
    return "float64" if "float64" in dtypes else "float32"


def _grouped(x, window):
    *places, channels = ops.shape(x)
    return ops.reshape(x, (*places, window.groups, channels // window.groups))


def _ungrouped(x):
    *places, groups, channels = ops.shape(x)
    return ops.reshape(x, (*places, groups * channels))


def output_sizes(sizes, kernel_size, strides, dilation_rate, padding):
    """Return height and width of the output, None where that of the input is None; refuse images that are too small."""
    found = []
    for axis, (size, kernel, stride, dilation) in enumerate(
        zip(sizes, kernel_size, strides, dilation_rate, strict=True)
    ):
        if size is None or padding == "same":
            found.append(None if size is None else -(-size // stride))
        else:
            padded = size + (0 if padding == "valid" else sum(padding[axis]))
            found.append((padded - (kernel - 1) * dilation - 1) // stride + 1)
    if any(is_integer(n) and n <= 0 for n in found):
        raise ValueError(
            f"`inputs` of height and width {tuple(sizes)} are smaller than the window of kernels {tuple(kernel_size)} "
            f'with dilation {dilation_rate} and padding {padding!r}: use padding="same" or a larger image.'
        )
    return tuple(found)


def standardize_pair(value, name):
    """Return `value`, a positive integer or two of them, as a pair."""
    pair = (value, value) if is_integer(value) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(is_integer(n) and n > 0 for n in pair):
        raise ValueError(f"`{name}` must be a positive integer or a pair of them, not {value!r}.")
    return tuple(int(n) for n in pair)


def standardize_padding(padding):
    """Return `padding` as "same", "valid" or ((top, bottom), (left, right))."""
    if isinstance(padding, str) and padding.lower() in ("same", "valid"):
        return padding.lower()
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        top = None
    if top is None or not all(is_integer(n) and n >= 0 for n in (top, bottom, left, right)):
        raise ValueError(
            f'`padding` must be "same", "valid" or ((top, bottom), (left, right)) in whole pixels, not {padding!r}.'
        )
    return (int(top), int(bottom)), (int(left), int(right))


def standardize_data_format(data_format):
    """Return `data_format`, or Keras's own where it is None."""
    data_format = keras.config.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'`data_format` must be "channels_last", "channels_first" or None, not {data_format!r}.')
    return data_format


def is_integer(value):
    """Whether `value` is a whole number (True and False are not)."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _check_shapes(inputs, kernels, strides, dilation, padding):
    """Raise a ValueError where `kernels` do not fit `inputs` (channels last)."""
    if len(inputs.shape) != 4:
        raise ValueError(
            f"`inputs` must have rank 4, (batch, height, width, channels), not shape {tuple(inputs.shape)}."
        )
    if len(kernels.shape) != 6:
        raise ValueError(
            "`kernels` must have rank 6, (batch, height, width, kernel height, kernel width, groups), "
            f"not shape {tuple(kernels.shape)}."
        )
    for name, tensor in (("inputs", inputs), ("kernels", kernels)):
        if "float" not in keras.backend.standardize_dtype(tensor.dtype):
            raise ValueError(f"`{name}` must hold floating-point numbers, not {tensor.dtype}: cast it first.")
    batch, *sizes, channels = inputs.shape
    k_batch, *places, k_h, k_w, groups = kernels.shape
    if None in (channels, k_h, k_w, groups):
        raise ValueError(
            "The channels of `inputs` and the last three sizes of `kernels` must be known, "
            f"not {tuple(inputs.shape)} and {tuple(kernels.shape)}."
        )
    if 0 in (channels, k_h, k_w, groups) or channels % groups:
        raise ValueError(
            f"`kernels` of shape {tuple(kernels.shape)} hold {groups} groups, which must divide "
            f"the {channels} channels of `inputs`."
        )
    expected = (batch, *output_sizes(sizes, (k_h, k_w), strides, dilation, padding))
    if any(None not in pair and pair[0] != pair[1] for pair in zip(expected, (k_batch, *places), strict=True)):
        raise ValueError(
            f"`kernels` have shape {tuple(kernels.shape)}, but `inputs` of shape {tuple(inputs.shape)} with strides "
            f"{strides}, dilation {dilation} and padding {padding!r} need {(*expected, k_h, k_w, groups)}."
        )
