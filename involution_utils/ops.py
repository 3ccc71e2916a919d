"""Involution over 1, 2 or 3 spatial axes: a trilinear form and its derivatives.

With one kernel per position and group of channels, all that is computed here comes out of one form, summed over the
batch, positions i, taps u and channels c,

    T(inputs, kernels, outputs) = sum outputs[i, c] * kernels[i, u, group of c] * inputs[i * stride + u * dilation, c].

T is linear in each of the three. Its gradient with respect to `outputs` is involution. With an upstream gradient in the
role of `outputs`, its gradients with respect to `inputs` and `kernels` are the vector-Jacobian products (VJPs) of
involution. With queries in the role of `outputs`, its gradient with respect to `kernels` holds the scores of local
self-attention. Each gradient is bilinear in the two other tensors, so the VJPs of a gradient are gradients of T again.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from involution_utils import checks
from involution_utils.execution import plain_operations, run
from involution_utils.window import (
    Window,
    at_least_0,
    check_data_format,
    check_floating,
    check_input_shape,
    fits,
    is_known,
    window,
    wrong_shape,
)

__all__ = ["involution", "involution_of_flat_kernels", "plain_operations", "window_products"]

_TENSORS = ("inputs", "kernels", "outputs")


def involution(
    inputs: Any,
    kernels: Any,
    strides: int | tuple[int, ...] = 1,
    dilation_rate: int | tuple[int, ...] = 1,
    padding: str | tuple[tuple[int, int], ...] = "same",
    data_format: str | None = None,
) -> Any:
    """Apply a kernel of its own to every position of `inputs`: the paper's involution (section 3), kernels given.

    Group `g` owns the neighboring channels `g * C // G` to `(g + 1) * C // G - 1`, which share its kernel. The number
    of spatial axes, 1, 2 or 3, is read off the rank of `inputs`.

    Args:
        inputs: floating-point tensor of shape `(batch, *spatial, C)`, or `(batch, C, *spatial)` with
            `"channels_first"`.
        kernels: floating-point tensor of shape `(batch, *new_spatial, *kernel_size, G)` whatever the data format; G
            divides C.
        strides: positive integer or one per spatial axis, the step from one position of the output to the next.
        dilation_rate: positive integer or one per spatial axis, the step from one tap to the next; strides may exceed 1
            as well.
        padding: `"same"` and `"valid"` as in Keras's convolutions, or a pair `(before, after)` per spatial axis.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras's setting.

    Returns:
        Tensor of shape `(batch, *new_spatial, C)` (or channels first) and the dtype of `inputs`. Whatever that is, sums
        are formed in float32 at least.

    Raises:
        ParameterError: if an argument is out of its range or the shape of `kernels` does not fit that of `inputs`.
    """
    channels_first = check_data_format(data_format) == "channels_first"
    inputs, kernels = _tensor("inputs", inputs), _tensor("kernels", kernels)
    rank = len(inputs.shape) - 2
    if channels_first and rank > 0:
        inputs = ops.transpose(inputs, (0, *range(2, rank + 2), 1))
    check_input_shape(inputs.shape)
    if len(kernels.shape) != 2 * rank + 2:
        axes = f"batch, {rank} spatial axes, {rank} of the kernel, groups"
        raise wrong_shape(f"`kernels` must have rank {2 * rank + 2}: {axes}", "kernels", kernels.shape)
    kernel_size, groups = tuple(kernels.shape[rank + 1 : -1]), kernels.shape[-1]
    if None in (*kernel_size, groups) or 0 in (*kernel_size, groups):
        raise wrong_shape("`kernels` must have a known kernel size and number of groups", "kernels", kernels.shape)
    shape = window(kernel_size, strides, dilation_rate, padding, groups, rank)
    _check_channels(inputs.shape, groups)
    expected = (inputs.shape[0], *shape.output_sizes(tuple(inputs.shape[1:-1])), *kernel_size, groups)
    if not fits(kernels.shape, expected):
        settings = f"strides {shape.strides}, dilation rate {shape.dilation_rate} and padding {shape.padding!r}"
        raise wrong_shape(
            f"`kernels` must have shape {expected} for inputs of shape {tuple(inputs.shape)}, {settings}",
            "kernels",
            kernels.shape,
        )
    flat = ops.reshape(kernels, (*ops.shape(kernels)[: rank + 1], shape.values))  # (batch, *positions, taps * groups)
    outputs = involution_of_flat_kernels(inputs, flat, shape)
    return ops.transpose(outputs, (0, rank + 1, *range(1, rank + 1))) if channels_first else outputs


def involution_of_flat_kernels(inputs: Any, kernels: Any, window: Window) -> Any:
    """Compute `involution`, channels last, of kernels `(batch, *new_spatial, taps * groups)`; checks nothing."""
    form = _Gradient("outputs", window, tuple(ops.shape(inputs)[1:-1]), keras.backend.standardize_dtype(inputs.dtype))
    return run(form, inputs, kernels)


def window_products(
    queries: Any,
    inputs: Any,
    kernel_size: int | tuple[int, ...],
    groups: int = 1,
    strides: int | tuple[int, ...] = 1,
    dilation_rate: int | tuple[int, ...] = 1,
    padding: str | tuple[tuple[int, int], ...] = "same",
) -> Any:
    """Multiply the vector at each position of `queries` by those of `inputs` that its window sees, group by group.

    The result is the gradient of T with respect to `kernels`: the scores of local self-attention.

    Args:
        queries: floating-point tensor of shape `(batch, *new_spatial, C)`.
        inputs: tensor of shape `(batch, *spatial, C)` and the same dtype; outside of it there are zeros.
        kernel_size: positive integer or one per spatial axis, the size of the window.
        groups: into how many equal groups of neighboring channels the vectors are cut.
        strides: positive integer or one per spatial axis, the step from one position to the next.
        dilation_rate: positive integer or one per spatial axis, the step from one tap to the next.
        padding: as in `involution`.

    Returns:
        Tensor of shape `(batch, *new_spatial, *kernel_size, groups)`.

    Raises:
        ParameterError: if an argument is out of its range or the shapes do not fit.
    """
    queries, inputs = _tensor("queries", queries), _tensor("inputs", inputs)
    check_input_shape(inputs.shape)
    shape = window(kernel_size, strides, dilation_rate, padding, groups, len(inputs.shape) - 2)
    _check_channels(inputs.shape, shape.groups)
    expected = (inputs.shape[0], *shape.output_sizes(tuple(inputs.shape[1:-1])), inputs.shape[-1])
    if not fits(queries.shape, expected):
        message = f"`queries` must have shape {expected} for inputs of shape {tuple(inputs.shape)}"
        raise wrong_shape(message, "queries", queries.shape)
    flat = flat_window_products(queries, inputs, shape)
    return ops.reshape(flat, (*ops.shape(flat)[:-1], *shape.kernel_size, shape.groups))


def flat_window_products(queries: Any, inputs: Any, window: Window) -> Any:
    """Compute `window_products` as a tensor of shape `(batch, *new_spatial, taps * groups)`; checks nothing."""
    form = _Gradient("kernels", window, tuple(ops.shape(inputs)[1:-1]), keras.backend.standardize_dtype(queries.dtype))
    return run(form, inputs, queries)


@dataclasses.dataclass(frozen=True)
class _Gradient:
    """The gradient of T with respect to the tensor `wanted`: a bilinear form of the two others, in T's order."""

    wanted: str
    window: Window
    sizes: tuple  # the spatial sizes of `inputs`; tensors where they are unknown
    dtype: str  # of the result

    def __call__(self, first, second):
        """Compute it by operations that each store their result; the kernels are flat."""
        return self._cast_and_compute(_gradient_by_kernels, first, second)

    def fused(self, first, second):
        """Compute it for a compiler that fuses operations; the result still has to go through `flat`."""
        return self._cast_and_compute(_gradient_by_kernels_fused, first, second)

    def flat(self, result):
        """Reshape a gradient with respect to kernels, (batch, *positions, *kernel_size, groups), to flat kernels.

        XLA must not see it: it would fuse it with the sum over the channels, and no longer write that in vectors.
        """
        if self.wanted != "kernels":
            return result
        return ops.reshape(result, (*ops.shape(result)[: self.window.rank + 1], self.window.values))

    def _cast_and_compute(self, gradient_by_kernels, first, second):
        functions = {"outputs": _gradient_by_outputs, "kernels": gradient_by_kernels, "inputs": _gradient_by_inputs}
        dtypes = [keras.backend.standardize_dtype(x.dtype) for x in (first, second)]
        wide = "float64" if "float64" in dtypes else "float32"
        with keras.RematScope(mode=None):  # a layer is computed once more at most, not each of its operations too
            result = functions[self.wanted](self.window, self.sizes, ops.cast(first, wide), ops.cast(second, wide))
            return ops.cast(result, self.dtype)

    def gradients(self, first, second, upstream):
        """Return the VJPs for both arguments."""
        names = [name for name in _TENSORS if name != self.wanted]
        tensors = dict(zip(names, (first, second), strict=True)) | {self.wanted: upstream}
        found = []
        for name in names:
            dtype = keras.backend.standardize_dtype(tensors[name].dtype)
            known = (tensors[other] for other in _TENSORS if other != name)
            found.append(run(dataclasses.replace(self, wanted=name, dtype=dtype), *known))
        return found


