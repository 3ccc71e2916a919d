"""Every check of an argument, in one wording; and writing a file whole or not at all.

A message names the argument, says what would be right and what was received:

    ParameterError: `epochs` must be a whole number of at least 1. Received: epochs=0
"""

import difflib
import importlib.util
import math
import operator
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

MAX_SEED = 2**32 - 1  # the largest that NumPy's global generator takes

# Each choice of the package, written once.
DATASETS = ("auto", "cifar10", "shapes")
RECIPES = ("adam", "augmented")


class ParameterError(ValueError):
    """An argument is wrong; the message says which and what would be right, and Jupyter shows nothing else."""

    def _render_traceback_(self) -> list[str]:
        return [f"ParameterError: {self}"]


def error(name: str, expected: str, value: Any) -> ParameterError:
    """Return the error for argument `name`, which must be `expected` and was `value`."""
    return ParameterError(f"`{name}` must be {expected}. Received: {name}={shown(value)}")


def shown(value: Any) -> str:
    """Return `repr(value)`, at most 500 characters of it; the type where there is none, as of a very large number."""
    try:
        text = repr(value)
    except Exception:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 500 else f"{text[:500]}..."


def is_whole_number(value: Any) -> bool:
    """True for Python and NumPy integers; False for booleans and everything else."""
    if isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool":
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _span(least: float, most: float | None) -> str:
    return f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"


def whole_number(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return `value` as an `int` from `least` to `most`, or raise a `ParameterError`."""
    found = operator.index(value) if is_whole_number(value) else None
    if found is None or found < least or (most is not None and found > most):
        raise error(name, f"a whole number {_span(least, most)}", value)
    return found


def seed(value: Any, name: str = "seed") -> int:
    """Return `value` as a seed that NumPy, Keras and the backends accept, or raise a `ParameterError`."""
    return whole_number(name, value, 0, MAX_SEED)


def number(name: str, value: Any, least: float, most: float | None = None) -> float:
    """Return `value` as a finite `float` from `least` to `most`, or raise a `ParameterError`."""
    try:
        found = math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found) or found < least or (most is not None and found > most):
        raise error(name, f"a number {_span(least, most)}", value)
    return found


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is True or False, or raise a `ParameterError`."""
    if type(value).__name__ not in ("bool", "bool_") or getattr(value, "shape", ()) != ():
        raise error(name, "True or False", value)
    return bool(value)


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Return `value` if it is one of `allowed`, or raise a `ParameterError` that lists them."""
    allowed = tuple(allowed)
    if any(type(value) is type(one) and value == one for one in allowed):
        return value
    *others, last = (f'"{one}"' if isinstance(one, str) else repr(one) for one in allowed)
    raise error(name, f"{', '.join(others)} or {last}" if others else last, value)


def whole_numbers(name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """Return a whole number, or `rank` of them (a tuple, list or NumPy array), as a tuple of `rank` numbers.

    Raises:
        ParameterError: if it is something else, or a number is below `least`.
    """
    try:
        values = (value,) * rank if is_whole_number(value) else tuple(value)
    except TypeError:
        values = ()
    if len(values) != rank or not all(is_whole_number(n) and operator.index(n) >= least for n in values):
        kind = "positive whole number" if least == 1 else f"whole number {_span(least, None)}"
        raise error(name, f"a {kind}" + (f" or {rank} of them" if rank > 1 else " or a tuple of one"), value)
    return tuple(map(operator.index, values))


def names(received: Iterable[str], known: Iterable[str], kind: str = "argument") -> None:
    """Raise a `ParameterError` if a name in `received` is not among `known`, and suggest the nearest."""
    known = tuple(known)
    for name in received:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise ParameterError(f"there is no {kind} `{name}`.{hint} Known: {', '.join(known)}")


def folder(name: str, value: Any) -> Path:
    """Return `value` as the path of a folder that exists or can be made, and can be written to.

    Raises:
        ParameterError: if it is no path, is a file, or nothing can be written there.
    """
    if not isinstance(value, str | os.PathLike) or not str(value).strip():
        raise error(name, "the name of a folder", value)
    try:
        path = Path(value).expanduser()
        existing = next(one for one in (path, *path.parents) if os.path.lexists(one))
        with tempfile.TemporaryDirectory(dir=existing) as scratch:
            below = [part for part in path.relative_to(existing).parts if part != ".."]
            Path(scratch, *below).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, RuntimeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise error(name, f"a folder that can be made and written to ({reason})", str(value)) from None
    return path


def write_whole(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path beside `path`, then rename it to `path`; on an error, remove it.

    The temporary name keeps the suffix of `path`; its folder is made if it is missing, and `~` is the home folder.
    """
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name[-50:]}")  # no longer than a name may be
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def extra(module: str, name: str) -> None:
    """Raise a `ParameterError` that says what to install if `module`, of the package's extra `name`, is missing."""
    if importlib.util.find_spec(module) is None:
        install = f'pip install "involution-utils[{name}]"'
        raise ParameterError(f"`{module}` is needed for this and is not installed: {install}")
