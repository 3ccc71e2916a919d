"""The window of an operation: its size, and how it moves over the positions of an input of 1, 2 or 3 spatial axes."""

import itertools
import math
from typing import Any, NamedTuple

import keras

from involution_utils import checks

AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


class Axis(NamedTuple):
    """The window along one spatial axis; `padding` is (before, after) in positions, or None for Keras's "same"."""

    kernel_size: int
    stride: int
    dilation: int
    padding: tuple[int, int] | None

    @property
    def extent(self) -> int:
        """How many positions the window spans."""
        return (self.kernel_size - 1) * self.dilation + 1

    def before(self, size: Any) -> Any:
        """The zeros before an axis of `size`, a number, or a tensor where it is unknown while a graph is traced."""
        if self.padding is not None:
            return self.padding[0]
        total = self.extent - 1 if self.stride == 1 else self.extent - self.stride + self.missing(size)
        return (total if self.extent >= self.stride else at_least_0(total)) // 2

    def missing(self, size: Any) -> Any:
        """How many positions an axis of `size` lacks to be a multiple of the stride.

        Here and elsewhere no negative number is divided: ONNX truncates where Python rounds down.
        """
        return self.stride - 1 - (size + self.stride - 1) % self.stride

    def positions(self, size: Any) -> Any:
        """How many positions an axis of `size` has after the operation."""
        if self.padding is None:
            return (size + self.stride - 1) // self.stride
        return (size + sum(self.padding) - self.extent) // self.stride + 1


class Window(NamedTuple):
    """The window along all spatial axes, and how many groups of channels have a kernel of their own.

    Along every axis, tap `u` of position `i` sees the input at `i * stride + u * dilation - padding before`.
    """

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str | tuple[tuple[int, int], ...]
    groups: int

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.kernel_size)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The window along each axis."""
        pads: Any = {"same": (None,) * self.rank, "valid": ((0, 0),) * self.rank}.get(str(self.padding), self.padding)
        return tuple(map(Axis, self.kernel_size, self.strides, self.dilation_rate, pads))

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """How far each tap of a kernel lies behind its first, the last axis fastest."""
        return list(itertools.product(*(range(0, axis.extent, axis.dilation) for axis in self.axes)))

    @property
    def values(self) -> int:
        """How many values the kernels of one position have, all groups together."""
        return math.prod(self.kernel_size) * self.groups

    def check_channels(self, channels: int, of: str = "") -> None:
        """Raise a `ParameterError` unless the groups divide the `channels` of the inputs."""
        if channels % self.groups:
            raise checks.ParameterError(
                f"`groups` {of}must divide the {channels} channels of `inputs`. Received: groups={self.groups}"
            )

    def output_sizes(self, sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the spatial sizes after the operation, None where that of the inputs is None.

        Raises:
            ParameterError: if the window does not fit once into an input of these `sizes`.
        """
        pairs = zip(self.axes, sizes, strict=True)
        found = tuple(None if size is None else axis.positions(size) for axis, size in pairs)
        if any(n is not None and is_known(n) and n <= 0 for n in found):
            shape = f"kernel size {self.kernel_size} with dilation {self.dilation_rate} and padding {self.padding!r}"
            rule = f'`inputs` must be as large as the window, {shape}, or use padding="same"'
            raise checks.ParameterError(f"{rule}. Received: inputs of spatial sizes {tuple(sizes)}")
        return found


def window(kernel_size: Any, strides: Any, dilation_rate: Any, padding: Any, groups: Any, rank: int) -> Window:
    """Return the `Window` over `rank` axes of these arguments, each checked; a number stands for every axis."""
    numbers = {"kernel_size": kernel_size, "strides": strides, "dilation_rate": dilation_rate}
    sizes: Any = {name: checks.whole_numbers(name, value, rank) for name, value in numbers.items()}
    return Window(**sizes, padding=_padding(padding, rank), groups=checks.whole_number("groups", groups))


def _padding(value, rank):
    if isinstance(value, str) and value.lower() in ("same", "valid"):
        return value.lower()
    try:
        pads = tuple(checks.whole_numbers("padding", tuple(pair), 2, 0) for pair in value)
    except (TypeError, checks.ParameterError):
        pads = ()
    if len(pads) != rank:
        pairs = ", ".join(["(before, after)"] * rank) + ("," if rank == 1 else "")
        raise checks.error("padding", f'"same", "valid" or ({pairs}) in whole numbers of positions', value)
    return pads


def check_data_format(value: Any) -> str:
    """Return `value`, or Keras's own data format where it is None."""
    if value is None:
        return keras.config.image_data_format()
    return checks.choice("data_format", value, ("channels_last", "channels_first", None))


def check_input_shape(shape: Any, rank: int | None = None, of: str = "") -> None:
    """Raise a `ParameterError` if `shape`, channels last, is not that of inputs of `rank` (or 1 to 3) spatial axes."""
    if len(shape) - 2 not in (AXES if rank is None else (rank,)):
        axes = f"{rank + 2}: batch, {AXES[rank]}" if rank else "3, 4 or 5: batch, 1 to 3 spatial axes"
        raise wrong_shape(f"`inputs` {of}must have rank {axes}, channels", "inputs", shape)
    if not shape[-1]:
        raise wrong_shape(f"`inputs` {of}must have a known number of channels, at least 1", "inputs", shape)


def check_floating(dtype: str, name: str = "inputs", of: str = "") -> None:
    """Raise a `ParameterError` unless `dtype` is one of floating-point numbers."""
    if "float" not in dtype:
        raise checks.ParameterError(
            f"`{name}` {of}must hold floating-point numbers; cast it first. Received: {name} of dtype {dtype}"
        )


def check_shape(name: str, shape: Any, expected: tuple[int | None, ...], rule: str) -> None:
    """Raise a `ParameterError` that says `rule` unless `shape` may be `expected`, as far as sizes are known."""
    known = (pair for pair in zip(shape, expected, strict=False) if all(map(is_known, pair)))
    if len(shape) != len(expected) or any(given != right for given, right in known):
        raise wrong_shape(rule, name, shape)


def wrong_shape(rule: str, name: str, shape: Any) -> checks.ParameterError:
    """Return the error that says `rule`, and which shape argument `name` has."""
    return checks.ParameterError(f"{rule}. Received: {name} of shape {tuple(shape)}")


def is_known(size: Any) -> bool:
    """True for a number; False for None and for what stands for an unknown size while a graph is traced."""
    return isinstance(size, int)


def at_least_0(size: Any) -> Any:
    """Return `size`, or 0 if it is below; `size` is a number, or what stands for it while a graph is traced."""
    if is_known(size):
        return max(size, 0)
    if keras.backend.backend() == "jax":
        import jax

        return jax.core.max_dim(size, 0)
    return keras.ops.maximum(size, 0)
