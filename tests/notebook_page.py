"""What a notebook's page imports and defines, without running it."""

import ast
from collections.abc import Container
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def definitions(name: str, variables: Container[str] = ()) -> dict[str, Any]:
    """Return what notebook `name` imports, its functions and classes, and `variables`; of several, the first."""
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code").replace("%pip", "pass  #")
    names: dict[str, Any] = {}
    for statement in ast.parse(code).body:
        defined = getattr(statement, "name", None)
        if isinstance(statement, ast.Assign):
            target = ast.unparse(statement.targets[0])
            defined = target if target in variables else None
        if isinstance(statement, ast.Import | ast.ImportFrom) or (defined and defined not in names):
            exec(ast.unparse(statement), names)
    return names
