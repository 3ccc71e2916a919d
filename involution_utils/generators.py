"""What makes the kernels of an involution over 1 to 3 spatial axes: `KernelGenerator`, `AttentionKernelGenerator`."""

import inspect
import weakref
from typing import Any

import keras
from keras import ops

from involution_utils import checks
from involution_utils.ops import flat_window_products
from involution_utils.window import MAX_RANK, Window, check_input_shape, is_known, window

_STANDALONE = {"kernel_size": 7, "strides": 1, "groups": 1, "dilation_rate": 1, "padding": "same"}
# From a generator or normalization layer to a reference to whose it is.
_owners: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class _Generator(keras.layers.Layer):
    """Its window: the layer's that it belongs to, or of its own; its shapes."""

    def __init__(self, kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs):
        super().__init__(**kwargs)
        given = {
            "kernel_size": kernel_size,
            "strides": strides,
            "groups": groups,
            "dilation_rate": dilation_rate,
            "padding": padding,
        }
        self._given = {name: value for name, value in given.items() if value is not None}
        self._window = None
        self._check_given()
        self.reduction_ratio = checks.whole_number("reduction_ratio", reduction_ratio)

    def _check_given(self):
        """Raise the error of a wrong argument now, though how many spatial axes there are may be known later alone."""
        ranks = range(1, MAX_RANK + 1)
        for name, value in self._given.items():
            problems = []
            for rank in ranks:
                try:
                    window(**_STANDALONE | {name: value}, rank=rank)
                except checks.ParameterError as problem:
                    problems.append(problem)
            if len(problems) == len(ranks):
                raise problems[1]  # in two dimensions

    @property
    def window(self) -> Window:
        """The window that the kernels are for; known once the generator is built or belongs to a layer."""
        if self._window is None:
            raise AttributeError(f"the window of {self.name} is not known before it is built or belongs to a layer")
        return self._window

    kernel_size = property(lambda self: self.window.kernel_size, doc="The size of the kernels per spatial axis.")
    strides = property(lambda self: self.window.strides, doc="The step between positions per spatial axis.")
    groups = property(lambda self: self.window.groups, doc="How many kernels each position has.")
    dilation_rate = property(lambda self: self.window.dilation_rate, doc="The step between taps per spatial axis.")
    padding = property(lambda self: self.window.padding, doc='"same", "valid" or (before, after) per spatial axis.')

    def take_window(self, new: Window, layer: str) -> None:
        """Make kernels for the window of `layer` from now on.

        Raises:
            ParameterError: if an argument of this generator, or what it was built for, says otherwise.
        """
        given = window(**new._asdict() | self._given, rank=new.rank) if self._window is None else self._window
        for name in new._fields:
            if getattr(given, name) != getattr(new, name):
                raise checks.ParameterError(
                    f"`{name}` of `kernel_generator` must be that of layer {layer}, {getattr(new, name)!r}: leave "
                    f"it out to take it from the layer. Received: {name}={getattr(given, name)!r}"
                )
        self._window = new

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Settle the window and make what averages the blocks of one stride; no weights."""
        rank = len(input_shape) - 2
        if self._window is None and 1 <= rank <= MAX_RANK:
            self._window = window(**_STANDALONE | self._given, rank=rank)
        self._check_input_shape(input_shape)
        self.pool = self._layer_of_rank("AveragePooling", self.strides, padding="same", name="pool")
        if rank == 3:  # on a CPU TensorFlow averages volumes of few types
            self.pool.dtype_policy = "float32"

    def _layer_of_rank(self, kind, *arguments, **settings):
        layer = getattr(keras.layers, f"{kind}{self.window.rank}D")
        return layer(*arguments, data_format="channels_last", dtype=self.dtype_policy, **settings)

    def _check_input_shape(self, shape):
        check_input_shape(shape, self._window.rank if self._window else None, f"of layer {self.name} ")

    def _middles(self, inputs):
        """Return the mean of the block in the middle of every window."""
        self.window.output_sizes(tuple(inputs.shape[1:-1]))  # refuses inputs that are too small
        means = inputs if max(self.strides) == 1 else ops.cast(self.pool(inputs), inputs.dtype)
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
        self._check_input_shape(input_shape)
        shape = self._window or window(**_STANDALONE | self._given, rank=len(input_shape) - 2)
        return (input_shape[0], *shape.output_sizes(tuple(input_shape[1:-1])), shape.values)

    def compute_output_spec(self, inputs):
        """Return the shape and dtype of the flat kernels for symbolic `inputs`."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        settled = self._given if self._window is None else self._window._asdict()
        return super().get_config() | settled | {"reduction_ratio": self.reduction_ratio}


