"""The networks: the original experiment's two classifiers, RedNet, and a small RedNet with an exchangeable operator."""

import math

import keras
import numpy as np
from keras import layers, ops

from involution_utils.layers import AttentionKernelGenerator, Involution2D, KernelGenerator

_OFFICIAL_NORMALIZATION = {"momentum": 0.9, "epsilon": 1e-5}  # PyTorch's defaults, which are not Keras's
REDNET_BLOCKS = {26: (1, 2, 4, 1), 38: (2, 3, 5, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
OPERATORS = ("involution", "depthwise", "convolution", "attention")


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


def rednet(depth=50, input_shape=(224, 224, 3), num_classes=1000):
    """Build RedNet as the code of the paper does: a ResNet with 7x7 involutions in place of its 3x3 convolutions.

    The stem halves the image with a 3x3 convolution, then has a 3x3 involution; every involution has groups of 16
    channels and reduction ratio 4. Padding is the same on all sides, also at stride 2, where Keras's "same" is not.

    Args:
        depth: 26, 38, 50, 101 or 152; with 1000 classes 9,233,166, 12,386,986, 15,540,806, 25,652,950 or 33,984,582
            trainable parameters.
        input_shape: (height, width, channels), even sizes; the official weights expect ImageNet's normalization,
            (image - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225).
        num_classes: number of logits.

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled. Layers are named as in the
        official checkpoints, which `load_official_weights` reads.

    Raises:
        ValueError: if `depth` is none of the five.
    """
    if depth not in REDNET_BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, REDNET_BLOCKS))}, not {depth!r}.")
    outputs = inputs = keras.Input(input_shape, name="image")
    outputs = layers.ZeroPadding2D(1, name="stem_0_padding")(outputs)
    outputs = _official_convolution(outputs, 32, "stem_0_conv", 3, strides=2)
    outputs = _official_normalization(outputs, "stem_0_bn", relu=True)
    outputs = _official_involution(outputs, 3, 1, "stem_1")
    outputs = _official_normalization(outputs, "stem_2", relu=True)
    outputs = _official_convolution(outputs, 64, "stem_4_conv", 3, padding="same")
    outputs = _official_normalization(outputs, "stem_4_bn", relu=True)
    outputs = layers.ZeroPadding2D(1, name="maxpool_padding")(outputs)
    outputs = layers.MaxPooling2D(3, 2, name="maxpool")(outputs)
    for stage, blocks in enumerate(REDNET_BLOCKS[depth]):
        for block in range(blocks):
            name, middle = f"layer{stage + 1}_{block}", 64 * 2**stage
            strides = 2 if stage > 0 and block == 0 else 1
            shortcut = outputs
            if block == 0:
                shortcut = _official_convolution(outputs, 4 * middle, f"{name}_downsample_0", strides=strides)
                shortcut = _official_normalization(shortcut, f"{name}_downsample_1")
            outputs = _official_convolution(outputs, middle, f"{name}_conv1")
            outputs = _official_normalization(outputs, f"{name}_bn1", relu=True)
            outputs = _official_involution(outputs, 7, strides, f"{name}_conv2")
            outputs = _official_normalization(outputs, f"{name}_bn2", relu=True)
            outputs = _official_convolution(outputs, 4 * middle, f"{name}_conv3")
            outputs = _official_normalization(outputs, f"{name}_bn3", gamma_initializer="zeros")
            outputs = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([outputs, shortcut]))
    outputs = layers.GlobalAveragePooling2D(name="pooling")(outputs)
    outputs = layers.Dense(num_classes, name="fc")(outputs)
    return keras.Model(inputs, outputs, name=f"rednet_{depth}")


def _official_convolution(x, channels, name, kernel_size=1, **settings):
    start = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
    settings = {"use_bias": False, "kernel_initializer": start, "name": name} | settings
    return layers.Conv2D(channels, kernel_size, **settings)(x)


