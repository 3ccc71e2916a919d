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

from involution_utils.execution import run
from involution_utils.window import (
    Window,
    at_least_0,
    check_data_format,
    check_floating,
    check_input_shape,
    check_shape,
    window,
    wrong_shape,
)


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
        inputs: floating-point tensor of shape `(batch, *spatial, C)` (or channels first).
        kernels: floating-point `(batch, *new_spatial, *kernel_size, G)` whatever the data format; G divides C.
        strides: positive integer or one per spatial axis, the step from one position of the output to the next.
        dilation_rate: positive integer or one per spatial axis, the step between taps, whatever the strides.
        padding: `"same"` and `"valid"` as in Keras's convolutions, or a pair `(before, after)` per spatial axis.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras's setting.

    Returns:
        Tensor of shape `(batch, *new_spatial, C)` (or channels first), dtype as `inputs`; sums are float32 or wider.

    Raises:
        ParameterError: if an argument is out of its range or the shape of `kernels` does not fit that of `inputs`.
    """
    channels_first = check_data_format(data_format) == "channels_first"
    inputs, kernels = _tensor("inputs", inputs), _tensor("kernels", kernels)
    rank = len(inputs.shape) - 2
    if channels_first and rank > 0:
        inputs = ops.moveaxis(inputs, 1, -1)
    check_input_shape(inputs.shape)
    if len(kernels.shape) != 2 * rank + 2 or not all(kernels.shape[rank + 1 :]):
        axes = f"batch, {rank} spatial axes, then sizes that are known: {rank} of the kernel, groups"
        raise wrong_shape(f"`kernels` must have rank {2 * rank + 2}: {axes}", "kernels", kernels.shape)
    shape = window(kernels.shape[rank + 1 : -1], strides, dilation_rate, padding, kernels.shape[-1], rank)
    _check_fit(shape, inputs, "kernels", kernels, (*shape.kernel_size, shape.groups))
    flat = ops.reshape(kernels, (*ops.shape(kernels)[: rank + 1], shape.values))  # (batch, *positions, taps * groups)
    outputs = involution_of_flat_kernels(inputs, flat, shape)
    return ops.moveaxis(outputs, -1, 1) if channels_first else outputs


def involution_of_flat_kernels(inputs: Any, kernels: Any, window: Window) -> Any:
    """Compute `involution`, channels last, of kernels `(batch, *new_spatial, taps * groups)`; checks nothing."""
    return run(_Gradient("outputs", window, tuple(ops.shape(inputs)[1:-1]), _dtype(inputs)), inputs, kernels)


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
    _check_fit(shape, inputs, "queries", queries, (inputs.shape[-1],))
    flat = flat_window_products(queries, inputs, shape)
    return ops.reshape(flat, (*ops.shape(flat)[:-1], *shape.kernel_size, shape.groups))


def flat_window_products(queries: Any, inputs: Any, window: Window) -> Any:
    """Compute `window_products` as a tensor of shape `(batch, *new_spatial, taps * groups)`; checks nothing."""
    return run(_Gradient("kernels", window, tuple(ops.shape(inputs)[1:-1]), _dtype(queries)), inputs, queries)


@dataclasses.dataclass(frozen=True)
class _Gradient:
    """The gradient of T with respect to the tensor `wanted`: a bilinear form of the two others, in T's order."""

    wanted: str
    window: Window
    sizes: tuple  # the spatial sizes of `inputs`; tensors where they are unknown
    dtype: str  # of the result

    def __call__(self, first, second, fused=False):
        """Compute it; if a compiler will fuse its operations (`fused`), the result still has to go through `flat`."""
        by_kernels = _gradient_by_kernels_fused if fused else _gradient_by_kernels
        gradient = {"outputs": _gradient_by_outputs, "kernels": by_kernels, "inputs": _gradient_by_inputs}[self.wanted]
        wide = "float64" if "float64" in map(_dtype, (first, second)) else "float32"
        with keras.RematScope(mode=None):  # a layer is computed once more at most, not each of its operations too
            first, second = ops.cast(first, wide), ops.cast(second, wide)
            return ops.cast(gradient(self.window, self.sizes, first, second), self.dtype)

    def flat(self, result):
        """Reshape a gradient with respect to kernels, (batch, *positions, *kernel_size, groups), to flat kernels.

        XLA must not see it: it would fuse it with the sum over the channels, and no longer write that in vectors.
        """
        if self.wanted != "kernels":
            return result
        return ops.reshape(result, (*ops.shape(result)[: self.window.rank + 1], self.window.values))

    def gradients(self, first, second, upstream):
        """Return the VJPs for both arguments."""
        tensors = dict.fromkeys(("inputs", "kernels", "outputs"), upstream)
        names = [name for name in tensors if name != self.wanted]
        tensors.update(zip(names, (first, second), strict=True))
        forms = [dataclasses.replace(self, wanted=name, dtype=_dtype(tensors[name])) for name in names]
        return [run(form, *(tensors[name] for name in tensors if name != form.wanted)) for form in forms]


