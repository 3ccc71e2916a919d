"""Sweep a notebook over a grid of its parameters: papermill executes it once for each point."""

import ast
import hashlib
import itertools
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from involution_utils import checks, records
from involution_utils.parameters import CHECKS, check_overrides, declared_parameters
from lab.process import results_of
from lab.run import only_one


@dataclass(frozen=True)
class Point:
    """One execution of a notebook.

    Attributes:
        notebook: Name of its file.
        source: Its content, so that another machine needs no copy of the file.
        parameters: Values that replace its defaults.
        output_dir: Whether it has a parameter of that name.
    """

    notebook: str
    source: str = field(repr=False)
    parameters: Mapping[str, Any]
    output_dir: bool

    @property
    def label(self) -> str:
        """The parameters, for people to read, and the name of the point's folder."""
        text = ",".join(f"{name}={value}" for name, value in self.parameters.items()) or "defaults"
        safe = re.sub(r"[^\w.,=+-]", "_", text)[:100]
        return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def identity(self) -> dict[str, Any]:
        """What a finished point must agree in: the notebook, its code and the parameters, as JSON has them."""
        cells = [cell["source"] for cell in json.loads(self.source)["cells"] if cell["cell_type"] == "code"]
        code = hashlib.sha256("\0".join(map("".join, cells)).encode()).hexdigest()
        return {"notebook": self.notebook, "code": code, "parameters": dict(self.parameters)}


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
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two of brackets in brackets
            continue
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
    for combination in itertools.product(*chosen.values()):
        given = dict(zip(chosen, combination, strict=True))
        points.append(Point(Path(notebook).name, source, given, "output_dir" in declared))
        if set(declared) <= set(CHECKS):  # a notebook of the series
            check_overrides(notebook, given)
    return points


def execute(point: Point) -> dict[str, Any]:
    """Execute a point in a temporary folder, which is working directory and `output_dir` at once.

    Returns:
        `status`, "done" or what went wrong and where; `seconds`; provenance; and `files`, from the name of each file
        that it left, the executed notebook among them, to its bytes.
    """
    import papermill
    from traitlets.config import Config

    # A kernel reached through a file rather than a network port, so that a machine without any network will do.
    local = Config({"KernelManager": {"transport": "tcp" if sys.platform == "win32" else "ipc"}})
    parameters = dict(point.parameters) | ({"output_dir": "."} if point.output_dir else {})
    with tempfile.TemporaryDirectory() as name:
        folder, begin, status = Path(name), time.perf_counter(), "done"
        notebook = folder / point.notebook
        notebook.write_text(point.source, encoding="utf-8")
        try:
            papermill.execute_notebook(
                str(notebook), str(notebook), parameters, cwd=name, progress_bar=False, config=local
            )
        except papermill.PapermillExecutionError as error:
            status = f"cell In [{error.exec_count}]: {error.ename}: {error.evalue}"
        left = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in left}
    seconds = round(time.perf_counter() - begin, 1)
    return {"status": status, "seconds": seconds, **records.provenance(), "files": files}


def sweep(points: Sequence[Point], out: Path, submit: Callable[..., Future]) -> list[dict[str, Any]]:
    """Execute those points that are not finished, and keep what each leaves.

    Each point gets a folder in `out` with the executed notebook and what it wrote, and a JSON file beside it.

    Args:
        points: What `grid` returned.
        out: Folder of this sweep; later calls may add points of the same notebook.
        submit: The `submit` of a `concurrent.futures.Executor` that calls each function in a process of its own.

    Returns:
        The content of each point's JSON file, in the order of `points`.

    Raises:
        ParameterError: If another sweep writes into `out`, or what lies there is no point of this notebook's code.
    """
    checks.folder("out", out).mkdir(parents=True, exist_ok=True)
    with only_one(out / ".lock"):
        kept = {point.label: _kept(out, point) for point in points}
        missing = [point for point in points if kept[point.label].get("status") != "done"]
        for point, outcome, problem in results_of(submit, execute, missing):
            kept[point.label] = _keep(out, point, outcome or {"status": problem, "files": {}})
    return [kept[point.label] for point in points]


def _kept(out, point):
    """Return what an earlier sweep kept of this point, {} if nothing; refuse files that are not of this notebook."""
    path = out / f"{point.label}.json"
    if not path.exists() and not (out / point.label).exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        same = json.dumps({name: kept[name] for name in point.identity}) == json.dumps(point.identity)
        if same and isinstance(kept["status"], str) and isinstance(kept["records"], dict):
            return kept
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise checks.error(
        "out", f"another folder: {point.label} in this one is not of {point.notebook} as it is now", str(out)
    )


def _keep(out, point, outcome):
    """Write the files of a point, and before them what says that it is ours and, last, that it is finished."""
    path, folder, found = out / f"{point.label}.json", out / point.label, {}
    more = {name: value for name, value in outcome.items() if name != "files"}
    kept = point.identity | more | {"records": found}
    records.save_json(kept | {"status": "unfinished"}, path)
    shutil.rmtree(folder, ignore_errors=True)  # of the same point, which had failed
    for name, content in outcome["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        if name.endswith(".json") and "/" not in name:
            try:
                found[Path(name).stem] = json.loads(content)
            except (ValueError, RecursionError):
                continue
    records.save_json(kept, path)
    return kept


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what `sweep` returned as a table: parameters, status, seconds, and the numbers in the records."""
    import pandas

    rows = []
    for result in results:
        status = result["status"] if result["status"] == "done" else "failed"
        row = dict(result["parameters"]) | {"status": status, "seconds": result.get("seconds")}
        for stem, record in result["records"].items():
            numbers = record.items() if isinstance(record, dict) else ()
            row |= {f"{stem} {name}": value for name, value in numbers if type(value) in (int, float)}
        rows.append(row)
    frame = pandas.DataFrame(rows)
    shown = [name for name in frame if " " not in name or "test_accuracy" in name or frame[name].nunique() > 1]
    return frame[shown].to_string(index=False, float_format="{:.4g}".format)