def _official_normalization(x, name, relu=False, **settings):
    x = layers.BatchNormalization(name=name, **_OFFICIAL_NORMALIZATION, **settings)(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _official_involution(x, kernel_size, strides, name):
    groups, padding = x.shape[-1] // 16, (((kernel_size - 1) // 2,) * 2,) * 2
    settings = {"strides": strides, "groups": groups, "reduction_ratio": 4, "padding": padding, "use_bias": False}
    norm = layers.BatchNormalization(name="normalization", **_OFFICIAL_NORMALIZATION)
    generator = KernelGenerator(kernel_size, normalization=norm, name="kernel_generator", **settings)
    return Involution2D(kernel_size, kernel_generator=generator, name=name, **settings)(x)


def load_official_weights(model, path):
    """Load a checkpoint of the paper's authors (PyTorch) into a `rednet`; all of it, or nothing and an error.

    The authors' kernel generator lists the values of a kernel group by group, ours value by value: they are reordered.

    Args:
        model: a `rednet` of the checkpoint's depth and number of classes.
        path: the checkpoint (`.pth`, read by PyTorch, which must be installed), or the same arrays under the same
            names in a `.npz`.

    Raises:
        ImportError: if a `.pth` is to be read and PyTorch is not installed.
        ValueError: if a weight is missing, left over or of another shape.
    """
    found = {
        name.removeprefix("backbone.").removeprefix("head.").replace(".", "_"): value
        for name, value in _read_checkpoint(path).items()
        if not name.endswith("num_batches_tracked")
    }
    wanted = _official_weights(model)
    if found.keys() != wanted.keys():
        missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        raise ValueError(f"`path` does not fit {model.name}: missing {missing[:3]}, left over {extra[:3]} (3 at most).")
    values = {}
    for name, (weight, convert) in wanted.items():
        try:
            values[name] = convert(found[name])
        except ValueError:
            values[name] = found[name]
        if values[name].shape != tuple(weight.shape):
            raise ValueError(f"`path` does not fit {model.name}: {name} has shape {found[name].shape}.")
    for name, (weight, _) in wanted.items():
        weight.assign(values[name])


def _read_checkpoint(path):
    if str(path).endswith(".npz"):
        with np.load(path) as file:
            return dict(file)
    try:
        import torch
    except ImportError as error:
        raise ImportError("reading a PyTorch checkpoint needs PyTorch: pip install torch") from error
    content = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in content.get("state_dict", content).items()}


def _official_weights(model):
    """Map the official name of each weight of `model` to the weight and to what turns the official value into ours."""
    wanted = {}

    def kernel(values):
        return values.transpose(2, 3, 1, 0)

    def add(name, layer, convert=kernel, bias=np.asarray):
        if isinstance(layer, layers.BatchNormalization):
            pairs = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            wanted.update({f"{name}_{old}": (getattr(layer, new), np.asarray) for old, new in pairs.items()})
        else:
            wanted[f"{name}_weight"] = (layer.kernel, convert)
            if layer.use_bias:
                wanted[f"{name}_bias"] = (layer.bias, bias)

    for layer in model.layers:
        if isinstance(layer, Involution2D):
            generator, groups = layer.kernel_generator, layer.groups

            def value_by_value(values, groups=groups):  # (groups * values of a kernel, ...), group by group before
                return values.reshape(groups, -1, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)

            add(f"{layer.name}_conv1_conv", generator.reduce)
            add(f"{layer.name}_conv1_bn", generator.normalize)
            add(f"{layer.name}_conv2_conv", generator.span, lambda v, f=value_by_value: kernel(f(v)), value_by_value)
        elif isinstance(layer, layers.Dense):
            add(layer.name, layer, np.transpose)
        elif layer.weights:
            add(layer.name, layer)
    return wanted


