"""Read a checkpoint of Paddle (`.pdparams`), a pickle of NumPy arrays, without running what it asks for."""

import pickle
from os import PathLike
from pathlib import Path

import numpy as np

from involution_utils.checks import ParameterError


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


def _encode(text, _):
    return text.encode("latin-1")  # how protocol 2 writes bytes


# All that a checkpoint may name. NumPy 2 has its functions elsewhere than NumPy 1.
_STANDS_FOR = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Number,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _STANDS_FOR:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STANDS_FOR[module, name]


def read_pdparams(path: str | PathLike) -> dict[str, np.ndarray]:
    """Read the weights of a `.pdparams` file, under PyTorch's names and in PyTorch's shapes.

    Paddle calls moving statistics `_mean` and `_variance`, and keeps weights of dense layers as (inputs, outputs).

    Args:
        path: the file, as `paddle.save(model.state_dict(), path)` writes it.

    Returns:
        The arrays by name.

    Raises:
        OSError: if the file cannot be opened.
        ParameterError: if the file holds anything but arrays of numbers and their names; nothing of it is run.
    """
    with Path(path).open("rb") as file:
        try:
            found = {name: weight.value for name, weight in _Reader(file).load().items() if isinstance(weight, _Array)}
        except Exception as error:
            raise ParameterError(f"`path` must be a checkpoint of Paddle, which {path} is not: {error}.") from error
    renamed = {
        name.replace("._mean", ".running_mean").replace("._variance", ".running_var"): value
        for name, value in found.items()
    }
    return {name: value.T if value.ndim == 2 else value for name, value in renamed.items()}
