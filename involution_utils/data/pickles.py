"""Read the batch files of CIFAR-10. They are pickles, and a pickle can call any function: so nothing here unpickles.

`load` interprets the few instructions that the real files consist of, as Python 2, Python 3 and either NumPy wrote
them. What it builds is bytes, strings, whole numbers, lists, tuples, dictionaries and arrays of bytes. No function
that a file names is ever looked up. Its memory and time are bounded by the size of a real file.
"""

import math
import pickle
import pickletools
from typing import Any

import numpy as np

MAX_BYTES = 2**26  # a real file has 30.8 million bytes
MAX_INSTRUCTIONS = 250_000  # a real file has 30,000; pickled anew in protocol 0, 120,000

_MARK = object()
_NDARRAY, _DTYPE, _UINT8, _RECONSTRUCT, _ENCODE = (object() for _ in range(5))
_GLOBALS = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,  # before NumPy 2
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): _ENCODE,  # bytes, as Python 3 writes them in Python 2's protocol
}


def _refused(what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"it {what}; do not trust where it comes from")


class _Array:
    """An array in the making: NumPy pickles an empty one first, then its contents."""

    values: np.ndarray | None = None


def load(content: bytes) -> dict:
    """Return the dictionary that a batch file holds.

    Args:
        content: The bytes of the file. Strings of Python 2 become bytes.

    Returns:
        A dictionary; its arrays are uint8, of one or two axes, and cannot be written to.

    Raises:
        pickle.UnpicklingError: The file is damaged, or holds something that no batch file does.
    """
    if len(content) > MAX_BYTES:
        raise _refused("is larger than any batch file")
    try:
        batch = _Machine(len(content)).run(content)
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # an instruction that finds something else on the stack than it needs
        raise pickle.UnpicklingError("it is damaged") from error
    if not isinstance(batch, dict):
        raise pickle.UnpicklingError("it holds no dictionary")
    return {key: value.values if isinstance(value, _Array) else value for key, value in batch.items()}


class _Machine:
    """The part of pickle's stack machine that batch files use; names of instructions as in `pickletools`."""

    def __init__(self, budget: int):
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.budget = budget  # bytes that may still be encoded: instructions can repeat a long string

    def run(self, content: bytes) -> Any:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(content)):
            if count == MAX_INSTRUCTIONS:
                raise _refused("holds more than any batch file")
            self.step(instruction.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        match name:
            case "BININT1" | "BININT2" | "BININT" | "INT" | "LONG" | "LONG1":
                stack.append(argument)
            case "SHORT_BINBYTES" | "BINBYTES" | "SHORT_BINUNICODE" | "BINUNICODE" | "UNICODE":
                stack.append(argument)
            case "SHORT_BINSTRING" | "BINSTRING" | "STRING":
                stack.append(argument.encode("latin-1"))
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(memo[argument])
            case "MARK":
                stack.append(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                stack.append({"EMPTY_TUPLE": (), "EMPTY_LIST": [], "EMPTY_DICT": {}}[name])
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self.popped(int(name[-1]))))
            case "TUPLE" | "LIST":
                stack.append({"TUPLE": tuple, "LIST": list}[name](self.popped_to_mark()))
            case "DICT":
                items = self.popped_to_mark()
                stack.append({})
                self.set_items(items)
            case "APPEND" | "APPENDS":
                items = self.popped(1) if name == "APPEND" else self.popped_to_mark()
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                self.set_items(self.popped(2) if name == "SETITEM" else self.popped_to_mark())
            case "GLOBAL":
                stack.append(self.named(*argument.split(" ")))
            case "STACK_GLOBAL":
                stack.append(self.named(*self.popped(2)))
            case "REDUCE":
                stack.append(self.called(*self.popped(2)))
            case "BUILD":
                self.build(*self.popped(1))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise _refused(f"holds the instruction {name}")

    def popped(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def popped_to_mark(self) -> list[Any]:
        mark = len(self.stack) - 1
        while self.stack[mark] is not _MARK:
            mark -= 1
        items = self.stack[mark + 1 :]
        del self.stack[mark:]
        return items

    def set_items(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or not all(type(key) in (bytes, str) for key in items[::2]):
            raise TypeError  # the hash of a deeply nested tuple would overflow C's stack
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def named(self, module: str, name: str) -> object:
        if type(module) is not str or type(name) is not str:
            raise TypeError  # as in `set_items`
        if (module, name) not in _GLOBALS:
            what = f"{module[:40]}.{name[:40]}"
            raise _refused(f"asks for {what!r}")
        return _GLOBALS[module, name]

    def called(self, function: object, arguments: tuple) -> Any:
        match arguments:
            case [array, (0,), b"b"] if function is _RECONSTRUCT and array is _NDARRAY:
                return _Array()
            case [b"u1" | "u1", *_] if function is _DTYPE:
                return _UINT8
            case [str(text), "latin1"] if function is _ENCODE:
                self.budget -= len(text)
                if self.budget < 0:
                    raise _refused("holds more than any batch file")
                return text.encode("latin-1")
        raise _refused("asks for something other than an array of bytes")

    def build(self, state: tuple) -> None:
        target = self.stack[-1]
        if target is _UINT8:
            return  # the state of a type: byte order and alignment, nothing to choose for bytes
        match state:
            case [int(), tuple(shape), kind, 0, bytes(values)] if kind is _UINT8 and type(target) is _Array:
                whole = len(shape) in (1, 2) and all(type(n) is int and n >= 0 for n in shape)
                if whole and math.prod(shape) == len(values):
                    target.values = np.frombuffer(values, np.uint8).reshape(shape)
                    return
        raise _refused("asks for something other than an array of bytes")
