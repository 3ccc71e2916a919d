"""The two classifiers of the original experiment: same head, different spatial operator."""

import keras
from keras import layers, ops

from involution_utils.layers import Involution2D, KernelGenerator


def conv_classifier(input_shape=(32, 32, 3), num_classes=10):
    """Build the convolutional classifier (CNN): 319,178 trainable parameters with the default arguments.

    Three 3x3 convolutions to 32, 64 and 64 channels with ReLU, 2x2 max pooling after the first two, then a dense
    layer of 64 and the logits.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1]; height and width are known numbers.
        num_classes: number of logits.

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled.
    """
    filters = (32, 64, 64)

    def convolution(number):
        return layers.Conv2D(filters[number - 1], 3, padding="same", name=f"convolution_{number}")

    return _classifier("conv_classifier", convolution, input_shape, num_classes)


def involution_classifier(input_shape=(32, 32, 3), num_classes=10, start_as_mean=False):
    """Build the involutional classifier (INN): 13,074 trainable parameters (and 6 not) with the default arguments.

    Three 3x3 involutions of one group and reduction ratio 2, each followed by ReLU, where `conv_classifier` has its
    convolutions; all else is the same. An involution cannot change the number of channels: there are three throughout.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1]; height and width are known numbers.
        num_classes: number of logits.
        start_as_mean: start from kernels that average their window, plus what the generator adds. By default, as in
            the original, they start around zero, and with some seeds the network never gets going (notebook 03).

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled. Its involutions are named
        "involution_1" to "involution_3".
    """
    start = keras.initializers.Constant(1 / 9 if start_as_mean else 0)

    def involution(number):
        generator = KernelGenerator(3, reduction_ratio=2, span_bias_initializer=start, name="kernel_generator")
        return Involution2D(3, kernel_generator=generator, name=f"involution_{number}")

    return _classifier("involution_classifier", involution, input_shape, num_classes)


def _classifier(name, spatial, input_shape, num_classes):
    """Stack three spatial layers with ReLU, pooling after the first two, and the dense head."""
    outputs = inputs = keras.Input(input_shape, name="image")
    for number in (1, 2, 3):
        outputs = spatial(number)(outputs)
        outputs = layers.ReLU(name=f"relu_{number}")(outputs)
        if number < 3:
            outputs = layers.MaxPooling2D(2, name=f"pooling_{number}")(outputs)
    outputs = layers.Flatten(name="flatten")(outputs)
    outputs = layers.Dense(64, activation="relu", name="dense")(outputs)
    outputs = layers.Dense(num_classes, name="logits")(outputs)
    return keras.Model(inputs, outputs, name=name)


def layer_kernels(model, images):
    """Compute the kernels that each involution of a stack of layers makes for `images`.

    Args:
        model: a model whose layers follow one another, as those of this module.
        images: (N, height, width, channels), in [0, 1]; they are computed in one batch.

    Returns:
        A dict from the name of each `Involution2D` to its kernels, an array (N, H', W', K_h, K_w, G).
    """
    outputs, kernels = ops.convert_to_tensor(images), {}
    for layer in model.layers[1:]:
        if isinstance(layer, Involution2D):
            outputs, made = layer(outputs, return_kernels=True)
            kernels[layer.name] = ops.convert_to_numpy(made)
        else:
            outputs = layer(outputs)
    return kernels


def spatial_share(kernels):
    """Compute which share of the kernels' variance lies between the places of an image; the rest lies between images.

    Args:
        kernels: (N, H, W, K_h, K_w), the kernels of N images.

    Returns:
        A number from 0 to 1: the variance over the places of an image, averaged over images and weights, divided by
        the variance over places and images together, averaged over weights. 0 if all kernels are alike.
    """
    total = kernels.var(axis=(0, 1, 2)).mean()
    return float(kernels.var(axis=(1, 2)).mean() / total) if total > 0 else 0.0
