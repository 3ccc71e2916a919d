"""The layers: `Involution1D`, `Involution2D` and `Involution3D`, thin shells over one base."""

from typing import Any

import keras
from keras import ops

from involution_utils import checks
from involution_utils.generators import AttentionKernelGenerator, Generator, KernelGenerator, Windowed, check_own
from involution_utils.ops import involution_of_flat_kernels
from involution_utils.window import check_data_format, check_floating, check_input_shape, check_shape, window

__all__ = ["AttentionKernelGenerator", "Involution1D", "Involution2D", "Involution3D", "KernelGenerator"]


class _Involution(Windowed):
    """Involution over as many spatial axes as `rank` says."""

    rank: int

    def __init__(
        self,
        kernel_size: int | tuple[int, ...] = 7,
        *,
        strides: int | tuple[int, ...] = 1,
        groups: int = 1,
        reduction_ratio: int = 4,
        dilation_rate: int | tuple[int, ...] = 1,
        padding: str | tuple[tuple[int, int], ...] = "same",
        use_bias: bool = True,
        kernel_generator: keras.layers.Layer | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.window = window(kernel_size, strides, dilation_rate, padding, groups, self.rank)
        self.reduction_ratio = checks.whole_number("reduction_ratio", reduction_ratio)
        self.use_bias = checks.boolean("use_bias", use_bias)
        self.data_format = check_data_format(data_format)
        if isinstance(kernel_generator, dict):
            kernel_generator = keras.saving.deserialize_keras_object(kernel_generator)
        if not isinstance(kernel_generator, keras.layers.Layer | None):
            raise checks.error("kernel_generator", "a Keras layer or None", kernel_generator)
        self._has_own_generator = kernel_generator is None
        if kernel_generator is None:
            kernel_generator = KernelGenerator(
                reduction_ratio=reduction_ratio, use_bias=use_bias, dtype=self.dtype_policy, name="kernel_generator"
            )
        self.kernel_generator = kernel_generator

    def _channels_last(self, shape):
        if self.data_format == "channels_first" and len(shape) > 1:
            shape = (shape[0], *shape[2:], shape[1])
        check_input_shape(shape, self.rank, f"of layer {self.name} ")
        return tuple(shape)

    def build(self, input_shape):
        """Build the kernel generator for inputs of `input_shape`."""
        shape = self._channels_last(input_shape)
        self.window.check_channels(shape[-1], f"of layer {self.name} ")
        generator = self.kernel_generator
        if not self.built:
            check_own(generator, "kernel_generator")
        if not isinstance(generator, Generator):
            # Its layers may be built by its first call alone, and saved weights are loaded before that.
            generator(keras.KerasTensor(shape, dtype=self.compute_dtype))
            return
        theirs = generator.window_over(self.rank, self.window)._asdict()
        for name, value in self.window._asdict().items():
            if theirs[name] != value:
                raise checks.ParameterError(
                    f"`{name}` of `kernel_generator` must be that of layer {self.name}, {value!r}: leave it out to "
                    f"take it from the layer. Received: {name}={theirs[name]!r}"
                )
        if not generator.built:
            generator.window = self.window
            generator.build(shape)

    def call(self, inputs, return_kernels=False):
        """Apply involution to `inputs`.

        Args:
            inputs: tensor of shape `(batch, *spatial, channels)` (or channels first).
            return_kernels: whether to return the kernels too.

        Returns:
            The output, or `(output, kernels)` with kernels of shape `(batch, *new_spatial, *kernel_size, groups)`.
        """
        check_floating(keras.backend.standardize_dtype(inputs.dtype), of=f"of layer {self.name} ")
        channels_first = self.data_format == "channels_first"
        if channels_first:
            inputs = ops.moveaxis(inputs, 1, -1)
        flat = self.kernel_generator(inputs)  # (batch, *new_spatial, taps * groups)
        shape = tuple(inputs.shape)
        expected = (shape[0], *self.window.output_sizes(shape[1:-1]), self.window.values)
        rule = f"must return kernels of shape {expected}, (batch, *spatial, kernel values * groups)"
        rule = f"`kernel_generator` of layer {self.name} {rule}, for inputs of shape {shape}"
        check_shape("kernels", flat.shape, expected, rule)
        outputs = involution_of_flat_kernels(inputs, flat, self.window)
        if channels_first:
            outputs = ops.moveaxis(outputs, -1, 1)
        if not return_kernels:
            return outputs
        return outputs, ops.reshape(flat, (*ops.shape(flat)[:-1], *self.kernel_size, self.groups))

    def compute_output_shape(self, input_shape, return_kernels=False):
        """Return the shape of the output, or of (output, kernels), for inputs of `input_shape`."""
        batch, *sizes, channels = self._channels_last(input_shape)
        sizes = self.window.output_sizes(tuple(sizes))
        outputs = (batch, channels, *sizes) if self.data_format == "channels_first" else (batch, *sizes, channels)
        return (outputs, (batch, *sizes, *self.kernel_size, self.groups)) if return_kernels else outputs

    def compute_output_spec(self, inputs, return_kernels=False):
        """Return shape and dtype of the output, or of (output, kernels), for symbolic `inputs`."""
        outputs, kernels = (
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in self.compute_output_shape(inputs.shape, return_kernels=True)
        )
        return (outputs, kernels) if return_kernels else outputs

    def get_config(self):
        """Return the arguments that make this layer again."""
        generator = None if self._has_own_generator else keras.saving.serialize_keras_object(self.kernel_generator)
        own = {"reduction_ratio": self.reduction_ratio, "use_bias": self.use_bias, "kernel_generator": generator}
        return super().get_config() | self.window._asdict() | own | {"data_format": self.data_format}


@keras.saving.register_keras_serializable("involution_utils")
class Involution1D(_Involution):
    """Involution of signals: `Involution2D` along the one axis of inputs `(batch, length, channels)`.

    Example:
        >>> layer = Involution1D(kernel_size=5, groups=4)
        >>> layer(signals).shape                                    # signals: (32, 128, 16)
        (32, 128, 16)
    """

    rank = 1


@keras.saving.register_keras_serializable("involution_utils")
class Involution2D(_Involution):
    """Involution (Li et al., CVPR 2021): every position has its own kernel, and a group of channels shares it.

    Convolution uses one kernel for every position and another for every channel; involution inverts both. Its kernels
    are not weights: `kernel_generator`, whose weights are learned, makes them from the input (section 3 of the paper).

    Args:
        kernel_size: positive integer or one per spatial axis, the size of the kernels. All other arguments are given by
            keyword. An involution keeps the number of channels, so it has no `filters`.
        strides: positive integer or one per spatial axis, the step from one position of the output to the next.
        groups: positive integer that divides the channels; each group of neighboring channels has a kernel of its own.
        reduction_ratio: positive integer, by how much the default `kernel_generator` reduces the channels on its way.
        dilation_rate: positive integer or one per spatial axis, the step between taps, whatever the strides.
        padding: `"same"` and `"valid"` as in Keras's convolutions, or a pair `(before, after)` per spatial axis:
            `((k - 1) // 2, (k - 1) // 2)` twice is the paper's.
        use_bias: whether the first convolution of the default `kernel_generator` has a bias.
        kernel_generator: a `KernelGenerator` or `AttentionKernelGenerator`, which takes its window from this layer; or
            any Keras layer that maps `(batch, *spatial, channels)` to `(batch, *new_spatial, kernel values * groups)`;
            or None for a `KernelGenerator`, the paper's two 1 x 1 convolutions. It belongs to this layer alone.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras's setting.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Input shape: `(batch, height, width, channels)`, or channels first; all but the channels may be unknown.

    Output shape: `(batch, new_height, new_width, channels)`, or channels first; sizes as those of
        `keras.layers.Conv2D`, dtype as the layer's `compute_dtype`.

    Raises:
        ParameterError: if an argument is out of its range, the input has another rank, its channels are not divisible
            by `groups`, or `kernel_generator` is for another window or returns kernels of another shape.

    Example:
        >>> layer = Involution2D(kernel_size=3, reduction_ratio=2)
        >>> outputs, kernels = layer(images, return_kernels=True)   # images: (256, 32, 32, 3)
        >>> outputs.shape, kernels.shape
        ((256, 32, 32, 3), (256, 32, 32, 3, 3, 1))
    """

    rank = 2


@keras.saving.register_keras_serializable("involution_utils")
class Involution3D(_Involution):
    """Involution of volumes or clips: `Involution2D` over inputs `(batch, depth, height, width, channels)`.

    Example:
        >>> layer = Involution3D(kernel_size=(3, 5, 5), groups=4)
        >>> layer(clips).shape                                      # clips: (2, 16, 32, 32, 16)
        (2, 16, 32, 32, 16)
    """

    rank = 3
