"""`Involution2D`, the layer, and what makes its kernels: `KernelGenerator` and `AttentionKernelGenerator`."""

import keras
from keras import ops

from involution_utils.ops import (
    involution,
    is_integer,
    output_sizes,
    standardize_data_format,
    standardize_padding,
    standardize_pair,
    window_products,
)


class _Generator(keras.layers.Layer):
    """What makes kernels: the windows they are for, and the shapes."""

    def __init__(self, kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = standardize_pair(kernel_size, "kernel_size")
        self.strides = standardize_pair(strides, "strides")
        self.groups = _positive_integer(groups, "groups")
        self.reduction_ratio = _positive_integer(reduction_ratio, "reduction_ratio")
        self.dilation_rate = standardize_pair(dilation_rate, "dilation_rate")
        self.padding = standardize_padding(padding)

    def build(self, input_shape):
        """Make what averages the blocks of one stride; no weights."""
        _check_input_shape(input_shape, "channels_last", self.name)
        settings = {"padding": "same", "data_format": "channels_last", "dtype": self.dtype_policy}
        self.pool = keras.layers.AveragePooling2D(self.strides, name="pool", **settings)

    def _middles(self, inputs):
        """The mean of the block in the middle of every window."""
        sizes = ops.shape(inputs)[1:3]
        means = inputs if self.strides == (1, 1) else self.pool(inputs)
        if self.padding == "same":
            return means
        pads = ((0, 0), (0, 0)) if self.padding == "valid" else self.padding
        counts = output_sizes(sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        for axis in (0, 1):
            middle = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] // 2 - pads[axis][0]
            first = (middle + -sizes[axis] % self.strides[axis] // 2) // self.strides[axis]
            blocks = ops.shape(means)[axis + 1]
            if is_integer(sizes[axis]) and (first, counts[axis]) == (0, blocks):
                continue
            means = ops.take(means, ops.clip(ops.arange(counts[axis]) + first, 0, blocks - 1), axis + 1)
        return means

    def compute_output_shape(self, input_shape):
        """Return the shape of the flat kernels for inputs of `input_shape`."""
        _check_input_shape(input_shape, "channels_last", self.name)
        sizes = output_sizes(input_shape[1:3], self.kernel_size, self.strides, self.dilation_rate, self.padding)
        return (input_shape[0], *sizes, self.kernel_size[0] * self.kernel_size[1] * self.groups)

    def compute_output_spec(self, inputs):
        """Return the shape and type of the flat kernels for symbolic `inputs`."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self):
        """Return the arguments that make this layer again."""
        return super().get_config() | {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "groups": self.groups,
            "reduction_ratio": self.reduction_ratio,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable("involution_utils")
class KernelGenerator(_Generator):
    """Makes one kernel per place and group out of the pixels there, as in section 3.2 of the paper.

    A 1 x 1 convolution reduces the channels, normalization and ReLU follow, and a second 1 x 1 convolution spans
    the values of the kernels. With strides, blocks of one stride are averaged first: the kernel of a place comes
    from the block that holds the middle of its window.

    Args:
        kernel_size: integer or pair, height and width of the kernels.
        strides: integer or pair, the step from one place of the output to the next.
        groups: integer, how many kernels each place gets; every one serves an equal share of the channels.
        reduction_ratio: integer, the first convolution leaves `channels // reduction_ratio` channels, at least one.
        hidden_channels: integer, the number of channels between the convolutions; overrides `reduction_ratio`.
        dilation_rate: integer or pair, the step from one tap of a kernel to the next.
        padding: `"same"`, `"valid"` or `((top, bottom), (left, right))`, as in `Involution2D`.
        use_bias: whether the first convolution has a bias (the Keras example has it, the paper's code does not).
        normalization: `"batch"`, `None` or a Keras layer, applied between the convolutions.
        span_bias_initializer: initializer of the second convolution's bias, the kernels to start from: with
            `keras.initializers.Constant(1 / 9)` a 3 x 3 kernel starts as the mean of its window.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, new_height, new_width, kernel_height * kernel_width * groups)`; read as
        `(..., kernel_height, kernel_width, groups)`, the group runs fastest.

    Raises:
        ValueError: if an argument is out of its range, or the input does not have rank 4.
    """

    def __init__(
        self,
        kernel_size=7,
        strides=1,
        groups=1,
        reduction_ratio=4,
        hidden_channels=None,
        dilation_rate=1,
        padding="same",
        use_bias=True,
        normalization="batch",
        span_bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs)
        self.hidden_channels = (
            None if hidden_channels is None else _positive_integer(hidden_channels, "hidden_channels")
        )
        self.use_bias = use_bias
        if isinstance(normalization, dict):
            normalization = keras.saving.deserialize_keras_object(normalization)
        if normalization not in ("batch", None) and not isinstance(normalization, keras.layers.Layer):
            raise ValueError(f'`normalization` must be "batch", None or a Keras layer, not {normalization!r}.')
        self.normalization = normalization
        self.span_bias_initializer = keras.initializers.get(span_bias_initializer)

    def build(self, input_shape):
        """Make the two convolutions for inputs of `input_shape`."""
        super().build(input_shape)
        hidden = self.hidden_channels or max(1, input_shape[-1] // self.reduction_ratio)
        taps = self.kernel_size[0] * self.kernel_size[1]
        settings = {"data_format": "channels_last", "dtype": self.dtype_policy}
        self.reduce = keras.layers.Conv2D(hidden, 1, use_bias=self.use_bias, name="reduce", **settings)
        self.normalize = self.normalization
        if self.normalization == "batch":
            self.normalize = keras.layers.BatchNormalization(name="normalization", dtype=self.dtype_policy)
        start = {"bias_initializer": self.span_bias_initializer}
        self.span = keras.layers.Conv2D(taps * self.groups, 1, name="span", **start, **settings)

        self.reduce.build(input_shape)
        hidden_shape = (*input_shape[:-1], hidden)
        if self.normalize is not None and not self.normalize.built:
            self.normalize.build(hidden_shape)
        self.span.build(hidden_shape)

    def call(self, inputs):
        """Return the kernels of `inputs`, flat."""
        x = self.reduce(self._middles(inputs))
        x = x if self.normalize is None else self.normalize(x)
        return self.span(ops.relu(x))

    def get_config(self):
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

    Two 1 x 1 convolutions without bias make queries and keys; each group is a head. The weight of a tap is the
    softmax, over the taps inside the image, of the head's query at the middle times its key under the tap, divided by
    the square root of the channels of a head, plus a learned bias of the tap (relative position). Unlike those of a
    `KernelGenerator`, a kernel depends on all pixels of its window, its values are positive and add up to one.

    Args:
        kernel_size: integer or pair, height and width of the kernels.
        strides: integer or pair; the query of a place is that of the mean of the block in the middle of its window.
        groups: integer, the number of heads.
        reduction_ratio: integer, queries and keys have `channels // reduction_ratio` channels in all, rounded down to
            a multiple of `groups`, and at least one a head.
        dilation_rate: integer or pair, the step from one tap of a kernel to the next.
        padding: `"same"`, `"valid"` or `((top, bottom), (left, right))`, as in `Involution2D`.
        use_position_bias: whether a bias per tap and head is learned; it starts at zero.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, new_height, new_width, kernel_height * kernel_width * groups)`; read as
        `(..., kernel_height, kernel_width, groups)`, the group runs fastest.

    Raises:
        ValueError: if an argument is out of its range, or the input does not have rank 4.
    """

    def __init__(
        self,
        kernel_size=7,
        strides=1,
        groups=1,
        reduction_ratio=4,
        dilation_rate=1,
        padding="same",
        use_position_bias=True,
        **kwargs,
    ):
        super().__init__(kernel_size, strides, groups, reduction_ratio, dilation_rate, padding, **kwargs)
        self.use_position_bias = use_position_bias

    def build(self, input_shape):
        """Make the convolutions and the bias for inputs of `input_shape`."""
        super().build(input_shape)
        self.key_channels = self.groups * max(1, input_shape[-1] // self.reduction_ratio // self.groups)
        settings = {"use_bias": False, "data_format": "channels_last", "dtype": self.dtype_policy}
        self.query = keras.layers.Conv2D(self.key_channels, 1, name="query", **settings)
        self.key = keras.layers.Conv2D(self.key_channels, 1, name="key", **settings)
        self.query.build(input_shape)
        self.key.build(input_shape)
        if self.use_position_bias:
            shape = (*self.kernel_size, self.groups)
            self.position_bias = self.add_weight(shape=shape, initializer="zeros", name="position_bias")

    def call(self, inputs):
        """Return the kernels of `inputs`, flat."""
        window = {"strides": self.strides, "dilation_rate": self.dilation_rate, "padding": self.padding}
        queries = self.query(self._middles(inputs)) * (self.groups / self.key_channels) ** 0.5
        scores = window_products(queries, self.key(inputs), self.kernel_size, self.groups, **window)
        if self.use_position_bias:
            scores = scores + self.position_bias
        ones = ops.ones((1, *ops.shape(inputs)[1:3], 1), scores.dtype)
        inside = window_products(
            ops.ones((1, *ops.shape(queries)[1:3], 1), scores.dtype), ones, self.kernel_size, **window
        )
        scores = ops.where(inside > 0, scores, -3e4)  # a number that float16 can hold
        flat = ops.reshape(scores, (*ops.shape(scores)[:3], self.kernel_size[0] * self.kernel_size[1], self.groups))
        return ops.reshape(ops.softmax(flat, axis=3), (*ops.shape(scores)[:3], flat.shape[3] * self.groups))

    def get_config(self):
        """Return the arguments that make this layer again."""
        return super().get_config() | {"use_position_bias": self.use_position_bias}


@keras.saving.register_keras_serializable("involution_utils")
class Involution2D(keras.layers.Layer):
    """Involution (Li et al., CVPR 2021): every place has its own kernel, and a group of channels shares it.

    Convolution uses one kernel for every place and another for every channel; involution inverts both. Its kernels
    are not weights: `kernel_generator`, whose weights are learned, makes them from the image (section 3 of the paper).

    Args:
        kernel_size: integer or pair, height and width of the kernels.
        strides: integer or pair, the step from one place of the output to the next.
        groups: integer that divides the channels; each group of neighbouring channels has a kernel of its own.
        reduction_ratio: integer, by how much the default `kernel_generator` reduces the channels on its way.
        dilation_rate: integer or pair, the step from one tap of a kernel to the next; strides may exceed 1 too.
        padding: `"same"` and `"valid"` as in `keras.layers.Conv2D`, or `((top, bottom), (left, right))` in pixels:
            `((k - 1) // 2, (k - 1) // 2)` twice is the paper's.
        use_bias: whether the first convolution of the default `kernel_generator` has a bias.
        kernel_generator: a Keras layer that maps `(batch, height, width, channels)` to
            `(batch, new_height, new_width, kernel_height * kernel_width * groups)`, or None for `KernelGenerator`,
            the paper's two 1 x 1 convolutions.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras's setting.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, height, width, channels)`, or `(batch, channels, height, width)` with `"channels_first"`;
        batch, height and width may be unknown.

    Output shape: `(batch, new_height, new_width, channels)`, or channels first; sizes as those of
        `keras.layers.Conv2D`, type as the layer's `compute_dtype`.

    Raises:
        ValueError: if an argument is out of its range, the input does not have rank 4, its channels are not divisible
            by `groups`, or `kernel_generator` returns kernels of another shape.

    Example:
        >>> layer = Involution2D(kernel_size=3, reduction_ratio=2)
        >>> outputs, kernels = layer(images, return_kernels=True)   # images: (256, 32, 32, 3)
        >>> outputs.shape, kernels.shape
        ((256, 32, 32, 3), (256, 32, 32, 3, 3, 1))
    """

    def __init__(
        self,
        kernel_size=7,
        strides=1,
        groups=1,
        reduction_ratio=4,
        dilation_rate=1,
        padding="same",
        use_bias=True,
        kernel_generator=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_size = standardize_pair(kernel_size, "kernel_size")
        self.strides = standardize_pair(strides, "strides")
        self.groups = _positive_integer(groups, "groups")
        self.reduction_ratio = _positive_integer(reduction_ratio, "reduction_ratio")
        self.dilation_rate = standardize_pair(dilation_rate, "dilation_rate")
        self.padding = standardize_padding(padding)
        self.use_bias = use_bias
        self.data_format = standardize_data_format(data_format)
        if isinstance(kernel_generator, dict):
            kernel_generator = keras.saving.deserialize_keras_object(kernel_generator)
        if not isinstance(kernel_generator, keras.layers.Layer | None):
            raise ValueError(f"`kernel_generator` must be a Keras layer or None, not {kernel_generator!r}.")
        self._has_own_generator = kernel_generator is None
        self.kernel_generator = kernel_generator or KernelGenerator(
            self.kernel_size,
            self.strides,
            self.groups,
            self.reduction_ratio,
            dilation_rate=self.dilation_rate,
            padding=self.padding,
            use_bias=use_bias,
            dtype=self.dtype_policy,
            name="kernel_generator",
        )

    def build(self, input_shape):
        """Build the kernel generator for inputs of `input_shape`."""
        input_shape = _check_input_shape(input_shape, self.data_format, self.name)
        if input_shape[-1] % self.groups:
            raise ValueError(
                f"`groups` of layer {self.name} must divide the channels of its input: {self.groups} does not divide "
                f"{input_shape[-1]}."
            )
        if not self.kernel_generator.built:
            self.kernel_generator.build(input_shape)

    def call(self, inputs, return_kernels=False):
        """Apply involution to `inputs`.

        Args:
            inputs: tensor of shape `(batch, height, width, channels)` (or channels first).
            return_kernels: whether to return the kernels too.

        Returns:
            The output, or `(output, kernels)` with kernels of shape
            `(batch, new_height, new_width, kernel_height, kernel_width, groups)`.
        """
        images = ops.transpose(inputs, (0, 2, 3, 1)) if self.data_format == "channels_first" else inputs
        flat = self.kernel_generator(images)
        self._check_kernels(flat.shape, images.shape)
        kernels = ops.reshape(flat, (*ops.shape(flat)[:3], *self.kernel_size, self.groups))
        outputs = involution(inputs, kernels, self.strides, self.dilation_rate, self.padding, self.data_format)
        return (outputs, kernels) if return_kernels else outputs

    def _check_kernels(self, shape, input_shape):
        sizes = output_sizes(input_shape[1:3], self.kernel_size, self.strides, self.dilation_rate, self.padding)
        expected = (input_shape[0], *sizes, self.kernel_size[0] * self.kernel_size[1] * self.groups)
        if len(shape) != 4 or any(None not in n and n[0] != n[1] for n in zip(shape, expected, strict=True)):
            raise ValueError(
                f"`kernel_generator` of layer {self.name} returned shape {tuple(shape)}, but kernels for inputs of "
                f"shape {tuple(input_shape)} need {expected}: (batch, height, width, kernel values * groups)."
            )

    def compute_output_shape(self, input_shape, return_kernels=False):
        """Return the shape of the output, or of (output, kernels), for inputs of `input_shape`."""
        batch, *sizes, channels = _check_input_shape(input_shape, self.data_format, self.name)
        sizes = output_sizes(sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        outputs = (batch, channels, *sizes) if self.data_format == "channels_first" else (batch, *sizes, channels)
        return (outputs, (batch, *sizes, *self.kernel_size, self.groups)) if return_kernels else outputs

    def compute_output_spec(self, inputs, return_kernels=False):
        """Return shape and type of the output, or of (output, kernels), for symbolic `inputs`."""
        outputs, kernels = (
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in self.compute_output_shape(inputs.shape, return_kernels=True)
        )
        return (outputs, kernels) if return_kernels else outputs

    def get_config(self):
        """Return the arguments that make this layer again."""
        generator = None if self._has_own_generator else keras.saving.serialize_keras_object(self.kernel_generator)
        return super().get_config() | {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "groups": self.groups,
            "reduction_ratio": self.reduction_ratio,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "kernel_generator": generator,
            "data_format": self.data_format,
        }


def _positive_integer(value, name):
    if not is_integer(value) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer, not {value!r}.")
    return int(value)


def _check_input_shape(shape, data_format, name):
    """Return `shape` with channels last, or raise a ValueError if it is not that of a batch of images."""
    if len(shape) != 4:
        raise ValueError(f"`inputs` of layer {name} must have rank 4, a batch of images, not shape {tuple(shape)}.")
    shape = (shape[0], *shape[2:], shape[1]) if data_format == "channels_first" else tuple(shape)
    if not shape[-1]:
        raise ValueError(f"`inputs` of layer {name} need a known number of channels, at least 1, not shape {shape}.")
    return shape
