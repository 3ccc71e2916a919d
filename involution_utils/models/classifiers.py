"""The two classifiers of the original experiment, and a repaired INN."""

import keras
from keras import layers

from involution_utils.layers import Involution2D, KernelGenerator


def conv_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10, pooled_head: bool = False
) -> keras.Model:
    """Build the convolutional classifier (CNN): 319,178 trainable parameters with the default arguments.

    3x3 convolutions to 32, 64 and 64 channels with ReLU, 2x2 max pooling after the first two, a dense layer, logits.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1]; height and width are known numbers.
        num_classes: number of logits.
        pooled_head: Average each channel over all positions before the dense layers, where the original flattens:
            61,130 parameters, and height and width may be None.

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled.
    """
    filters, same = (32, 64, 64), {"padding": "same"}
    spatial = [layers.Conv2D(n, 3, name=f"convolution_{i}", **same) for i, n in enumerate(filters, start=1)]
    return _classifier("conv_classifier", spatial, input_shape, num_classes, pooled_head)


def involution_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10, start_as_mean: bool = False
) -> keras.Model:
    """Build the involutional classifier (INN): 13,074 trainable parameters (and 6 not) with the default arguments.

    Three 3x3 involutions of one group and reduction ratio 2, each followed by ReLU, where `conv_classifier` has its
    convolutions; all else is the same. An involution cannot change the number of channels: there are three throughout.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1]; height and width are known numbers.
        num_classes: number of logits.
        start_as_mean: start from kernels that average their window, plus what the generator adds. By default, as in
            the original, they start around zero, and with some seeds the network never gets going (notebook 03).

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), with "involution_1" to "involution_3".
    """
    start = keras.initializers.Constant(1 / 9 if start_as_mean else 0)
    settings = {"reduction_ratio": 2, "span_bias_initializer": start, "name": "kernel_generator"}
    generators = [KernelGenerator(3, **settings) for _ in range(3)]
    spatial = [Involution2D(3, kernel_generator=one, name=f"involution_{i}") for i, one in enumerate(generators, 1)]
    return _classifier("involution_classifier", spatial, input_shape, num_classes)


def repaired_involution_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10
) -> keras.Model:
    """Build the INN as notebook 04 repairs it: 13,804 trainable parameters with the default arguments.

    Three blocks of a 1x1 convolution (to 32, 64 and 64 channels), a 5x5 involution with a kernel per 16 channels and
    2x2 max pooling; convolution and involution are each followed by batch normalization and ReLU. Global average
    pooling and the logits follow, so that any image size will do.

    Args:
        input_shape: `(height, width, channels)` of an image with values in [0, 1].
        num_classes: Number of logits.

    Returns:
        A `keras.Model` from `(batch, *input_shape)` to `(batch, num_classes)`, not compiled.
    """
    outputs = inputs = keras.Input(input_shape, name="image")
    for number, channels in enumerate((32, 64, 64), start=1):
        mix = layers.Conv2D(channels, 1, use_bias=False, name=f"mix_{number}")
        involution = Involution2D(kernel_size=5, groups=channels // 16, name=f"involution_{number}")
        for layer in (mix, involution):
            outputs = layer(outputs)
            outputs = layers.BatchNormalization(momentum=0.9, name=f"{layer.name}_normalization")(outputs)
            outputs = layers.ReLU(name=f"{layer.name}_relu")(outputs)
        outputs = layers.MaxPooling2D(2, name=f"pooling_{number}")(outputs)
    outputs = layers.GlobalAveragePooling2D(name="average")(outputs)
    outputs = layers.Dense(num_classes, name="logits")(outputs)
    return keras.Model(inputs, outputs, name="repaired_involution_classifier")


def _classifier(name, spatial, input_shape, num_classes, pooled_head=False):
    """Stack three spatial layers with ReLU, pooling after the first two, and the dense head."""
    outputs = inputs = keras.Input(input_shape, name="image")
    for number, layer in enumerate(spatial, start=1):
        outputs = layer(outputs)
        outputs = layers.ReLU(name=f"relu_{number}")(outputs)
        if number < 3:
            outputs = layers.MaxPooling2D(2, name=f"pooling_{number}")(outputs)
    flat = layers.GlobalAveragePooling2D(name="average") if pooled_head else layers.Flatten(name="flatten")
    outputs = flat(outputs)
    outputs = layers.Dense(64, activation="relu", name="dense")(outputs)
    outputs = layers.Dense(num_classes, name="logits")(outputs)
    return keras.Model(inputs, outputs, name=name)
