"""Sweep a notebook over a grid of its parameters: papermill executes it once for each point."""

import ast
import hashlib
import itertools
import json
import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from involution_utils import checks, records
from involution_utils.parameters import CHECKS, check_overrides, declared_parameters
from lab.process import LOCAL_KERNEL
from lab.run import Experiment, Run, make


@dataclass(frozen=True, kw_only=True)
class Point(Run):
    """One execution of a notebook; its row agrees in the notebook's code and parameters.

    Attributes:
        notebook: Name of its file.
        code: Digest of its code.
        parameters: Values that replace its defaults.
        source: Its content, so that another machine needs no copy of the file.
    """

    outcomes: ClassVar = ("records", "processor_seconds")

    notebook: str
    code: str
    parameters: Mapping[str, Any]
    source: str = field(repr=False)

    @property
    def label(self) -> str:
        """Its name, which is that of its folder."""
        return self.name

    @property
    def command(self) -> str:
        """The command that makes this point."""
        given = [part for name, value in self.parameters.items() for part in ("-p", name, str(value))]
        return shlex.join(["python", "-m", "lab", "sweep", self.notebook, *given])

    def fields(self) -> dict[str, Any]:
        """Return the columns that declare this point: all but the content of the file."""
        return {name: value for name, value in asdict(self).items() if name != "source"}

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Execute the notebook in a temporary folder, which is working directory and `output_dir` at once.

        Returns:
            The columns `records`, the content of the JSON files that it left, and `problem`, if a cell failed; and the
            bytes of all files by their names.
        """
        import papermill

        with tempfile.TemporaryDirectory() as name:
            folder, columns = Path(name), {}
            notebook = folder / self.notebook
            notebook.write_text(self.source, encoding="utf-8")
            parameters = dict(self.parameters)
            if "output_dir" in declared_parameters(notebook):
                parameters["output_dir"] = "."
            try:
                settings = {"cwd": name, "progress_bar": False, "config": LOCAL_KERNEL}
                papermill.execute_notebook(notebook, notebook, parameters, **settings)
            except papermill.PapermillExecutionError as error:
                columns["problem"] = f"cell In [{error.exec_count}]: {error.ename}: {error.evalue}"
            left = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in left}
        written = {name.removesuffix(".json"): files[name] for name in files if re.fullmatch(r"[^/]*\.json", name)}
        return columns | {"records": {name: json.loads(text) for name, text in written.items()}}, files

    def keep(self, found: dict[str, Any], results: Path) -> None:
        """Write the files that the point left into its folder."""
        for name, content in found.items():
            path = results / self.label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def values(name: str, text: str) -> list[Any]:
    """Read the values of a parameter from the command line: `0,1,2`, `0.1,1e-3`, `true`, `None`, `shapes,cifar10`.

    Raises:
        ParameterError: If there is none, or one is there twice.
    """
    found = [_value(part.strip()) for part in text.split(",")]
    described = {value if type(value) in (int, float) else repr(value) for value in found}  # 1 and 1.0 are one
    if "" in found or len(described) < len(found):
        raise checks.error(name, "one value, or different ones with commas between them", text)
    return found


def _value(text):
    try:
        value = ast.literal_eval({"true": "True", "false": "False", "null": "None"}.get(text, text))
        return value if isinstance(value, int | float | str | list | None) else text  # what a table can hold
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two of brackets in brackets
        return text


def grid(notebook: str | PathLike, parameters: Iterable[tuple[str, str]]) -> list[Point]:
    """Return the points of a grid, the last parameter varying fastest.

    Args:
        notebook: The notebook's file.
        parameters: Pairs of a parameter's name and its values, as `values` reads them.

    Raises:
        ParameterError: If the notebook has no such parameter, or a value is wrong for it.
    """
    declared, chosen = declared_parameters(notebook), {}
    for name, text in parameters:
        checks.names([name], set(declared) - {"output_dir"}, f"parameter of {Path(notebook).name} to sweep")
        if name in chosen:
            raise checks.ParameterError(f"`{name}` is given twice; give its values with commas between them")
        chosen[name] = values(name, text)
    source, points = Path(notebook).read_text(encoding="utf-8"), []
    cells = ["".join(cell["source"]) for cell in json.loads(source)["cells"] if cell["cell_type"] == "code"]
    common = {"notebook": Path(notebook).name, "code": _digest("\0".join(cells)), "source": source}
    for combination in itertools.product(*chosen.values()):
        given = dict(zip(chosen, combination, strict=True))
        text = ",".join(f"{name}={value}" for name, value in given.items()) or "defaults"
        safe = re.sub(r"[^\w.,=+-]", "_", text)[:100]
        label = safe if safe == text else f"{safe}-{_digest(text)[:8]}"
        points.append(Point(experiment="sweep", name=label, parameters=given, **common))
        if set(declared) <= set(CHECKS):  # a notebook of the series
            check_overrides(notebook, given)
    return points


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def sweep(points: Sequence[Point], out: Path, executor: Executor | None = None) -> list[str]:
    """Execute those points that are not finished: a row for each in `sweep.jsonl`, and a folder of what it left.

    Args:
        points: What `grid` returned.
        out: Folder of this sweep; later calls may add points of the same notebook.
        executor: As for `lab.run.make`.

    Returns:
        A sentence for each point that failed; the executed notebook in its folder shows more.

    Raises:
        ParameterError: If another sweep writes into `out`, or what lies there is no sweep of this notebook's code.
    """
    table = checks.folder("out", out) / "sweep.jsonl"
    if out.exists() and any(out.iterdir()) and not table.exists():
        raise checks.error("out", "an empty folder, or one of an earlier sweep", str(out))
    for row in records.read_rows("sweep", out):
        if row.get("code") != points[0].code:
            raise checks.error("out", f"another folder: this one is not of {points[0].notebook} as it is now", str(out))
    out.mkdir(parents=True, exist_ok=True)
    table.touch()
    return make(Experiment("sweep", "points of a grid", lambda results: list(points)), out, out, out, executor)


def show(points: Sequence[Point], out: Path) -> str:
    """Return the finished `points` as a table: parameters, seconds of a processor, and the numbers in the records."""
    import pandas

    table = records.read_rows("sweep", out)
    rows = [row for point in points for row in table if point.is_done([row])]
    if not rows:
        return "No point is finished."
    frame = pandas.json_normalize(rows, sep=" ")
    numbers = [name for name in frame.select_dtypes("number") if name.startswith("records ")]
    numbers = [name for name in numbers if "test_accuracy" in name or frame[name].nunique() > 1]
    frame = frame[[*(f"parameters {name}" for name in points[0].parameters), "processor_seconds", *numbers]]
    frame.columns = [name.removeprefix("parameters ").removeprefix("records ") for name in frame]
    return frame.to_string(index=False, float_format="{:.4g}".format)
