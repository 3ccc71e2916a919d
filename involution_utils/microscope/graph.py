"""Translate a Keras model into what the page's JavaScript runs: a list of nodes and one array of float32 weights."""

from typing import Any

import keras
import numpy as np
from keras import layers

from involution_utils.checks import ParameterError, error
from involution_utils.generators import AttentionKernelGenerator, KernelGenerator
from involution_utils.layers import Involution2D
from involution_utils.models.small_rednet import SharedDepthwiseConv2D
from involution_utils.window import window

_NOTHING_TO_DO = (  # layers that do nothing once the model is trained
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.RandomFlip,
    layers.RandomTranslation,
    layers.RandomRotation,
    layers.RandomZoom,
)
_ACTIVATIONS = ("linear", "relu", "relu6", "sigmoid", "silu", "softmax", "tanh")


class Weights:
    """Collects arrays into one, each known by where it starts."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.size = 0

    def add(self, values: Any) -> list[int]:
        """Append `values` as float32 and return [start, number of values]."""
        array = np.asarray(keras.ops.convert_to_numpy(values), "float32").ravel()
        self.arrays.append(array)
        self.size += array.size
        return [self.size - array.size, array.size]

    def joined(self) -> np.ndarray:
        """Return all arrays as one."""
        return np.concatenate(self.arrays) if self.arrays else np.zeros(0, "float32")


def translate(model: keras.Model) -> tuple[dict[str, Any], np.ndarray]:
    """Translate `model` for the page.

    Args:
        model: a functional or sequential Keras model from images (batch, height, width, channels) of known size to
            logits or probabilities (batch, classes).

    Returns:
        `(graph, weights)`: a JSON-serializable dict with the input's shape and one node per layer, and a float32
        array that the nodes point into.

    Raises:
        ParameterError: if the model is of another form, or holds a layer that the page does not know.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise error("model", "a functional or sequential Keras model that has been built", type(model).__name__)
    shapes = [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)]
    if len(shapes) != 2 or len(shapes[0]) != 4 or None in shapes[0][1:] or len(shapes[1]) != 2:
        raise error("model", "from one image of known size, (height, width, channels), to one row of logits", shapes)
    if shapes[0][3] not in (1, 3):
        raise error("model", "a network for images of 1 or 3 channels", shapes[0])
    nodes = [{"name": "input", "op": "input", "inputs": [], "shape": list(shapes[0][1:])}]
    numbers, weights = {id(model.inputs[0]): 0}, Weights()
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        called = _calls(model, layer)
        if len(called) != 1:
            raise _unknown(layer, "which is used more than once")
        found, made = called[0].input_tensors, called[0].outputs[0]
        sizes = [list(tensor.shape[1:]) for tensor in found]
        node = {"name": layer.name, "inputs": [], "shape": list(made.shape[1:])} | _lower(layer, sizes, weights)
        if not all(id(tensor) in numbers for tensor in found):
            raise _unknown(layer, "which takes its input from elsewhere")
        node["inputs"] = [numbers[id(tensor)] for tensor in found]
        numbers[id(made)] = len(nodes)
        nodes.append(node)
    last = numbers.get(id(model.outputs[0]))
    if last is None or last != len(nodes) - 1:
        raise error("model", "one whose last layer gives its output", model.name)
    graph = {"name": model.name, "input": list(shapes[0][1:]), "nodes": nodes}
    return graph | {"probabilities": nodes[-1].get("activation") == "softmax"}, weights.joined()


def _calls(model: Any, layer: Any) -> list[Any]:
    """Return the calls of `layer` that `model` is made of; a Sequential calls its layers anew with every `add`."""
    functional = model._functional if isinstance(model, keras.Sequential) else model
    nodes = (node for depth in functional._nodes_by_depth.values() for node in depth)
    return [node for node in nodes if node.operation is layer]


def _unknown(layer: Any, why: str = "which the microscope does not know") -> ParameterError:
    kind = type(layer).__name__
    return ParameterError(
        f"`model` has a layer {layer.name!r} ({kind}), {why}: see `microscope.page` for those it does."
    )