def _gradient_by_outputs(window, sizes, inputs, kernels):
    """Involution: sum over the taps of what the tap sees times the kernels' value for it."""
    seen = _sight(window, sizes, ops.shape(kernels)[1:-1], inputs)
    total = 0
    for number, tap in enumerate(window.taps):
        total = total + _value(window, kernels, number) * seen(tap)  # (batch, *positions, groups, channels of a group)
    return _ungrouped(total)


def _gradient_by_kernels(window, sizes, inputs, outputs):
    """Tap by tap, the sum over the channels of a group of what the tap sees times `outputs`."""
    seen = _sight(window, sizes, ops.shape(outputs)[1:-1], inputs)
    outputs = _grouped(outputs, window)
    return ops.concatenate([ops.sum(seen(tap) * outputs, -1) for tap in window.taps], -1)


def _gradient_by_kernels_fused(window, sizes, inputs, outputs):
    """The same at once: all that the taps see times `outputs`, of which a compiler stores the sums alone.

    Sums of eight neighboring channels are formed first, as long as a vector of the processor. Axes but the last hold
    positions and taps as one, since TensorFlow broadcasts along few axes when it computes a Jacobian.
    """
    *positions, channels = ops.shape(outputs)[1:]
    per_group = channels // window.groups
    length = 8 if per_group % 8 == 0 else per_group
    seen, sizes_of_kernels = _padded(window, sizes, positions, inputs), []
    for number, (axis, n) in enumerate(zip(window.axes, positions, strict=True), start=1):
        where = ops.arange(n)[:, None] * axis.stride + ops.arange(axis.kernel_size) * axis.dilation
        last = number == window.rank
        seen = ops.take(seen, where if last else ops.reshape(where, (n * axis.kernel_size,)), number)
        outputs = ops.expand_dims(outputs, number + 1) if last else ops.repeat(outputs, axis.kernel_size, number)
        sizes_of_kernels += [n, axis.kernel_size]
    products = _split(seen, length) * _split(outputs, length)  # (batch, positions * taps, ..., vectors, channels)
    sums = _split(ops.sum(products, -1), per_group // length)  # (batch, positions * taps, ..., groups, vectors)
    total = sum(sums[..., part] for part in range(per_group // length))
    total = ops.reshape(total, (ops.shape(total)[0], *sizes_of_kernels, window.groups))
    rank = window.rank
    return ops.transpose(total, (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1))


def _gradient_by_inputs(window, sizes, kernels, outputs):
    """Scatter-add of the kernels' values times `outputs` into the positions that the taps see, written as sums.

    The padded input is cut into blocks of one stride. Tap u sees the same phase of all blocks, u * dilation % stride,
    and position i sees it in block i + u * dilation // stride. So each phase has taps of its own.
    """
    positions = ops.shape(kernels)[1:-1]
    spans = []  # per axis: its padding before, and its blocks from `first` on as many as `count`
    pads = []
    for axis, size, n in zip(window.axes, sizes, positions, strict=True):
        before = axis.before(size)
        first, last = before // axis.stride, (before + size - 1) // axis.stride
        margin = at_least_0((axis.extent - 1) // axis.stride - first)
        spans.append((before % axis.stride, margin + first, last + 1 - first))
        pads.append((margin, at_least_0(last + 1 - n)))
    kernels = ops.pad(kernels, [(0, 0), *pads, (0, 0)])
    outputs = ops.pad(_grouped(outputs, window), [(0, 0), *pads, (0, 0), (0, 0)])

    phases = {}
    for number, tap in enumerate(window.taps):
        blocks, phase = _blocks_and_phase(window, tap)
        where = (
            slice(None),
            *(slice(start - q, start - q + n) for q, (_, start, n) in zip(blocks, spans, strict=True)),
        )
        phases[phase] = phases.get(phase, 0) + _value(window, kernels[where], number) * outputs[where]
    phases = {phase: _ungrouped(total) for phase, total in phases.items()}  # (batch, *blocks, channels)
    zeros = ops.zeros_like(phases[(0,) * window.rank])
    image = _interleaved(window, lambda phase: phases.get(phase, zeros))
    crop = (slice(offset, offset + size) for (offset, _, _), size in zip(spans, sizes, strict=True))
    return image[:, *crop]


def _padded(window, sizes, positions, inputs):
    """Pad `inputs` with the zeros that the windows of all `positions` see."""
    pads = []
    for axis, size, n in zip(window.axes, sizes, positions, strict=True):
        before = axis.before(size)
        pads.append((before, at_least_0((n - 1) * axis.stride + axis.extent - before - size)))
    return ops.pad(inputs, [(0, 0), *pads, (0, 0)])


def _sight(window, sizes, positions, inputs):
    """Return a function from a tap to what it sees: (batch, *positions, groups, channels of a group)."""
    padded = _grouped(_padded(window, sizes, positions, inputs), window)

    def seen(tap):
        every_stride = (slice(u * axis.dilation, None, axis.stride) for u, axis in zip(tap, window.axes, strict=True))
        view = padded[:, *every_stride]
        if all(map(is_known, positions)):
            return view[:, *map(slice, positions)]
        shape = ops.shape(padded)
        return ops.slice(view, (0,) * len(shape), (shape[0], *positions, *shape[-2:]))

    return seen


def _value(window, kernels, number):
    """Return what the kernels have for tap `number`: (batch, *positions, groups, 1)."""
    own = (*(slice(None),) * (window.rank + 1), slice(number * window.groups, (number + 1) * window.groups))
    return ops.expand_dims(kernels[own], -1)


def _blocks_and_phase(window, tap):
    """Return, per axis, how many strides tap `tap` lies behind its position, and how far behind that."""
    return zip(*(divmod(u * axis.dilation, axis.stride) for u, axis in zip(tap, window.axes, strict=True)), strict=True)


def _interleaved(window, part, phase=()):
    """Put (batch, *blocks, channels) of each phase side by side: (batch, *blocks times stride, channels)."""
    if len(phase) == window.rank:
        return part(phase)
    axis, stride = len(phase) + 1, window.strides[len(phase)]
    parts = [_interleaved(window, part, (*phase, number)) for number in range(stride)]
    if stride == 1:
        return parts[0]
    stacked = ops.stack(parts, axis + 1)  # (..., blocks, stride, ...)
    before, (blocks, _), after = (
        ops.shape(stacked)[:axis],
        ops.shape(stacked)[axis : axis + 2],
        ops.shape(stacked)[axis + 2 :],
    )
    return ops.reshape(stacked, (*before, blocks * stride, *after))


def _grouped(x, window):
    """Reshape (..., channels) to (..., groups, channels of a group)."""
    return _split(x, x.shape[-1] // window.groups)


def _split(x, length):
    """Reshape (..., channels) to (..., channels // length, length)."""
    *others, channels = ops.shape(x)
    return ops.reshape(x, (*others, channels // length, length))


def _ungrouped(x):
    """Reshape (..., groups, channels of a group) to (..., channels)."""
    *others, groups, channels = ops.shape(x)
    return ops.reshape(x, (*others, groups * channels))


def _tensor(name, value):
    value = ops.convert_to_tensor(value)
    check_floating(keras.backend.standardize_dtype(value.dtype), name)
    return value


def _check_channels(shape, groups):
    if shape[-1] % groups:
        raise checks.ParameterError(
            f"`groups` must divide the {shape[-1]} channels of `inputs`. Received: groups={groups}"
        )
