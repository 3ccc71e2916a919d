"""The parameters of the notebooks: which names a notebook declares, and what each may be.

A notebook declares its parameters in the cell tagged `parameters` and passes them all to `check_parameters` in the
cell after it. papermill, `make run` and sweeps override them; the last two check before a notebook starts.
"""

import ast
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from involution_utils import checks


def _none_or(meaning: str, check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def checked(name, value):
        try:
            return None if value is None else check(name, value)
        except checks.ParameterError as wrong:
            raise checks.ParameterError(str(wrong).replace("must be ", f"must be None ({meaning}) or ", 1)) from None

    return checked


_ALL_IMAGES = partial(_none_or, "all images")
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "dataset": partial(checks.choice, allowed=checks.DATASETS),
    "epochs": _none_or("the data set's default", checks.whole_number),
    **dict.fromkeys(("label_epochs", "signal_epochs"), checks.whole_number),
    "label_size": partial(checks.whole_number, most=10_000),
    "signal_size": partial(checks.whole_number, most=1000),
    "batch_size": partial(checks.whole_number, most=50_000),
    "train_size": _ALL_IMAGES(partial(checks.whole_number, least=10, most=50_000)),
    "test_size": _ALL_IMAGES(partial(checks.whole_number, least=10, most=10_000)),
    "seed": lambda name, value: checks.seed(value, name),
    "output_dir": checks.folder,
}


def check_parameters(**parameters: Any) -> None:
    """Check all parameters of a notebook before anything long begins.

    In a notebook it also reads the cell in which papermill sets parameters, where a name may be misspelt.

    Args:
        **parameters: every parameter that the notebook declares, by its name; `CHECKS` holds what each may be.

    Raises:
        ParameterError: naming the parameter, what would be right and what was received.
    """
    checks.names(_injected_names(), parameters, "parameter")
    _check_values(parameters)


def _check_values(parameters: Mapping[str, Any]) -> None:
    checks.names(parameters, CHECKS, "parameter")
    for name, value in parameters.items():
        CHECKS[name](name, value)


def declared_parameters(notebook: str | os.PathLike) -> dict[str, Any]:
    """Return the parameters that the notebook file declares, with their defaults, in their order.

    Raises:
        ParameterError: if `notebook` is not a notebook file, or a default is not a plain value.
    """
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        sources = ["".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", ())]
        assignments = ast.parse("\n".join(sources)).body
        return {one.targets[0].id: ast.literal_eval(one.value) for one in assignments}  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, AttributeError):
        expected = "a notebook file (.ipynb) with plain values as parameters"
        raise checks.error("notebook", expected, str(notebook)) from None


def check_overrides(notebook: str | os.PathLike, parameters: Mapping[str, Any]) -> None:
    """Check values for parameters of a notebook file, as its check cell will, before it starts.

    Args:
        notebook: path of the notebook.
        parameters: the values that replace the notebook's defaults, by name.

    Raises:
        ParameterError: if the notebook declares no parameter of such a name, or a value is wrong.
    """
    checks.names(parameters, declared_parameters(notebook), "parameter")
    _check_values(parameters)


def _injected_names() -> list[str]:
    """Return the names that the cell of papermill sets, where a notebook runs and has one."""
    ipython = sys.modules.get("IPython")  # there if a notebook runs, and no dependency of the package
    shell = ipython and ipython.get_ipython()
    cells = [cell for cell in (shell.user_ns.get("In", []) if shell else []) if cell.startswith("# Parameters\n")]
    return re.findall(r"^(\w+) = ", cells[-1], re.MULTILINE) if cells else []