def _gradient_by_outputs(window, sizes, inputs, kernels):
    """Involution: sum over the taps of what the tap sees times the kernels' value for it."""
    views = _views(window, sizes, ops.shape(kernels)[1:-1], inputs)
    return _ungrouped(sum(_value(window, kernels, number) * view for number, view in enumerate(views)))


def _gradient_by_kernels(window, sizes, inputs, outputs):
    """Tap by tap, the sum over the channels of a group of what the tap sees times `outputs`."""
    views = _views(window, sizes, ops.shape(outputs)[1:-1], inputs)
    outputs = _grouped(outputs, window)
    return ops.concatenate([ops.sum(view * outputs, -1) for view in views], -1)


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
    spans, pads = [], []  # per axis: its padding before, its first block, how many; what its positions lack of them
    for axis, size, n in zip(window.axes, sizes, positions, strict=True):
        before = axis.before(size)
        first, last = before // axis.stride, (before + size - 1) // axis.stride
        margin = at_least_0((axis.extent - 1) // axis.stride - first)
        spans.append((before % axis.stride, margin + first, last + 1 - first))
        pads.append((margin, at_least_0(last + 1 - n)))
    kernels = ops.pad(kernels, [(0, 0), *pads, (0, 0)])
    outputs = ops.pad(_grouped(outputs, window), [(0, 0), *pads, (0, 0), (0, 0)])

    phases = {}
    for number, offset in enumerate(window.offsets):
        blocks, phase = zip(*map(divmod, offset, window.strides), strict=True)
        axes = zip(blocks, spans, strict=True)
        where = (slice(None), *(slice(first - back, first - back + n) for back, (_, first, n) in axes))
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


def _views(window, sizes, positions, inputs):
    """Yield what each tap sees: (batch, *positions, groups, channels of a group)."""
    padded = _grouped(_padded(window, sizes, positions, inputs), window)
    for offset in window.offsets:
        axes = zip(offset, window.strides, positions, strict=True)
        yield padded[:, *(slice(start, start + (n - 1) * stride + 1, stride) for start, stride, n in axes)]


def _value(window, kernels, number):
    """Return what the kernels have for tap `number`: (batch, *positions, groups, 1)."""
    own = (*(slice(None),) * (window.rank + 1), slice(number * window.groups, (number + 1) * window.groups))
    return ops.expand_dims(kernels[own], -1)


def _interleaved(window, part, phase=()):
    """Put (batch, *blocks, channels) of each phase side by side: (batch, *blocks times stride, channels)."""
    if len(phase) == window.rank:
        return part(phase)
    axis, stride = len(phase) + 1, window.strides[len(phase)]
    parts = [_interleaved(window, part, (*phase, number)) for number in range(stride)]
    if stride == 1:
        return parts[0]
    shape = ops.shape(parts[0])
    return ops.reshape(ops.stack(parts, axis + 1), (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))


def _grouped(x, window):
    """Reshape (..., channels) to (..., groups, channels of a group)."""
    return _split(x, x.shape[-1] // window.groups)


def _split(x, length):
    """Reshape (..., channels) to (..., channels // length, length)."""
    return ops.reshape(x, (*ops.shape(x)[:-1], x.shape[-1] // length, length))


def _ungrouped(x):
    """Reshape (..., groups, channels of a group) to (..., channels)."""
    return ops.reshape(x, (*ops.shape(x)[:-2], x.shape[-2] * x.shape[-1]))


def _dtype(x):
    return keras.backend.standardize_dtype(x.dtype)


def _tensor(name, value):
    value = ops.convert_to_tensor(value)
    check_floating(_dtype(value), name)
    return value


def _check_fit(window, inputs, name, tensor, at_each_position):
    """Raise a `ParameterError` unless `tensor` has shape (batch, *positions, *at_each_position)."""
    shape = tuple(inputs.shape)
    window.check_channels(shape[-1])
    expected = (shape[0], *window.output_sizes(shape[1:-1]), *at_each_position)
    settings = f"strides {window.strides}, dilation rate {window.dilation_rate} and padding {window.padding!r}"
    rule = f"`{name}` must have shape {expected} for inputs of shape {shape}, {settings}"
    check_shape(name, tensor.shape, expected, rule)