def _lower(layer: Any, sizes: list[list[int]], weights: Weights) -> dict[str, Any]:
    """Return what the page needs to compute `layer`, with its weights added to `weights`."""
    if getattr(layer, "data_format", None) == "channels_first":
        raise _unknown(layer, "which has its channels first; the microscope has them last")
    match layer:
        case Involution2D():
            return _involution(layer, sizes[0], weights)
        case layers.DepthwiseConv2D() if layer.depth_multiplier == 1:
            found = {"op": "static", "groups": sizes[0][-1]} | _affine(layer, weights)
            return found | _window(layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding, sizes[0])
        case layers.DepthwiseConv2D():
            found = {"op": "convolution", "groups": sizes[0][-1]} | _affine(layer, weights)
            return found | _window(layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding, sizes[0])
        case SharedDepthwiseConv2D():
            found = {"op": "static", "groups": layer.groups, "kernel": weights.add(layer.kernel)}
            return found | _window((layer.kernel_size,) * 2, (layer.strides,) * 2, (1, 1), "same", sizes[0])
        case layers.Conv2D() if type(layer) is layers.Conv2D:
            window = _window(layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding, sizes[0])
            return {"op": "convolution", "groups": layer.groups} | window | _affine(layer, weights)
        case layers.Dense():
            return {"op": "dense"} | _affine(layer, weights)
        case layers.BatchNormalization():
            scale, shift = _folded(layer)
            return {"op": "scale", "scale": weights.add(scale), "shift": weights.add(shift)}
        case layers.Rescaling():
            channels = np.ones(sizes[0][-1])
            return {
                "op": "scale",
                "scale": weights.add(layer.scale * channels),
                "shift": weights.add(layer.offset * channels),
            }
        case layers.MaxPooling2D() | layers.AveragePooling2D():
            op = "maximum" if isinstance(layer, layers.MaxPooling2D) else "mean"
            return {"op": op} | _window(layer.pool_size, layer.strides, (1, 1), layer.padding, sizes[0])
        case layers.GlobalAveragePooling2D():
            return {"op": "global_mean"}
        case layers.ZeroPadding2D():
            return {"op": "pad", "before": [layer.padding[0][0], layer.padding[1][0]]}
        case layers.ReLU() if layer.max_value is None and not layer.negative_slope and not layer.threshold:
            return {"op": "copy", "activation": "relu"}
        case layers.Softmax() if layer.axis == -1:
            return {"op": "copy", "activation": "softmax"}
        case layers.Activation():
            return {"op": "copy", "activation": _activation(layer)}
        case layers.Add():
            if any(size != sizes[0] for size in sizes):
                raise _unknown(layer, "which adds arrays of different shapes")
            return {"op": "add"}
        case layers.Concatenate() if layer.axis in (-1, len(sizes[0])):
            return {"op": "concatenate"}
        case layers.Flatten() | layers.Reshape():
            return {"op": "copy"}
    if isinstance(layer, _NOTHING_TO_DO) or type(layer).__name__ == "Identity":
        return {"op": "copy"}
    raise _unknown(layer)


def _activation(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", "")
    if name not in _ACTIVATIONS:
        raise _unknown(layer, f"whose activation, {name or layer.activation!r}, the microscope does not know")
    return name


def _affine(layer: Any, weights: Weights) -> dict[str, Any]:
    found = {"kernel": weights.add(layer.kernel), "activation": _activation(layer)}
    return found | ({"bias": weights.add(layer.bias)} if layer.use_bias else {})


def _folded(normalization: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and shift per channel that batch normalization comes to once the model is trained."""
    mean, variance, gamma, beta = (
        np.asarray(keras.ops.convert_to_numpy(value), "float64") if value is not None else default
        for value, default in (
            (normalization.moving_mean, 0.0),
            (normalization.moving_variance, 1.0),
            (normalization.gamma, 1.0),
            (normalization.beta, 0.0),
        )
    )
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    return scale, beta - mean * scale


def _window(size: Any, strides: Any, dilation: Any, padding: Any, sizes: list[int]) -> dict[str, Any]:
    """Return a window as the page has it, with the padding above and to the left in pixels."""
    found = window(size, strides, dilation, padding, 1, 2)
    before = [axis.before(size) for axis, size in zip(found.axes, sizes, strict=False)]
    return {"size": found.kernel_size, "strides": found.strides, "dilation": found.dilation_rate, "before": before}


def _involution(layer: Involution2D, sizes: list[int], weights: Weights) -> dict[str, Any]:
    generator = layer.kernel_generator
    found = {"op": "involution", "groups": layer.groups}
    found |= _window(layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding, sizes)
    # The kernel of a position comes from the mean of one block of `strides` pixels, that which holds the middle of the
    # window. `first` is the number of the first position's block.
    first = [
        0
        if axis.padding is None
        else ((axis.extent - 1) // 2 - axis.padding[0] + -size % axis.stride // 2) // axis.stride
        for axis, size in zip(layer.window.axes, sizes, strict=False)
    ]
    if type(generator) is KernelGenerator:
        kernel = np.asarray(keras.ops.convert_to_numpy(generator.reduce.kernel), "float64")
        bias = np.zeros(kernel.shape[-1])
        if generator.reduce.use_bias:
            bias = np.asarray(keras.ops.convert_to_numpy(generator.reduce.bias), "float64")
        if isinstance(generator.normalize, layers.BatchNormalization):
            scale, shift = _folded(generator.normalize)
            kernel, bias = kernel * scale, bias * scale + shift
        elif generator.normalize is not None:
            raise _unknown(layer, f"whose kernel generator has a {type(generator.normalize).__name__}")
        made = {"kind": "pixel", "first": first, "hidden": kernel.shape[-1]}
        made |= {"reduce": weights.add(kernel), "reduceBias": weights.add(bias)}
        made |= {"span": weights.add(generator.span.kernel), "spanBias": weights.add(generator.span.bias)}
    elif type(generator) is AttentionKernelGenerator:
        made = {"kind": "attention", "first": first, "hidden": generator.key_channels}
        made |= {"query": weights.add(generator.query.kernel), "key": weights.add(generator.key.kernel)}
        if generator.use_position_bias:
            made["positionBias"] = weights.add(generator.position_bias)
    else:
        raise _unknown(layer, f"whose kernel generator, {type(generator).__name__}, the microscope does not know")
    return found | {"generator": made}
