"""The judge of the exercises: it runs an answer on a few fixed cases, smallest first, and returns a `Verdict`.

A wrong answer that equals a known mistake in all cases gets its hint; any other is shown the first case of its fault.
"""

import copy
import functools
import html
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def verdict(problem: str | None, praise: str = "") -> Verdict:
    """Return the verdict on an answer: right, with a praise, unless there is a problem."""
    return Verdict(False, f"Not yet: {problem}") if problem else Verdict(True, f"Right: {praise}")


def unanswered(task: str) -> Verdict:
    """Return the verdict on an exercise that was not begun; `task` says what to do."""
    return Verdict(False, f"Not answered yet: {task}")


def judge(
    answer: Any,
    cases: Sequence[tuple],
    solution: Callable,
    praise: str,
    mistakes: Mapping[str, Any],
) -> Verdict:
    """Compare `answer` with `solution` on all `cases`, and explain a difference by one of the `mistakes`.

    Args:
        answer: what the reader handed over, a function if all is well.
        cases: the arguments of each call.
        solution: a right function, whose name and arguments without a default are those of the exercise.
        praise: what to say of a right answer.
        mistakes: maps a hint to a wrong function, to keyword arguments of a wrong `solution`, or to a tuple of these.
    """
    names = [name for name, one in inspect.signature(solution).parameters.items() if one.default is one.empty]
    call = f"{solution.__name__}({', '.join(names)})"
    if not is_stub(answer) and not callable(answer):
        return verdict(f"expected the function {call} itself, not a result; got {show(answer)}.")
    with np.errstate(all="ignore"):
        given = [attempt(answer, case) for case in cases] if callable(answer) else [None]
        if all(is_stub(value) for value in given):
            return unanswered(f"write {call} and let it return its result.")
        expected = [solution(*case) for case in cases]
        right = [agree(*pair) for pair in zip(given, expected, strict=True)]
        if all(right):
            return verdict(None, praise)
        failed = [isinstance(value, BaseException) for value in given]
        for hint, wrongs in mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                wrong = functools.partial(solution, **wrong) if isinstance(wrong, dict) else wrong
                same = [agree(value, attempt(wrong, case)) for value, case in zip(given, cases, strict=True)]
                explained = all(map(any, zip(same, failed, strict=True)))
                if explained and not all(map(any, zip(right, failed, strict=True))):
                    return verdict(hint)
    first = right.index(False)
    where = ", ".join(
        f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name}={value!r}"
        for name, value in zip(names, cases[first], strict=True)
    )
    return verdict(f"{_difference(given[first], np.asarray(expected[first], float))}, for {where}.")


def attempt(function: Callable, case: tuple = ()) -> Any:
    """Return the function's result or, if it raises, the exception; the case itself stays as it is."""
    try:
        result = function(*copy.deepcopy(case))
        return list(itertools.islice(result, 10_000)) if isinstance(result, Iterator) else result
    except KeyboardInterrupt:
        raise
    except NotImplementedError:
        return NotImplemented
    except BaseException as error:  # exit() raises a SystemExit
        return error


def is_stub(value: Any) -> bool:
    """True if nothing was written yet: None, an ellipsis, or a raised `NotImplementedError`."""
    return value is None or value is ... or value is NotImplemented


def numbers(value: Any) -> np.ndarray | None:
    """Return the value as an array of floats, or None if it holds anything but numbers, or is masked."""
    try:
        array = np.asarray(value)
        if np.ma.is_masked(value) or any(isinstance(item, str | bytes | bool | None) for item in array.flat):
            return None
        return array.astype(float) if array.dtype.kind in "iufOV" else None  # V: bfloat16
    except Exception:
        return None


def agree(given: Any, expected: Any) -> bool:
    """True if both are numbers of the same shape and differ by no more than `TOLERANCE`; NaN equals NaN."""
    given, expected = numbers(given), numbers(expected)
    if given is None or expected is None or given.shape != expected.shape:
        return False
    return np.allclose(given, expected, rtol=1e-6, atol=TOLERANCE, equal_nan=True)


def raised(error: BaseException) -> str:
    """Return what was raised, with the first line of its message that is not Keras's or TensorFlow's envelope."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m|\{\{.*?\}\} ?", "", str(error)).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return f"raised {type(error).__name__}{f': {lines[0][:120]}'.rstrip('.') if lines else ''}"


def show(value: Any) -> str:
    """Return a number as such, anything else by its type."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and np.isrealobj(value):
        if isinstance(value, int) and abs(value) > 1e300:
            return "a number of more than 300 digits"
        return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"
    name = type(value).__name__.removeprefix("nd") or "object"
    dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
    return "nothing" if is_stub(value) else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}{dtype}"


def _difference(given, expected):
    """Say in what the given result differs from the expected array."""
    if isinstance(given, BaseException):
        return f"your function {raised(given)}"
    found, kind = numbers(given), f"numbers of shape {expected.shape}" if expected.ndim else "a number"
    if found is None:
        return f"expected {kind}, got {show(given)}"
    if found.shape != expected.shape:
        return f"expected {kind}, got {f'shape {found.shape}' if found.ndim else 'a single number'}"
    at = tuple(int(i) for i in np.argwhere(~np.isclose(found, expected, rtol=1e-6, atol=TOLERANCE))[0])
    return f"expected {show(expected[at])}, got {show(found[at])}{f' at index {at}' if at else ''}"