@keras.saving.register_keras_serializable("involution_utils")
class KernelGenerator(_Generator):
    """Makes one kernel per position and group out of the values there, as in section 3.2 of the paper.

    A 1 x 1 convolution reduces the channels, normalization and ReLU follow, and a second 1 x 1 convolution spans
    the values of the kernels. With strides, blocks of one stride are averaged first: the kernel of a position comes
    from the block that holds the middle of its window.

    The number of spatial axes, 1, 2 or 3, is that of the layer or the input. The window (kernel size, strides, groups,
    dilation and padding) is that of the layer that the generator is given to. A generator without a layer has the
    window of its arguments.

    Args:
        kernel_size: positive integer or one per spatial axis; without a layer, 7 by default. All other arguments are
            given by keyword.
        strides: positive integer or one per spatial axis, the step from one position of the output to the next.
        groups: positive integer, how many kernels each position gets; every one serves an equal share of the channels.
        reduction_ratio: positive integer, the first convolution leaves `channels // reduction_ratio` channels, at least
            one.
        hidden_channels: positive integer, the number of channels between the convolutions; overrides
            `reduction_ratio`.
        dilation_rate: positive integer or one per spatial axis, the step from one tap of a kernel to the next.
        padding: `"same"`, `"valid"` or a pair `(before, after)` per spatial axis.
        use_bias: whether the first convolution has a bias (the Keras example has it, the paper's code does not).
        normalization: `"batch"`, `None` or a Keras layer, applied between the convolutions.
        span_bias_initializer: initializer of the second convolution's bias, the kernels to start from: with
            `keras.initializers.Constant(1 / 9)` a 3 x 3 kernel starts as the mean of its window.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, *spatial, channels)`.

    Output shape: `(batch, *new_spatial, kernel values * groups)`; read as `(..., *kernel_size, groups)`, the group runs
        fastest.

    Raises:
        ParameterError: if an argument is out of its range, contradicts the layer's, or the input has another rank.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...] | None = None,
        *positional: Any,
        strides: int | tuple[int, ...] | None = None,
        groups: int | None = None,
        reduction_ratio: int = 4,
        hidden_channels: int | None = None,
        dilation_rate: int | tuple[int, ...] | None = None,
        padding: str | tuple[tuple[int, int], ...] | None = None,
        use_bias: bool = True,
        normalization: Any = "batch",
        span_bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        refuse_positional(type(self), positional)
        super().__init__(kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs)
        if hidden_channels is not None:
            hidden_channels = checks.whole_number("hidden_channels", hidden_channels)
        self.hidden_channels = hidden_channels
        self.use_bias = checks.boolean("use_bias", use_bias)
        if isinstance(normalization, dict):
            normalization = keras.saving.deserialize_keras_object(normalization)
        if isinstance(normalization, keras.layers.Layer):
            own(self, normalization, "normalization")
        elif normalization is not None and not (isinstance(normalization, str) and normalization == "batch"):
            raise checks.error("normalization", '"batch", None or a Keras layer', normalization)
        self.normalization = normalization
        self.span_bias_initializer = keras.initializers.get(span_bias_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the two convolutions for inputs of `input_shape`."""
        super().build(input_shape)
        hidden = self.hidden_channels or max(1, input_shape[-1] // self.reduction_ratio)
        self.reduce = self._layer_of_rank("Conv", hidden, 1, use_bias=self.use_bias, name="reduce")
        self.normalize = self.normalization
        if isinstance(self.normalization, str):
            self.normalize = keras.layers.BatchNormalization(name="normalization", dtype=self.dtype_policy)
        start = self.span_bias_initializer
        self.span = self._layer_of_rank("Conv", self.window.values, 1, bias_initializer=start, name="span")

        self.reduce.build(input_shape)
        hidden_shape = (*input_shape[:-1], hidden)
        if self.normalize is not None and not self.normalize.built:
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
        return super().get_config() | {
            "hidden_channels": self.hidden_channels,
            "use_bias": self.use_bias,
            "normalization": normalization,
            "span_bias_initializer": keras.initializers.serialize(self.span_bias_initializer),
        }


@keras.saving.register_keras_serializable("involution_utils")
class AttentionKernelGenerator(_Generator):
    """Makes the kernels of local self-attention: softmax(query . key) over the window, an involution too.

    Two 1 x 1 convolutions without bias make queries and keys; each group is a head. The weight of a tap is the softmax,
    over the taps inside the input, of the head's query at the middle times its key under the tap, divided by the square
    root of the channels of a head, plus a learned bias of the tap (relative position). Unlike those of a
    `KernelGenerator`, a kernel depends on all positions of its window, its values are positive and add up to one.

    The number of spatial axes and the window are those of the layer that the generator is given to, as for
    `KernelGenerator`.

    Args:
        kernel_size: positive integer or one per spatial axis; without a layer, 7 by default. All other arguments are
            given by keyword.
        strides: positive integer or one per spatial axis; the query of a position is that of the mean of the block in
            the middle of its window.
        groups: positive integer, the number of heads.
        reduction_ratio: positive integer, queries and keys have `channels // reduction_ratio` channels in all, rounded
            down to a multiple of `groups`, and at least one per head.
        dilation_rate: positive integer or one per spatial axis, the step from one tap of a kernel to the next.
        padding: `"same"`, `"valid"` or a pair `(before, after)` per spatial axis.
        use_position_bias: whether a bias per tap and head is learned; it starts at zero.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, *spatial, channels)`.

    Output shape: `(batch, *new_spatial, kernel values * groups)`; read as `(..., *kernel_size, groups)`, the group runs
        fastest.

    Raises:
        ParameterError: if an argument is out of its range, contradicts the layer's, or the input has another rank.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...] | None = None,
        *positional: Any,
        strides: int | tuple[int, ...] | None = None,
        groups: int | None = None,
        reduction_ratio: int = 4,
        dilation_rate: int | tuple[int, ...] | None = None,
        padding: str | tuple[tuple[int, int], ...] | None = None,
        use_position_bias: bool = True,
        **kwargs: Any,
    ):
        refuse_positional(type(self), positional)
        super().__init__(kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs)
        self.use_position_bias = checks.boolean("use_position_bias", use_position_bias)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the convolutions and the bias for inputs of `input_shape`."""
        super().build(input_shape)
        self.key_channels = self.groups * max(1, input_shape[-1] // self.reduction_ratio // self.groups)
        self.query = self._layer_of_rank("Conv", self.key_channels, 1, use_bias=False, name="query")
        self.key = self._layer_of_rank("Conv", self.key_channels, 1, use_bias=False, name="key")
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


def is_generator(layer: Any) -> bool:
    """Whether `layer` is one of this module, which takes its window from its layer."""
    return isinstance(layer, _Generator)


def refuse_positional(kind: type, positional: tuple) -> None:
    """Raise a `ParameterError` that lists the arguments of layer `kind` if some but the first came by position."""
    if positional:
        known = inspect.signature(kind).parameters.values()
        named = [one.name for one in known if one.kind is one.KEYWORD_ONLY]
        hint = (
            " An involution keeps the number of channels: there are no `filters`."
            if "Involution" in kind.__name__
            else ""
        )
        raise checks.ParameterError(
            f"`kernel_size` must be the only argument of {kind.__name__} without a name; by name there are "
            f"{', '.join(named)}.{hint} Received: {', '.join(map(repr, positional))} after kernel_size"
        )


def own(owner: Any, layer: Any, name: str) -> None:
    """Note that `layer` belongs to `owner` alone, as its argument `name`.

    Raises:
        ParameterError: if it belongs to another layer already: Keras would save it, but could not load it.
    """
    earlier = _owners.get(layer, lambda: None)()
    theirs: Any = getattr(earlier, name, None)
    if earlier is not None and earlier is not owner and theirs is layer:
        raise checks.ParameterError(
            f"`{name}` must be a layer of its own. Received: {layer.name}, which is the {name} of {earlier.name} too"
        )
    _owners[layer] = weakref.ref(owner)