def small_rednet(
    input_shape=(32, 32, 3),
    num_classes=10,
    operator="involution",
    width=1.0,
    kernel_size=5,
    group_channels=16,
    reduction_ratio=4,
    normalization="batch",
):
    """Build a RedNet for images of 32x32 pixels, or the same network with another spatial operator in its place.

    A 3x3 convolution and 2x2 max pooling, then five residual bottlenecks (1x1 convolution, spatial operator, 1x1
    convolution) at half, a quarter (three) and an eighth of the image's size, global average pooling, the logits. Where
    a block halves the size it doubles the channels: its shortcut averages 2x2 pixels and repeats the channels.

    Args:
        input_shape: (height, width, channels) of an image with values in [0, 1].
        num_classes: number of logits.
        operator: "involution"; "depthwise" or "convolution", for those convolutions; "attention", an involution whose
            kernels come from an `AttentionKernelGenerator`.
        width: factor of all numbers of channels but the image's.
        kernel_size: size of the operator's kernels.
        group_channels: channels that share a kernel, for "involution" and "attention"; must divide 32, 64 and 80 times
            `width`.
        reduction_ratio: of the kernel generator, for "involution" and "attention".
        normalization: of the kernel generator, "batch" or "none", for "involution".

    Returns:
        A `keras.Model` from (batch, *input_shape) to (batch, num_classes), not compiled.

    Raises:
        ValueError: if `operator` is unknown, or `group_channels` does not divide the channels.
    """
    if operator not in OPERATORS:
        raise ValueError(f"`operator` must be one of {', '.join(OPERATORS)}, not {operator!r}.")

    def spatial(channels, strides, name):
        if operator == "depthwise":
            return layers.DepthwiseConv2D(kernel_size, strides, padding="same", use_bias=False, name=name)
        if operator == "convolution":
            return layers.Conv2D(channels, kernel_size, strides, padding="same", use_bias=False, name=name)
        if channels % group_channels:
            raise ValueError(f"`group_channels`, {group_channels}, must divide {channels}, the channels of {name}.")
        settings = {"strides": strides, "groups": channels // group_channels, "reduction_ratio": reduction_ratio}
        if operator == "attention":
            generator = AttentionKernelGenerator(kernel_size, name="kernel_generator", **settings)
        else:
            settings["use_bias"], norm = normalization == "none", None if normalization == "none" else normalization
            generator = KernelGenerator(kernel_size, normalization=norm, name="kernel_generator", **settings)
        return Involution2D(kernel_size, strides, channels // group_channels, kernel_generator=generator, name=name)

    def normalized(x, name, relu=True, **settings):
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization", **settings)(x)
        return layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def convolution(x, channels, name, kernel_size=1):
        return layers.Conv2D(channels, kernel_size, padding="same", use_bias=False, name=name)(x)

    inputs, channels = keras.Input(input_shape, name="image"), round(64 * width)
    outputs = convolution(inputs, channels, "stem", 3)
    outputs = normalized(layers.MaxPooling2D(2, name="stem_pooling")(outputs), "stem")
    for number, (middle, strides) in enumerate([(32, 1), (64, 2), (64, 1), (64, 1), (80, 2)], start=1):
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


def parameters(model):
    """Count the trainable parameters of `model`."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model):
    """Count the multiply-adds of `model` for one image: convolutions, dense layers, making and applying kernels.

    Every weight of a convolution or dense layer is multiplied once for every place of its output; normalization,
    pooling, activations and additions are left out, as in the paper.

    Args:
        model: a functional model of a known input size.
    """
    total = 0
    for layer in model.layers:
        kernels = [weight for weight in layer.trainable_weights if weight.name.endswith("kernel")]
        if not kernels:
            continue
        *places, channels = layer.output.shape[1:]
        each = sum(math.prod(weight.shape) for weight in kernels)
        if isinstance(layer, Involution2D):
            score = getattr(layer.kernel_generator, "key_channels", 0)
            each += math.prod(layer.kernel_size) * (channels + score)
        total += math.prod(places) * each
    return total


def match_width(operator, quantity, target, **arguments):
    """Find the `width` at which a `small_rednet` comes closest to a number of parameters or multiply-adds.

    Args:
        operator: "depthwise" or "convolution", which allow any width.
        quantity: `parameters` or `multiply_adds`.
        target: the number to come close to.
        **arguments: further arguments of `small_rednet`.

    Returns:
        A multiple of 0.01 from 0.2 to 4.
    """
    low, high = 20, 400
    while high - low > 1:
        middle = (low + high) // 2
        larger = quantity(small_rednet(operator=operator, width=middle / 100, **arguments)) > target
        low, high = (low, middle) if larger else (middle, high)
    off = {n: abs(quantity(small_rednet(operator=operator, width=n / 100, **arguments)) - target) for n in (low, high)}
    return min(off, key=off.get) / 100


def matched_widths(rule, **arguments):
    """Find the widths with which a `small_rednet` of each operator is compared under `rule`.

    Args:
        rule: "width" or "time", the same width for all; "parameters" or "multiply_adds", those of the involution's
            network come as close as widths in steps of 0.01 allow.
        **arguments: further arguments of `small_rednet`.

    Returns:
        A dict from "involution", "depthwise" and "convolution" to a width; that of the involution is 1.

    Raises:
        ValueError: if `rule` is none of the four.
    """
    if rule not in RULES:
        raise ValueError(f"`rule` must be one of {', '.join(RULES)}, not {rule!r}.")
    widths, quantity = dict.fromkeys(("involution", "depthwise", "convolution"), 1.0), RULES[rule]
    if quantity:
        target = quantity(small_rednet(operator="involution", **arguments))
        for operator in ("depthwise", "convolution"):
            widths[operator] = match_width(operator, quantity, target, **arguments)
    return widths


RULES = {"width": None, "parameters": parameters, "multiply_adds": multiply_adds, "time": None}


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
    kernels = kernels.astype("float64")
    total = kernels.var(axis=(0, 1, 2)).mean()
    return float(kernels.var(axis=(1, 2)).mean() / total) if total > 0 else 0.0
