"""A small RedNet for 32x32 images, whose spatial operator can be exchanged: the network of the lab."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from involution_utils import checks
from involution_utils.layers import AttentionKernelGenerator, Involution2D, KernelGenerator

OPERATORS = ("involution", "depthwise", "static", "attention", "convolution", "pooling", "identity")
NORMALIZATIONS = ("batch", "none")
BLOCKS = ((32, 1), (64, 2), (64, 1), (64, 1), (80, 2))  # (channels of the operator, strides)


@keras.saving.register_keras_serializable("involution_utils")
class SharedDepthwiseConv2D(layers.Layer):
    """Depthwise convolution in which each group of neighboring channels shares one kernel.

    It is what an involution becomes when its kernels are learned weights, the same at every position.

    Args:
        kernel_size: Integer, height and width of the kernels.
        groups: Integer that divides the number of channels.
        strides: Integer, the step from one position of the output to the next; the padding is `"same"`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, new_height, new_width, channels)`.
    """

    def __init__(self, kernel_size: int, *, groups: int = 1, strides: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_size = checks.whole_number("kernel_size", kernel_size)
        self.groups = checks.whole_number("groups", groups)
        self.strides = checks.whole_number("strides", strides)

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the kernels, one per group, as large at the start as those of a depthwise convolution."""
        channels = input_shape[-1]
        if channels % self.groups:
            raise checks.error("groups", f"a divisor of the {channels} channels", self.groups)
        limit = (6 / (self.kernel_size**2 * (channels + 1))) ** 0.5  # Glorot's, of the unshared kernels
        start = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight((self.kernel_size, self.kernel_size, self.groups), start, name="kernel")

    def call(self, inputs: Any) -> Any:
        """Convolve `inputs`."""
        each = ops.repeat(self.kernel, inputs.shape[-1] // self.groups, axis=2)[..., None]  # (K, K, channels, 1)
        return ops.depthwise_conv(inputs, each, self.strides, "same", data_format="channels_last")


def small_rednet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    operator: str = "involution",
    width: float = 1.0,
    kernel_size: int = 5,
    group_channels: int = 16,
    reduction_ratio: int = 4,
    normalization: str = "batch",
    start_as_mean: bool = False,
    kernel_generator: Callable[..., layers.Layer] | None = None,
) -> keras.Model:
    """Build a RedNet for images of 32x32 pixels, or the same network with another spatial operator in its place.

    A 3x3 convolution and 2x2 max pooling, then five residual bottlenecks (1x1 convolution, spatial operator, 1x1
    convolution) at half, a quarter (three) and an eighth of the image's size, global average pooling, the logits. Where
    a block halves the size it doubles the channels: its shortcut averages 2x2 pixels and repeats the channels.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1].
        num_classes: number of logits.
        operator: `"involution"`; `"attention"`, an involution whose kernels come from an `AttentionKernelGenerator`;
            `"static"`, a depthwise convolution with one kernel per group of channels; `"depthwise"`, one kernel per
            channel; `"convolution"`; `"pooling"`, the mean of the window; `"identity"`, no mixing of positions.
        width: factor of all numbers of channels but the image's.
        kernel_size: size of the operator's kernels.
        group_channels: channels with one kernel ("involution", "attention", "static"); divides 32, 64, 80 x `width`.
        reduction_ratio: of the kernel generator, for "involution" and "attention".
        normalization: of the kernel generator, "batch" or "none", for "involution".
        start_as_mean: whether the kernels of "involution" start as the mean of their window, not around zero.
        kernel_generator: for "involution", a function that makes a kernel generator, as in notebook 08. It is called
            once per block as `kernel_generator(kernel_size, strides=..., groups=..., reduction_ratio=...)`.

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled.

    Raises:
        ParameterError: if an argument is out of its range, or `group_channels` does not divide the channels.
    """
    checks.choice("operator", operator, OPERATORS)
    checks.choice("normalization", normalization, NORMALIZATIONS)
    checks.whole_number("kernel_size", kernel_size)
    checks.whole_number("group_channels", group_channels)
    checks.whole_number("reduction_ratio", reduction_ratio)
    width = checks.number("width", width, 0.1)
    if not (kernel_generator is None or callable(kernel_generator)):
        raise checks.error("kernel_generator", "a function that makes a kernel generator", kernel_generator)

    def spatial(channels, strides, name):
        settings = {"strides": strides, "padding": "same", "name": name}
        if operator == "depthwise":
            return layers.DepthwiseConv2D(kernel_size, use_bias=False, **settings)
        if operator == "convolution":
            return layers.Conv2D(channels, kernel_size, use_bias=False, **settings)
        if operator in ("pooling", "identity"):  # a window of one pixel mixes nothing
            return layers.AveragePooling2D(kernel_size if operator == "pooling" else 1, **settings)
        if channels % group_channels:
            raise checks.error("group_channels", f"a divisor of {channels}, the channels of {name}", group_channels)
        groups = channels // group_channels
        if operator == "static":
            return SharedDepthwiseConv2D(kernel_size, groups=groups, strides=strides, name=name)
        window = {"strides": strides, "groups": groups, "reduction_ratio": reduction_ratio}
        if kernel_generator is not None:
            generator = kernel_generator(kernel_size, **window)
        elif operator == "attention":
            generator = AttentionKernelGenerator(kernel_size, name="kernel_generator", **window)
        else:
            norm = None if normalization == "none" else normalization
            start = keras.initializers.Constant(1 / kernel_size**2 if start_as_mean else 0)
            window |= {"use_bias": norm is None, "normalization": norm, "span_bias_initializer": start}
            generator = KernelGenerator(kernel_size, name="kernel_generator", **window)
        return Involution2D(kernel_size, strides=strides, groups=groups, kernel_generator=generator, name=name)

    def normalized(x, name, relu=True, **settings):
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization", **settings)(x)
        return layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def convolution(x, channels, name, kernel_size=1):
        return layers.Conv2D(channels, kernel_size, padding="same", use_bias=False, name=name)(x)

    inputs, channels = keras.Input(input_shape, name="image"), round(64 * width)
    outputs = convolution(inputs, channels, "stem", 3)
    outputs = normalized(layers.MaxPooling2D(2, name="stem_pooling")(outputs), "stem")
    for number, (middle, strides) in enumerate(BLOCKS, start=1):
        middle, name, shortcut = round(middle * width), f"block_{number}", outputs
        if strides > 1:
            channels *= 2
            shortcut = layers.AveragePooling2D(strides, padding="same", name=f"{name}_shortcut_pooling")(shortcut)
            shortcut = layers.Concatenate(name=f"{name}_shortcut")([shortcut, shortcut])
        outputs = normalized(convolution(outputs, middle, f"{name}_reduce"), f"{name}_reduce")
        outputs = normalized(spatial(middle, strides, f"{name}_{operator}")(outputs), f"{name}_{operator}")
        outputs = convolution(outputs, channels, f"{name}_expand")
        outputs = normalized(outputs, f"{name}_expand", relu=False, gamma_initializer="zeros")
        outputs = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([outputs, shortcut]))
    outputs = layers.GlobalAveragePooling2D(name="pooling")(outputs)
    outputs = layers.Dense(num_classes, name="logits")(outputs)
    return keras.Model(inputs, outputs, name="small_rednet")
