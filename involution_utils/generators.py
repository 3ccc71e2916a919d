"""What makes the kernels of an involution over 1 to 3 spatial axes: `KernelGenerator`, `AttentionKernelGenerator`."""

from typing import Any

import keras
from keras import ops

from involution_utils import checks
from involution_utils.ops import flat_window_products
from involution_utils.window import Window, check_input_shape, is_known, window

_DEFAULTS = {"kernel_size": 7, "strides": 1, "groups": 1, "dilation_rate": 1, "padding": "same"}


class Windowed(keras.layers.Layer):
    """A layer with a `window`, whose parts are attributes too."""

    window: Any = None  # a `Window` once the layer is built

    kernel_size = property(lambda self: self.window.kernel_size, doc="The size of the kernels per spatial axis.")
    strides = property(lambda self: self.window.strides, doc="The step between positions per spatial axis.")
    groups = property(lambda self: self.window.groups, doc="How many kernels each position has.")
    dilation_rate = property(lambda self: self.window.dilation_rate, doc="The step between taps per spatial axis.")
    padding = property(lambda self: self.window.padding, doc='"same", "valid" or (before, after) per spatial axis.')


class Generator(Windowed):
    """A kernel generator; before it is built, its layer sets `window`. Without a layer, its arguments say it."""

    def __init__(self, kernel_size: Any = None, *, reduction_ratio: int = 4, **kwargs: Any):
        given = {"kernel_size": kernel_size} | {name: kwargs.pop(name, None) for name in Window._fields[1:]}
        super().__init__(**kwargs)
        self.given = {name: value for name, value in given.items() if value is not None}
        ranks = [len(value) for value in self.given.values() if isinstance(value, tuple | list)]
        self.window_over(ranks[0] if ranks else 2)  # refuses what is wrong in itself
        self.reduction_ratio = checks.whole_number("reduction_ratio", reduction_ratio)

    def window_over(self, rank: int, owner: Window | None = None) -> Window:
        """Return the window over `rank` axes; what no argument says is that of `owner`, or the default."""
        return self.window or window(**(owner._asdict() if owner else _DEFAULTS) | self.given, rank=rank)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Settle the window; no weights."""
        check_input_shape(input_shape, self.window and self.window.rank, f"of layer {self.name} ")
        self.window = self.window_over(len(input_shape) - 2)

    def _convolution(self, filters, **settings):
        layer = getattr(keras.layers, f"Conv{self.window.rank}D")
        return layer(filters, 1, data_format="channels_last", dtype=self.dtype_policy, **settings)

    def _middles(self, inputs):
        """Return the mean of the block in the middle of every window."""
        self.window.output_sizes(tuple(inputs.shape[1:-1]))  # refuses inputs that are too small
        means = inputs
        if max(self.strides) > 1:
            pairs = zip(self.strides, inputs.shape[1:-1], strict=True)  # PyTorch takes no block longer than its axis
            blocks = tuple(min(stride, size) if is_known(size) else stride for stride, size in pairs)
            if self.window.rank == 3:  # on a CPU TensorFlow averages volumes of few types
                means = ops.cast(means, "float32")
            means = ops.cast(ops.average_pool(means, blocks, blocks, "same", "channels_last"), inputs.dtype)
        if self.padding == "same":
            return means
        for number, axis in enumerate(self.window.axes, start=1):
            size, blocks = ops.shape(inputs)[number], ops.shape(means)[number]
            middle = (axis.extent - 1) // 2 - axis.padding[0]
            shift = max(0, -(middle // axis.stride))  # in strides, so that what is divided is not negative
            first = (middle + shift * axis.stride + axis.missing(size) // 2) // axis.stride - shift
            count = axis.positions(size)
            if is_known(size) and (first, count) == (0, blocks):
                continue
            means = ops.take(means, ops.clip(ops.arange(count) + first, 0, blocks - 1), number)
        return means

    def compute_output_shape(self, input_shape):
        """Return the shape of the flat kernels for inputs of `input_shape`."""
        check_input_shape(input_shape, self.window and self.window.rank, f"of layer {self.name} ")
        found = self.window_over(len(input_shape) - 2)
        return (input_shape[0], *found.output_sizes(tuple(input_shape[1:-1])), found.values)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        settled = self.window._asdict() if self.window else self.given
        return super().get_config() | settled | {"reduction_ratio": self.reduction_ratio}


@keras.saving.register_keras_serializable("involution_utils")
class KernelGenerator(Generator):
    """Makes one kernel per position and group out of the values there, as in section 3.2 of the paper.

    A 1 x 1 convolution reduces the channels, normalization and ReLU follow, and a second 1 x 1 convolution spans the
    kernels. With strides, a kernel comes from the mean of that block of one stride which holds its window's middle.

    The number of spatial axes, 1, 2 or 3, is that of the layer or the input.

    Args:
        kernel_size, strides, groups, dilation_rate, padding: as those of `Involution2D`, by default the layer's that
            the generator is given to; without a layer 7, 1, 1, 1 and `"same"`. All but the first are given by keyword.
        reduction_ratio: positive integer; `channels // reduction_ratio` channels, at least one, lie in between.
        hidden_channels: positive integer, their number in place of `reduction_ratio`.
        use_bias: whether the first convolution has a bias (the Keras example has it, the paper's code does not).
        normalization: `"batch"`, `None` or a Keras layer, applied between the convolutions.
        span_bias_initializer: initializer of the second convolution's bias, the kernels to start from: with
            `keras.initializers.Constant(1 / 9)` a 3 x 3 kernel starts as the mean of its window.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, *spatial, channels)`.

    Output shape: `(batch, *new_spatial, kernel values * groups)`, which is `(..., *kernel_size, groups)` made flat.

    Raises:
        ParameterError: if an argument is out of its range, contradicts the layer's, or the input has another rank.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...] | None = None,
        *,
        hidden_channels: int | None = None,
        use_bias: bool = True,
        normalization: Any = "batch",
        span_bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, **kwargs)
        if hidden_channels is not None:
            hidden_channels = checks.whole_number("hidden_channels", hidden_channels)
        self.hidden_channels = hidden_channels
        self.use_bias = checks.boolean("use_bias", use_bias)
        if isinstance(normalization, dict):
            normalization = keras.saving.deserialize_keras_object(normalization)
        batch = isinstance(normalization, str) and normalization == "batch"
        if not batch and not isinstance(normalization, keras.layers.Layer | None):
            raise checks.error("normalization", '"batch", None or a Keras layer', normalization)
        self.normalization = normalization
        self.span_bias_initializer = keras.initializers.get(span_bias_initializer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the two convolutions for inputs of `input_shape`."""
        super().build(input_shape)
        hidden = self.hidden_channels or max(1, input_shape[-1] // self.reduction_ratio)
        self.reduce = self._convolution(hidden, use_bias=self.use_bias, name="reduce")
        self.normalize = self.normalization
        if isinstance(self.normalization, str):
            self.normalize = keras.layers.BatchNormalization(name="normalization", dtype=self.dtype_policy)
        start = self.span_bias_initializer
        self.span = self._convolution(self.window.values, bias_initializer=start, name="span")

        self.reduce.build(input_shape)
        hidden_shape = (*input_shape[:-1], hidden)
        if self.normalize is not None:
            check_own(self.normalize, "normalization")
            if not self.normalize.built:
                self.normalize.build(hidden_shape)
        self.span.build(hidden_shape)

    def call(self, inputs: Any) -> Any:
        """Return the kernels of `inputs`, flat."""
        x = self.reduce(self._middles(inputs))
        x = x if self.normalize is None else self.normalize(x)
        return self.span(ops.relu(x))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        normalization = self.normalization
        if isinstance(normalization, keras.layers.Layer):
            normalization = keras.saving.serialize_keras_object(normalization)
        own = {"hidden_channels": self.hidden_channels, "use_bias": self.use_bias, "normalization": normalization}
        start = keras.initializers.serialize(self.span_bias_initializer)
        return super().get_config() | own | {"span_bias_initializer": start}


@keras.saving.register_keras_serializable("involution_utils")
class AttentionKernelGenerator(Generator):
    """Makes the kernels of local self-attention: softmax(query . key) over the window, an involution too.

    Two 1 x 1 convolutions without bias make queries and keys; each group is a head. The weight of a tap is the softmax,
    over the taps inside the input, of the head's query at the middle times its key under the tap, divided by the square
    root of the channels of a head, plus a learned bias of the tap (relative position). Unlike those of a
    `KernelGenerator`, a kernel depends on all positions of its window, its values are positive and add up to one.

    Args:
        kernel_size, strides, groups, dilation_rate, padding: as for `KernelGenerator`; with strides, the query of a
            position is that of the mean of the block in the middle of its window.
        reduction_ratio: positive integer, queries and keys have `channels // reduction_ratio` channels in all, rounded
            down to a multiple of `groups`, and at least one per head.
        use_position_bias: whether a bias per tap and head is learned; it starts at zero.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input and output shape, errors: those of `KernelGenerator`.
    """

    def __init__(
        self, kernel_size: int | tuple[int, ...] | None = None, *, use_position_bias: bool = True, **kwargs: Any
    ):
        super().__init__(kernel_size, **kwargs)
        self.use_position_bias = checks.boolean("use_position_bias", use_position_bias)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the convolutions and the bias for inputs of `input_shape`."""
        super().build(input_shape)
        self.key_channels = self.groups * max(1, input_shape[-1] // self.reduction_ratio // self.groups)
        self.query = self._convolution(self.key_channels, use_bias=False, name="query")
        self.key = self._convolution(self.key_channels, use_bias=False, name="key")
        self.query.build(input_shape)
        self.key.build(input_shape)
        if self.use_position_bias:
            shape = (*self.kernel_size, self.groups)
            self.position_bias = self.add_weight(shape=shape, initializer="zeros", name="position_bias")

    def call(self, inputs: Any) -> Any:
        """Return the kernels of `inputs`, flat."""
        queries = self.query(self._middles(inputs)) * (self.groups / self.key_channels) ** 0.5
        flat = flat_window_products(queries, self.key(inputs), self.window)
        if self.use_position_bias:
            flat = flat + ops.reshape(self.position_bias, (self.window.values,))
        shape = ops.shape(flat)
        inside = self._taps_inside(ops.shape(inputs)[1:-1], shape[1:-1])
        scores = ops.reshape(flat, (*shape[:-1], self.window.values // self.groups, self.groups))
        lowest = -65504.0 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -3e38  # finite: see ONNX
        scores = ops.where(ops.expand_dims(inside, -1), scores, lowest)
        scores = ops.reshape(scores, (shape[0] * shape[1], *ops.shape(scores)[2:]))  # rank 5 at most for softmax
        return ops.reshape(ops.softmax(scores, axis=-2), shape)

    def _taps_inside(self, sizes, positions):
        """Return which taps of all `positions` lie inside an input of `sizes`: booleans, (*positions, taps)."""
        rank, inside = self.window.rank, True
        for number, (axis, size, n) in enumerate(zip(self.window.axes, sizes, positions, strict=True)):
            first = ops.arange(n)[:, None] * axis.stride - axis.before(size)
            seen = first + ops.arange(axis.kernel_size) * axis.dilation  # (positions of the axis, its taps)
            shape = [1] * 2 * rank
            shape[number], shape[rank + number] = ops.shape(seen)
            inside = ops.logical_and(inside, ops.reshape(ops.logical_and(seen >= 0, seen < size), shape))
        return ops.reshape(inside, (*ops.shape(inside)[:rank], self.window.values // self.groups))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return super().get_config() | {"use_position_bias": self.use_position_bias}


def check_own(layer: Any, name: str) -> None:
    """Raise a `ParameterError` if `layer`, the argument `name`, was built inside another layer already.

    Keras would save two layers that share a third inside them, but could not load them.
    """
    if layer.built and "/" in (layer.path or ""):
        raise checks.error(name, "a layer of its own", layer.path)


@keras.saving.register_keras_serializable("involution_utils", "ContextKernelGenerator")
class _ContextKernelGenerator(keras.layers.Layer):
    """Makes a kernel from its pixel and the mean of the 5x5 pixels around it: for models saved with it by 0.2.0."""

    def __init__(self, kernel_size: int, strides: int = 1, groups: int = 1, reduction_ratio: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio, self.pool = reduction_ratio, keras.layers.AveragePooling2D(strides, padding="same")
        self.span = keras.layers.Conv2D(kernel_size**2 * groups, 1)

    def build(self, input_shape):
        self.reduce = keras.layers.Conv2D(max(1, input_shape[-1] // self.ratio), 1, use_bias=False)
        self.normalize = keras.layers.BatchNormalization()

    def call(self, inputs):
        pixels = self.pool(inputs)
        around = ops.average_pool(pixels, 5, 1, "same", "channels_last")
        return self.span(ops.relu(self.normalize(self.reduce(ops.concatenate([pixels, around], axis=-1)))))
