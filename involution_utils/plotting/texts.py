"""Texts that stand beside figures: how far apart two arrays are, and tables."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from involution_utils import checks


def difference(one: Any, other: Any, below: float | None = None) -> Any:
    """Say how far apart two arrays are: "largest difference 0" or the power of ten that it stays below.

    Args:
        one: an array.
        other: an array of the same shape.
        below: if the difference is smaller than this power of ten, say no more: rounding is not the same everywhere.

    Raises:
        ParameterError: if the shapes differ.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    if one.shape != other.shape:
        raise checks.error("other", f"an array of the shape of `one`, {one.shape}", other.shape)
    largest = np.abs(one - other).max()
    if below is not None and largest < below:
        return _markdown(f"largest difference: below {below:.0e}")
    power = "0" if largest == 0 else f"below 1e{int(np.floor(np.log10(largest))) + 1:+03d}"
    return _markdown(f"largest difference: {power}")


def table(header: str, rows: Iterable[Sequence], folded: str | None = None) -> Any:
    """Return a table for the page: whole numbers get thousands separators, floats three significant digits.

    Args:
        header: the columns' titles, separated by "|".
        rows: lists of as many values.
        folded: a line of text in place of the table, which opens it.

    Raises:
        ParameterError: if a row has not as many values as there are titles.
    """
    titles = [title.strip() for title in header.split("|")]
    for row in rows:
        if len(row) != len(titles):
            raise checks.error("rows", f"lists of {len(titles)} values, one per title", row)
    lines = [titles, ["---"] * len(titles), *([_cell(value) for value in row] for row in rows)]
    text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    return _markdown(text if folded is None else f"<details><summary>{folded}</summary>\n\n{text}\n\n</details>")


def _cell(value):
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else value


def _markdown(text):
    from IPython.display import Markdown  # here, since the rest of the package needs no notebook tools

    return Markdown(text)
