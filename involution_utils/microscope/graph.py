"""Read a Keras model into what the page's JavaScript computes: a list of nodes, one per layer that does something."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import activations, layers

from involution_utils.checks import ParameterError, error
from involution_utils.generators import AttentionKernelGenerator, KernelGenerator
from involution_utils.layers import Involution2D
from involution_utils.models.small_rednet import SharedDepthwiseConv2D
from involution_utils.window import Window, window

Node = dict[str, Any]
_ACTIVATIONS = ("linear", "relu", "relu6", "sigmoid", "silu", "softmax", "tanh")
# Their calls say training=True, which an explicit training=False overrides.
_AUGMENTATION = (layers.RandomFlip, layers.RandomTranslation, layers.RandomRotation, layers.RandomZoom)
_COPIED = (  # most of them do nothing once the model is trained
    *(layers.Activation, layers.Flatten, layers.Reshape, layers.Identity),
    *(layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, *_AUGMENTATION),
)
_RIGHT = {  # what a layer may have, where it has the attribute; axis 3 is the last one of images
    "data_format": ("channels_last",),
    "axis": (-1, 3),
    "activation": tuple(getattr(activations, name) for name in _ACTIVATIONS),
    "max_value": (None,),
    "negative_slope": (0,),
    "threshold": (0,),
}


def translate(model: keras.Model) -> Node:
    """Read `model`, a functional or sequential one from images of known size to logits or probabilities.

    A node has a name, the numbers of the nodes that feed it, the shape of its output, and its weights as arrays. A
    `ParameterError` tells of a model of another form, or a layer that the page does not know exactly.
    """
    if not isinstance(model, keras.Model) or type(model).__module__.split(".")[0] != "keras":
        raise error("model", "a functional or sequential Keras model, of no class of its own", type(model))
    shapes = [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)] if model.built else []
    if [len(shape) for shape in shapes] != [4, 2] or None in shapes[0][1:] or shapes[0][3] not in (1, 3):
        raise error("model", "from one image of known size, (height, width, 1 or 3), to one row of logits", shapes)
    for layer in model.layers:
        _check(layer, layers.InputLayer, *_NODES)
    nodes: list[Node] = [{"name": "input", "op": "input", "inputs": [], "shape": list(shapes[0][1:])}]
    numbers: dict[str, int] = {}  # of the node that holds a layer's output; node 0 is the input
    for layer, sources in _calls(model):
        inputs = [numbers.get(name, 0) for name in sources]
        sizes = [nodes[number]["shape"] for number in inputs]
        given = [keras.KerasTensor((None, *size)) for size in sizes]
        merges = type(layer) in (layers.Add, layers.Concatenate)
        shape = list(layer.compute_output_spec(given if merges else given[0]).shape[1:])
        node = _NODES[type(layer)](layer, sizes[0])
        activation = _ACTIVATIONS[_RIGHT["activation"].index(getattr(layer, "activation", activations.linear))]
        if activation != "linear":
            node["activation"] = activation
        if node.get("activation") == "softmax" and len(shape) != 1:
            raise _refuse(layer, f"softmax of an array {shape}", "softmax of one row of numbers")
        if type(layer) is layers.Add and any(size != shape for size in sizes):
            raise _refuse(layer, f"a sum of the shapes {sizes}", "sums of arrays of one shape")
        numbers[layer.name] = inputs[0]
        if node != {"op": "copy"} or shape != sizes[0]:
            numbers[layer.name] = len(nodes)
            nodes.append({"name": layer.name, "inputs": inputs, "shape": shape} | node)
    last = nodes[-1].get("activation", "linear")
    if last not in ("linear", "softmax"):
        raise error("model", "a network that ends in logits or in softmax", last)
    return {"input": nodes[0]["shape"], "nodes": nodes, "probabilities": last == "softmax"}


def _calls(model: Any) -> Iterator[tuple[Any, list[str]]]:
    """Yield the layers in the order in which they compute, each with the names of the layers that feed it."""
    known = {layer.name: layer for layer in model.layers}
    for entry in keras.Model(model.inputs, model.outputs).get_config()["layers"]:
        if not entry["inbound_nodes"]:  # the input
            continue
        if entry["name"] not in known:
            raise error("model", "made of layers alone", f"the operation {entry['name']} ({entry['class_name']})")
        layer, (call, *others) = known[entry["name"]], entry["inbound_nodes"]
        if others:
            raise _refuse(layer, f"{1 + len(others)} calls", "one call of each layer")
        given = [x for each in call["args"] for x in (each if isinstance(each, list | tuple) else [each])]
        more = any(call["kwargs"].values()) and type(layer) not in _AUGMENTATION
        if more or not all(isinstance(x, dict) for x in given):
            raise _refuse(layer, "further arguments in its call", "calls with the inputs alone")
        yield layer, [tensor["config"]["keras_history"][0] for tensor in given]


def _refuse(layer: Any, found: Any, right: str) -> ParameterError:
    kind = f"{layer.name} ({type(layer).__name__})"
    return ParameterError(f"`model` has a layer {kind} that the microscope cannot compute: {found}. It knows {right}.")


def _check(layer: Any, *kinds: type) -> None:
    """Raise a `ParameterError` unless `layer` is of exactly one of `kinds`, in float32, and as `_RIGHT` says."""
    if type(layer) not in kinds:
        raise _refuse(layer, "its class", ", ".join(kind.__name__ for kind in kinds))
    if layer.dtype_policy.name != "float32":
        raise _refuse(layer, f"dtype policy {layer.dtype_policy.name}", "float32, neither quantized nor mixed")
    for name, right in _RIGHT.items():
        value = getattr(layer, name, right[0])
        if not any(value is one or (name != "activation" and value == one) for one in right):
            known = [getattr(one, "__name__", repr(one)) for one in right]
            raise _refuse(layer, f"{name} {getattr(value, '__name__', value)}", f"{' or '.join(known)} of Keras")


def _involution(layer: Involution2D, size: list[int]) -> Node:
    generator = layer.kernel_generator
    _check(generator, KernelGenerator, AttentionKernelGenerator)
    for name in ("reduce", "span") if type(generator) is KernelGenerator else ("query", "key"):
        _check(getattr(generator, name), layers.Conv2D)
    # With strides a kernel comes from the mean of one block of pixels, that which holds the middle of the window.
    first = [0, 0]  # the number of the first position's block
    for number, axis in enumerate(layer.window.axes):
        if axis.padding is not None:
            middle = (axis.extent - 1) // 2 - axis.padding[0]
            first[number] = (middle + axis.missing(size[number]) // 2) // axis.stride
    made: Node = {"kind": "attention", "first": first}
    if type(generator) is KernelGenerator:
        kernel, bias = _array(generator.reduce.kernel), _array(generator.reduce.bias, 0)
        if generator.normalize is not None:
            _check(generator.normalize, layers.BatchNormalization)
            folded = _folded(generator.normalize)
            kernel, bias = kernel * folded["scale"], bias * folded["scale"] + folded["shift"]
        made |= {"kind": "pixel", "reduce": kernel, "reduceBias": np.broadcast_to(bias, kernel.shape[-1:])}
        made |= {"span": _array(generator.span.kernel), "spanBias": _array(generator.span.bias)}
    else:
        kernel = _array(generator.query.kernel)
        made |= {"query": kernel, "key": _array(generator.key.kernel)}
        if generator.use_position_bias:
            made["positionBias"] = _array(generator.position_bias)
    made["hidden"] = kernel.shape[-1]
    return {"op": "involution", "groups": layer.groups, "generator": made} | _moved(layer.window, size)


def _convolution(layer: Any, size: list[int]) -> Node:
    depthwise = type(layer) is layers.DepthwiseConv2D
    op = "static" if depthwise and layer.depth_multiplier == 1 else "convolution"
    return {"op": op, "groups": size[-1] if depthwise else layer.groups} | _window(layer, size) | _affine(layer)


def _rescaling(layer: Any, size: list[int]) -> Node:
    return {"op": "scale"} | {n: np.ones(size[-1]) * x for n, x in (("scale", layer.scale), ("shift", layer.offset))}


def _affine(layer: Any) -> Node:
    return {"kernel": _array(layer.kernel)} | ({"bias": _array(layer.bias)} if layer.use_bias else {})


def _folded(layer: Any, size: Any = None) -> Node:
    """Return the scale and shift per channel that batch normalization comes to once the model is trained."""
    scale = _array(layer.gamma, 1) / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    return {"op": "scale", "scale": scale, "shift": _array(layer.beta, 0) - _array(layer.moving_mean) * scale}


def _array(values: Any, missing: float | None = None) -> np.ndarray:
    """Return `values` in float64; where there are none, what stands for them."""
    return np.asarray(missing if values is None else keras.ops.convert_to_numpy(values), "float64")


def _window(layer: Any, size: list[int]) -> Node:
    kernel, padding = getattr(layer, "kernel_size", None) or layer.pool_size, getattr(layer, "padding", "same")
    return _moved(window(kernel, layer.strides, getattr(layer, "dilation_rate", 1), padding, 1, 2), size)


def _moved(over: Window, size: list[int]) -> Node:
    """Return the window over an input of `size`, with the padding above and to the left in pixels."""
    before = [axis.before(n) for axis, n in zip(over.axes, size, strict=False)]
    return {"size": over.kernel_size, "strides": over.strides, "dilation": over.dilation_rate, "before": before}


_NODES = {  # from the exact class of a layer to a function of the layer and the size of its first input
    **dict.fromkeys(_COPIED, lambda layer, size: {"op": "copy"}),
    Involution2D: _involution,
    SharedDepthwiseConv2D: lambda layer, size: (
        {"op": "static", "groups": layer.groups, "kernel": _array(layer.kernel)} | _window(layer, size)
    ),
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.Dense: lambda layer, size: {"op": "dense"} | _affine(layer),
    layers.BatchNormalization: _folded,
    layers.Rescaling: _rescaling,
    layers.MaxPooling2D: lambda layer, size: {"op": "maximum"} | _window(layer, size),
    layers.AveragePooling2D: lambda layer, size: {"op": "mean"} | _window(layer, size),
    layers.GlobalAveragePooling2D: lambda layer, size: {"op": "global_mean"},
    layers.ZeroPadding2D: lambda layer, size: {"op": "pad", "before": [before for before, _ in layer.padding]},
    layers.ReLU: lambda layer, size: {"op": "copy", "activation": "relu"},
    layers.Softmax: lambda layer, size: {"op": "copy", "activation": "softmax"},
    layers.Add: lambda layer, size: {"op": "add"},
    layers.Concatenate: lambda layer, size: {"op": "concatenate"},
}
