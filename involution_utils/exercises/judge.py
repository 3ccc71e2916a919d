"""The checks of the exercises: each takes an answer and returns a `Verdict`, true if right, with a hint if not.

A check runs the answer on a few fixed cases, smallest first. An answer that makes one of the known mistakes on all of
them gets that mistake's hint; any other wrong answer is shown the first case that it gets wrong.
"""

import copy
import inspect
from dataclasses import dataclass

import numpy as np

_TOLERANCE = 1e-4


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a check found: true if the answer is `right`, shown as its `text`."""

    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return self.text


def judge(answer, cases, solution, praise, mistakes):
    """Compare `answer` with `solution` on all `cases`; explain a difference by `mistakes`: hint -> wrong solutions."""
    names = [p.name for p in inspect.signature(solution).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    call = f"{solution.__name__}({', '.join(names)})"
    if not is_stub(answer) and not callable(answer):
        return Verdict(False, f"Not yet: expected the function {call} itself, not a result; got {show(answer)}.")
    with np.errstate(all="ignore"):
        given = [attempt(answer, case) for case in cases] if callable(answer) else [None]
        if all(is_stub(value) for value in given):
            return Verdict(False, f"Not answered yet: write {call} and let it return its result.")
        expected = [attempt(solution, case) for case in cases]
        right = [_agrees(*pair) for pair in zip(given, expected, strict=True)]
        if all(right):
            return Verdict(True, f"Right: {praise}")
        for hint, wrongs in mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                if _explains([attempt(wrong, case) for case in cases], given, right):
                    return Verdict(False, f"Not yet: {hint}")
    first = right.index(False)
    where = ", ".join(_describe(*pair) for pair in zip(names, cases[first], strict=True))
    return Verdict(False, f"Not yet: {_difference(given[first], expected[first])}, for {where}.")


def attempt(function, case):
    """Return the function's result or, if it raises, the exception; the case itself stays as it is."""
    try:
        return function(*copy.deepcopy(case))
    except Exception as error:
        return NotImplemented if isinstance(error, NotImplementedError) else error


def is_stub(value):
    """True if nothing was written yet: None, an ellipsis or `NotImplementedError`."""
    return value is None or value is ... or value is NotImplemented


def _explains(mistaken, given, right):
    """Whether a mistake gives what the answer gives where that does not raise, and at least one of that is wrong."""
    raised = [isinstance(value, Exception) for value in given]
    same = [r or _agrees(g, m) for g, m, r in zip(given, mistaken, raised, strict=True)]
    return all(same) and not all(r or ok for r, ok in zip(raised, right, strict=True))


def numbers(value):
    """Return the value as an array of numbers, or None if it is something else."""
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array.astype(float) if array.dtype.kind in "iuf" else None


def _agrees(given, expected):
    given, expected = numbers(given), numbers(expected)
    if given is None or expected is None or given.shape != expected.shape:
        return False
    return np.allclose(given, expected, rtol=1e-6, atol=_TOLERANCE, equal_nan=True)


def _difference(given, expected):
    """Say in what the given result differs from the expected one."""
    if isinstance(given, Exception):
        return f"your function {raised(given)}"
    found, expected = numbers(given), np.asarray(expected, float)
    kind = f"numbers of shape {expected.shape}" if expected.ndim else "a number"
    if found is None:
        return f"expected {kind}, got {show(given)}"
    if found.shape != expected.shape:
        return f"expected {kind}, got {f'shape {found.shape}' if found.ndim else 'a single number'}"
    at = tuple(int(i) for i in np.argwhere(~np.isclose(found, expected, rtol=1e-6, atol=_TOLERANCE))[0])
    return f"expected {show(expected[at])}, got {show(found[at])}{f' at index {at}' if at else ''}"


def raised(error):
    """Return what was raised, with the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"raised {type(error).__name__}{f': {lines[0][:120]}' if lines else ''}"


def _describe(name, value):
    return f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name}={value!r}"


def show(value):
    """Return a number as such, anything else by its type."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"
    return f"{'an' if type(value).__name__[0] in 'aeiouAEIOU' else 'a'} {type(value).__name__}"
