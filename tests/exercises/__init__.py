"""Answers as learners would write them: the solutions in the notebooks' folds, right ones in other styles, mistakes."""

import ast
import importlib
import itertools
import pkgutil
import re
from pathlib import Path

import nbformat
import pytest

RIGHT, MISTAKES = [], []


def solutions():
    """Return {check: answer} from the folds after the exercises, each with what its page imports and its classes."""
    found = {}
    for path in (Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source.replace("%pip", "pass  #") for cell in cells if cell.cell_type == "code")
        given = [s for s in ast.parse(code).body if isinstance(s, ast.Import | ast.ImportFrom | ast.ClassDef)]
        page = {}
        exec(ast.unparse(given), page)
        for cell, fold in itertools.pairwise(cells):
            if exercise := re.search(r"^exercises\.check_(\w+)\((\w+)\)", cell.source, re.M):
                check, name = exercise.groups()
                block, line = (re.search(f, fold.source, re.S) for f in (r"```python\n(.*?)```", r": `(.*?)`\."))
                assert block or line, f"no solution in the fold after check_{check} in {path.name}"
                names = page.copy()
                exec(block[1] if block else f"{name} = {line[1]}", names)
                found[check] = names[name]
    return found


def right(check, name=None):
    """Register an answer in another style that is right, too."""

    def register(answer):
        RIGHT.append(pytest.param(check, answer, id=f"{check}-{name or answer.__name__}"))
        return answer

    return register


def mistake(check, hint, name=None):
    """Register a wrong answer whose verdict mentions `hint`; one hint may serve several answers."""

    def register(answer):
        MISTAKES.append(pytest.param(check, answer, hint, id=f"{check}-{name or answer.__name__}"))
        return answer

    return register


ANSWERS = solutions()
for module in pkgutil.iter_modules(__path__):  # each registers its answers
    if not module.name.startswith("test_"):
        importlib.import_module(f"{__name__}.{module.name}")
