"""The judge of the exercises: it runs an answer on a few fixed cases, smallest first, and returns a `Verdict`.

A wrong answer that equals a known mistake in all cases gets the hint for that mistake. Any other wrong answer is shown
the first case that it gets wrong.
"""

import copy
import html
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-4  # wide enough for float32, and for factors rounded to three decimals
_COLORS = {"Right": "#2e7d32", "Not yet": "#c77700", "Not answered yet": "#808080"}  # on white and on black


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a check found: true if the answer is `right`; Jupyter and `print` show its `text`."""

    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        """Return the text as HTML that breaks lines between words, in the colors of the reader's theme."""
        start, colon, rest = html.escape(self.text).partition(":")
        rest = re.sub("`([^`]+)`", r"<code>\1</code>", rest)
        style = f"border-left: 4px solid {_COLORS.get(start, '#808080')}; padding: 0.2em 0.8em; white-space: normal"
        return f'<div style="{style}; overflow-wrap: break-word"><strong>{start}{colon}</strong>{rest}</div>'


def judge(
    answer: Any,
    cases: Sequence[tuple],
    solution: Callable,
    praise: str,
    mistakes: Mapping[str, Any],
    tolerance: float = TOLERANCE,
) -> Verdict:
    """Compare `answer` with `solution` on all `cases`, and explain a difference by one of the `mistakes`.

    Args:
        answer: what the reader handed over, a function if all is well.
        cases: the arguments of each call.
        solution: a right function, whose name and positional arguments are those of the exercise.
        praise: what to say of a right answer.
        mistakes: maps a hint to the wrong function, or functions, that it explains.
        tolerance: the largest absolute difference that counts as equal.
    """
    names = [p.name for p in inspect.signature(solution).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    call = f"{solution.__name__}({', '.join(names)})"
    if not is_stub(answer) and not callable(answer):
        return Verdict(False, f"Not yet: expected the function {call} itself, not a result; got {show(answer)}.")
    with np.errstate(all="ignore"):
        given = [attempt(answer, case) for case in cases] if callable(answer) else [None]
        if all(is_stub(value) for value in given):
            return Verdict(False, f"Not answered yet: write {call} and let it return its result.")
        expected = [attempt(solution, case) for case in cases]
        right = [agree(*pair, tolerance) for pair in zip(given, expected, strict=True)]
        if all(right):
            return Verdict(True, f"Right: {praise}")
        for hint, wrongs in mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                if _explains([attempt(wrong, case) for case in cases], given, right, tolerance):
                    return Verdict(False, f"Not yet: {hint}")
    first = right.index(False)
    where = ", ".join(_describe(*pair) for pair in zip(names, cases[first], strict=True))
    return Verdict(False, f"Not yet: {_difference(given[first], expected[first], tolerance)}, for {where}.")


def attempt(function: Callable, case: tuple) -> Any:
    """Return the function's result or, if it raises, the exception; the case itself stays as it is."""
    try:
        return function(*copy.deepcopy(case))
    except SystemExit:
        return RuntimeError("it called exit()")
    except Exception as error:
        return NotImplemented if isinstance(error, NotImplementedError) else error


def is_stub(value: Any) -> bool:
    """True if nothing was written yet: None, an ellipsis, or a raised `NotImplementedError`."""
    return value is None or value is ... or value is NotImplemented


def numbers(value: Any) -> np.ndarray | None:
    """Return the value as an array of floats, or None if it holds anything but numbers, or is masked."""
    try:
        if np.ma.is_masked(value):
            return None
        array = np.asarray(value)
        if array.dtype.kind == "O" and any(isinstance(item, str | bytes | bool | None) for item in array.flat):
            return None
        return array.astype(float) if array.dtype.kind in "iufOV" else None  # V: bfloat16
    except Exception:
        return None


def agree(given: Any, expected: Any, tolerance: float = TOLERANCE) -> bool:
    """True if both are numbers of the same shape and differ by no more than `tolerance`; NaN equals NaN."""
    given, expected = numbers(given), numbers(expected)
    if given is None or expected is None or given.shape != expected.shape:
        return False
    return np.allclose(given, expected, rtol=1e-6, atol=tolerance, equal_nan=True)


def raised(error: Exception) -> str:
    """Return what was raised, with the first line of its message that is not Keras's or TensorFlow's envelope."""
    try:
        text = str(error)
    except Exception:  # of an exception of the reader's own
        text = ""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m|\{\{.*?\}\} ?", "", text).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return f"raised {type(error).__name__}{f': {lines[0][:120]}'.rstrip('.') if lines else ''}"


def show(value: Any) -> str:
    """Return a number as such, anything else by its type."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        if not np.isrealobj(value) or (isinstance(value, int) and abs(value) > 1e300):
            return "a complex number" if np.iscomplexobj(value) else "a number of more than 300 digits"
        return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"
    if is_stub(value):
        return "nothing"
    if np.ma.is_masked(value):
        return "a masked array (`.filled(0)` makes an ordinary one)"
    if isinstance(value, np.ndarray):
        return f"an array of dtype {value.dtype}"
    return f"{'an' if type(value).__name__[0] in 'aeiouAEIOU' else 'a'} {type(value).__name__}"


def _explains(mistaken, given, right, tolerance):
    """True if `mistaken` equals `given` in every case that did not raise, and one of these cases is wrong."""
    failed = [isinstance(value, Exception) for value in given]
    same = [f or agree(g, m, tolerance) for g, m, f in zip(given, mistaken, failed, strict=True)]
    return all(same) and not all(f or ok for f, ok in zip(failed, right, strict=True))


def _difference(given, expected, tolerance):
    """Say in what the given result differs from the expected one."""
    if isinstance(given, Exception):
        return f"your function {raised(given)}"
    found, expected = numbers(given), np.asarray(expected, float)
    kind = f"numbers of shape {expected.shape}" if expected.ndim else "a number"
    if found is None:
        return f"expected {kind}, got {show(given)}"
    if found.shape != expected.shape:
        return f"expected {kind}, got {f'shape {found.shape}' if found.ndim else 'a single number'}"
    at = tuple(int(i) for i in np.argwhere(~np.isclose(found, expected, rtol=1e-6, atol=tolerance))[0])
    return f"expected {show(expected[at])}, got {show(found[at])}{f' at index {at}' if at else ''}"


def _describe(name, value):
    return f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name}={value!r}"
