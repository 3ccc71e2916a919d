"""RedNet (Li et al., CVPR 2021): a ResNet with involutions in place of its 3x3 convolutions."""

import keras
from keras import layers

from involution_utils.checks import choice
from involution_utils.layers import Involution2D, KernelGenerator

_OFFICIAL_NORMALIZATION = {"momentum": 0.9, "epsilon": 1e-5}  # PyTorch's defaults, which are not Keras's
REDNET_BLOCKS = {26: (1, 2, 4, 1), 38: (2, 3, 5, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def rednet(
    depth: int = 50, input_shape: tuple[int | None, int | None, int] = (224, 224, 3), num_classes: int = 1000
) -> keras.Model:
    """Build RedNet as the code of the paper does: a ResNet with 7x7 involutions in place of its 3x3 convolutions.

    The stem halves the image with a 3x3 convolution, then has a 3x3 involution; every involution has groups of 16
    channels and reduction ratio 4. Padding is the same on all sides, also at stride 2, where Keras's "same" is not.

    Args:
        depth: 26, 38, 50, 101 or 152 (9,233,166, 12,386,986, 15,540,806, 25,652,950, 33,984,582 trainable parameters).
        input_shape: (height, width, channels), even sizes; the official weights expect ImageNet's normalization,
            (image - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225).
        num_classes: number of logits.

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled, with the official layer names.

    Raises:
        ValueError: if `depth` is none of the five.
    """
    choice("depth", depth, REDNET_BLOCKS)
    outputs = inputs = keras.Input(input_shape, name="image")
    outputs = layers.ZeroPadding2D(1, name="stem_0_padding")(outputs)
    outputs = _convolution(outputs, 32, "stem_0_conv", "stem_0_bn", kernel_size=3, strides=2)
    outputs = _normalization(_involution(outputs, 3, 1, "stem_1"), "stem_2")
    outputs = _convolution(outputs, 64, "stem_4_conv", "stem_4_bn", kernel_size=3, padding="same")
    outputs = layers.ZeroPadding2D(1, name="maxpool_padding")(outputs)
    outputs = layers.MaxPooling2D(3, 2, name="maxpool")(outputs)
    for stage, blocks in enumerate(REDNET_BLOCKS[depth]):
        for block in range(blocks):
            name, middle, shortcut = f"layer{stage + 1}_{block}", 64 * 2**stage, outputs
            strides = 2 if stage > 0 and block == 0 else 1
            if block == 0:
                names = f"{name}_downsample_0", f"{name}_downsample_1"
                shortcut = _convolution(outputs, 4 * middle, *names, relu=False, strides=strides)
            outputs = _convolution(outputs, middle, f"{name}_conv1", f"{name}_bn1")
            outputs = _normalization(_involution(outputs, 7, strides, f"{name}_conv2"), f"{name}_bn2")
            outputs = _convolution(outputs, 4 * middle, f"{name}_conv3", f"{name}_bn3", relu=False, gamma="zeros")
            outputs = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([outputs, shortcut]))
    outputs = layers.GlobalAveragePooling2D(name="pooling")(outputs)
    outputs = layers.Dense(num_classes, name="fc")(outputs)
    return keras.Model(inputs, outputs, name=f"rednet_{depth}")


def _convolution(x, channels, name, normalization, *, kernel_size=1, relu=True, gamma="ones", **settings):
    start = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
    x = layers.Conv2D(channels, kernel_size, use_bias=False, kernel_initializer=start, name=name, **settings)(x)
    return _normalization(x, normalization, relu, gamma)


def _normalization(x, name, relu=True, gamma="ones"):
    x = layers.BatchNormalization(name=name, gamma_initializer=gamma, **_OFFICIAL_NORMALIZATION)(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _involution(x, kernel_size, strides, name):
    padding = ((kernel_size // 2, kernel_size // 2),) * 2
    settings = {"strides": strides, "groups": x.shape[-1] // 16, "reduction_ratio": 4, "padding": padding}
    norm = layers.BatchNormalization(name="normalization", **_OFFICIAL_NORMALIZATION)
    more = {"use_bias": False, "name": "kernel_generator"}
    generator = KernelGenerator(kernel_size, normalization=norm, **more, **settings)
    return Involution2D(kernel_size, kernel_generator=generator, name=name, use_bias=False, **settings)(x)
