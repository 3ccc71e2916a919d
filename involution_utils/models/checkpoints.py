"""Trained weights: the official checkpoints of RedNet, and the models that ship with the package."""

import contextlib
import json
import pickle
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from involution_utils import checks
from involution_utils.layers import Involution2D

PRETRAINED = ("involution_classifier", "small_rednet")
ASSETS = Path(__file__).parents[1] / "assets"


def load_official_weights(model: keras.Model, path: str | PathLike) -> None:
    """Load the official weights into a `rednet`: all of them, or none and an error. No code of the file is run.

    Args:
        model: a `rednet` of the checkpoint's depth and number of classes.
        path: the authors' checkpoint (`.pth`, which needs PyTorch), PaddleClas's copy of it (`.pdparams`), or a `.npz`
            of the authors' arrays under their names. `docs/guides/official_weights.md` says where to find them.

    Raises:
        ImportError: if a `.pth` is to be read and PyTorch is not installed.
        ParameterError: if the file is damaged, or a weight is missing, left over or of another shape.
    """
    found = {
        name.removeprefix("backbone.").removeprefix("head.").replace(".", "_"): value
        for name, value in _read_checkpoint(path).items()
        if not name.endswith("num_batches_tracked")
    }
    wanted = _official_weights(model)
    if found.keys() != wanted.keys():
        missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        problem = f"missing {missing[:3]}, left over {extra[:3]} (3 at most)"
        raise checks.ParameterError(f"`path` does not fit {model.name}: {problem}.")
    values = {}
    for name, (weight, convert) in wanted.items():
        with contextlib.suppress(ValueError):  # of an array that has another rank
            values[name] = convert(found[name])
        if name not in values or values[name].shape != tuple(weight.shape):
            raise checks.ParameterError(f"`path` does not fit {model.name}: {name} has shape {found[name].shape}.")
    for name, (weight, _) in wanted.items():
        weight.assign(values[name])


def _read_checkpoint(path):
    if str(path).endswith(".npz"):
        with np.load(path) as file:
            return dict(file)
    if str(path).endswith(".pdparams"):
        return _read_pdparams(path)
    try:
        import torch
    except ImportError as error:
        raise ImportError("A .pth file needs PyTorch: pip install torch. A .pdparams file needs nothing.") from error
    content = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in content.get("state_dict", content).items()}


class _Number:
    """Stands for a data type: NumPy's own trusts what a pickle says of its fields."""

    def __init__(self, name, *_):
        self.name = name

    def __setstate__(self, state):
        self.type = np.dtype(self.name).newbyteorder(state[1])


class _Array:
    """Stands for an array: it keeps the numbers, of which NumPy makes a new one."""

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state):
        _, shape, number, by_columns, content = state
        self.value = np.frombuffer(content, number.type).reshape(shape, order="F" if by_columns else "C")


# All that a checkpoint may name. NumPy 2 has its functions elsewhere than NumPy 1.
_STANDS_FOR = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Number,
    ("_codecs", "encode"): lambda text, _: text.encode("latin-1"),  # how protocol 2 writes bytes
    ("collections", "OrderedDict"): dict,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _STANDS_FOR:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STANDS_FOR[module, name]


def _read_pdparams(path):
    """Read the weights of a checkpoint of Paddle, a pickle of arrays, under PyTorch's names and in PyTorch's shapes.

    Nothing that it asks for is run. Paddle calls moving statistics `_mean` and `_variance`, and keeps weights of dense
    layers as (inputs, outputs).
    """
    with Path(path).open("rb") as file:
        try:
            found = {name: weight.value for name, weight in _Reader(file).load().items() if isinstance(weight, _Array)}
        except Exception as error:
            raise checks.error("path", f"a checkpoint of Paddle ({error})", str(path)) from error
    theirs = {name: value.T if value.ndim == 2 else value for name, value in found.items()}
    return {n.replace("._mean", ".running_mean").replace("._variance", ".running_var"): theirs[n] for n in theirs}


def _official_weights(model):
    """Map the official name of each weight of `model` to the weight and to what turns the official value into ours."""
    wanted = {}

    def add(name, layer, groups=1):
        def value_by_value(values):  # the authors' generator lists the values of a kernel group by group
            return values.reshape(groups, -1, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)

        if isinstance(layer, layers.BatchNormalization):
            pairs = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            wanted.update({f"{name}_{old}": (getattr(layer, new), np.asarray) for old, new in pairs.items()})
        elif layer.weights:
            axes = range(len(layer.kernel.shape))  # (outputs, inputs, ...) before, (..., inputs, outputs) here
            wanted[f"{name}_weight"] = layer.kernel, lambda v: value_by_value(v).transpose(*axes[2:], 1, 0)
            if layer.use_bias:
                wanted[f"{name}_bias"] = layer.bias, value_by_value

    for layer in model.layers:
        if isinstance(layer, Involution2D):
            generator = layer.kernel_generator
            add(f"{layer.name}_conv1_conv", generator.reduce)
            add(f"{layer.name}_conv1_bn", generator.normalize)
            add(f"{layer.name}_conv2_conv", generator.span, layer.groups)
        else:
            add(layer.name, layer)
    return wanted


def load_pretrained(name: str) -> keras.Model:
    """Return a trained model that ships with the package; `involution_utils/assets/NAME.md` is its card.

    Args:
        name: `"involution_classifier"` or `"small_rednet"`, from CIFAR-10, `(batch, 32, 32, 3)` in [0, 1], to logits.

    Raises:
        ParameterError: If there is no such model.
    """
    return _load(ASSETS, checks.choice("name", name, PRETRAINED))[0]


def load_trained(
    name: str, output_dir: str | PathLike | None = None, dataset: str | None = None
) -> tuple[keras.Model, dict[str, Any]]:
    """Return a trained model and its record: those that notebook 03 left in `output_dir`, else those that ship.

    One line is printed that says which, and on what it was trained if that is not `dataset`.

    Args:
        name: As in `load_pretrained`.
        output_dir: The folder that notebook 03 wrote to; None for the model that ships.
        dataset: Name of the data set that the model is to be used on; None if that does not matter.

    Returns:
        The model, and the record of its own training as a dict: `dataset`, `train_images`, `epochs`, `test_accuracy`,
        `trainable_parameters` and more, as `record` gathers them. It is empty if there is none beside the model.

    Raises:
        ParameterError: If there is no such model.
    """
    checks.choice("name", name, PRETRAINED)
    folder, whose = ASSETS, "ships with the package"
    if output_dir is not None and (Path(output_dir).expanduser() / f"{name}.keras").exists():
        folder, whose = Path(output_dir).expanduser(), "trained by notebook 03"
    model, record = _load(folder, name)
    trained_on = record.get("dataset")
    if not record:
        whose += "; it has no record beside it that tells how"
    elif dataset not in (None, trained_on):
        whose += f"; it was trained on {trained_on}, and knows nothing of {dataset}"
    print(f"{name}: {whose}")
    return model, record


def _load(folder, name):
    """Return model `name` of `folder` and the record beside it; an empty one if there is none of such a model."""
    model, record = keras.saving.load_model(folder / f"{name}.keras"), None
    with contextlib.suppress(OSError, ValueError, RecursionError):
        record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return model, record if isinstance(record, dict) and record.get("model") == name else {}
