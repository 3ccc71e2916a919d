"""Sweep a notebook over a grid of its parameters, here or on a cluster: papermill executes it once for each point.

A point is executed in a folder of its own, which is the working directory and the `output_dir` at once. What it leaves
there is brought back: a worker shares no disk with the place where the command was given.
"""

import ast
import hashlib
import itertools
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from tqdm import tqdm

from involution_utils import checks
from involution_utils.experiments.cluster import RunsFailedError
from involution_utils.experiments.record import provenance, save_json
from involution_utils.notebook_parameters import CHECKS, declared_parameters

MANIFEST = "sweep.json"


@dataclass(frozen=True)
class Point:
    """One execution of a notebook.

    Attributes:
        notebook: Name of its file.
        source: Its content, so that a worker needs no copy of the file.
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


def values(name: str, text: str) -> list[Any]:
    """Read the values of a parameter from the command line: `0,1,2`, `0.1,1e-3`, `true`, `None`, `shapes,cifar10`.

    Each is what JSON or Python makes of it, else the text itself.

    Raises:
        ParameterError: If there is none, or one is there twice.
    """
    try:
        found = json.loads(f"[{text}]")
    except (ValueError, RecursionError):
        found = [_value(part.strip()) for part in text.split(",")]
    described = {value if type(value) in (int, float) else repr(value) for value in found}  # 1 and 1.0 are one
    if not found or "" in found or len(described) < len(found):
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
    settable = [name for name in declared if name != "output_dir"]
    for name, text in parameters:
        if name == "output_dir":
            raise checks.ParameterError("each point of a sweep has an `output_dir` of its own; give --out alone")
        checks.names([name], settable, f"parameter of {Path(notebook).name}")
        if name in chosen:
            raise checks.ParameterError(f"`{name}` is given twice; give its values with commas between them")
        chosen[name] = values(name, text)
        for value in chosen[name]:
            _check(name, value, declared[name])
    source = Path(notebook).read_text(encoding="utf-8")
    points = itertools.product(*chosen.values())
    return [
        Point(Path(notebook).name, source, dict(zip(chosen, point, strict=True)), "output_dir" in declared)
        for point in points
    ]


def _check(name, value, default):
    """Check a value as the series' notebooks do where the default passes that, else by the default's type."""
    if name in CHECKS:
        try:
            CHECKS[name](name, default)
        except checks.ParameterError:
            pass
        else:
            CHECKS[name](name, value)
            return
    if isinstance(default, bool):
        checks.boolean(name, value)
    elif isinstance(default, int) and not checks.is_whole_number(value):
        raise checks.error(name, f"a whole number, as the notebook's {default} is", value)
    elif isinstance(default, float):
        checks.number(name, value)
    elif isinstance(default, str) and not isinstance(value, str):
        raise checks.error(name, f"text, as the notebook's {default!r} is", value)


def execute(point: Point) -> dict[str, Any]:
    """Execute a point in a temporary folder.

    Returns:
        `status`, "done" or what went wrong and where; `seconds`; `provenance`; and `files`, from the name of each file
        that it left, the executed notebook among them, to its bytes.
    """
    import papermill
    from traitlets.config import Config

    # A kernel reached through a file rather than a network port, so that a machine without any network will do.
    local = Config({"KernelManager": {"transport": "tcp" if sys.platform == "win32" else "ipc"}})
    parameters = dict(point.parameters) | ({"output_dir": "."} if point.output_dir else {})
    with tempfile.TemporaryDirectory() as name:
        folder, begin = Path(name), time.perf_counter()
        notebook = folder / point.notebook
        notebook.write_text(point.source, encoding="utf-8")
        try:
            papermill.execute_notebook(
                str(notebook), str(notebook), parameters, cwd=name, progress_bar=False, config=local
            )
            status = "done"
        except papermill.PapermillExecutionError as error:
            status = f"cell In [{error.exec_count}]: {error.ename}: {error.evalue}"
        except Exception as error:  # no kernel, a kernel that died: a status like any other
            status = f"{type(error).__name__}: {error}"
        content = json.loads(notebook.read_text(encoding="utf-8"))
        content["metadata"].get("papermill", {}).update(input_path=point.notebook, output_path=point.notebook)
        notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
        seconds = round(time.perf_counter() - begin, 1)
    return {"status": status, "seconds": seconds, "provenance": provenance(), "files": files}


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def sweep(
    points: Sequence[Point],
    out: str | PathLike,
    execute_all: Callable[[list[Point]], Iterator[tuple[Point, dict[str, Any]]]] | None = None,
) -> list[dict[str, Any]]:
    """Execute those points that are not finished, and keep what each leaves.

    Each point gets a folder in `out`, with the executed notebook and what it wrote, and a JSON file beside it:
    parameters, status, seconds, provenance, and the records (JSON files) that the notebook wrote.

    Args:
        points: What `grid` returned.
        out: Folder of this sweep; later calls may add points of the same notebook.
        execute_all: Function from points to pairs of a point and what `execute` returns for it, in any order; by
            default they are executed here, one after the other.

    Returns:
        The content of each point's JSON file, in the order of `points`.

    Raises:
        ParameterError: If `out` holds something else than a sweep of this notebook.
    """
    checks.extra("papermill", "notebooks")
    out = checks.folder("out", out)
    save_json(_manifest(out, points[0]), out / MANIFEST)
    kept = {point.label: _kept(out, point) for point in points}
    missing = [point for point in points if kept[point.label].get("status") != "done"]

    def here(points):
        for point in points:
            bar.set_postfix_str(point.label)
            yield point, execute(point)

    done = len(points) - len(missing)
    with tqdm(desc=points[0].notebook, total=len(points), initial=done, unit="point", dynamic_ncols=True) as bar:
        try:
            for point, outcome in (execute_all or here)(missing):
                kept[point.label] = _keep(out, point, outcome)
                bar.update()
        except RunsFailedError as error:
            for point, reason in error.failures:
                kept[point.label] = _keep(out, point, {"status": reason, "files": {}})
    return [kept[point.label] for point in points]


def _manifest(out, point):
    """Return what marks `out` as a sweep of this notebook's code; refuse a folder that holds something else."""
    cells = json.loads(point.source)["cells"]
    code = "\0".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    manifest = {"notebook": point.notebook, "code": hashlib.sha256(code.encode()).hexdigest()}
    if out.is_dir() and any(out.iterdir()):
        try:
            found = json.loads((out / MANIFEST).read_text())
            known = found.keys() == manifest.keys()
        except (OSError, ValueError, AttributeError):
            known = False
        if not known:
            raise checks.error("out", "a new or empty folder, or that of an earlier sweep", str(out))
        if found != manifest:
            raise checks.error(
                "out", f"another folder: this one holds a sweep of {found['notebook']} with other code", str(out)
            )
    return manifest


def _kept(out, point):
    try:
        return json.loads((out / f"{point.label}.json").read_text())
    except (OSError, ValueError):
        return {}


def _keep(out, point, outcome):
    """Write the files of a point, and last what says that it is finished; return that."""
    records = {}
    for name, content in outcome["files"].items():
        checks.write_whole(out / point.label / name, lambda part, content=content: part.write_bytes(content))
        if name.endswith(".json") and "/" not in name:
            try:
                records[Path(name).stem] = json.loads(content)
            except ValueError:
                continue
    more = {name: value for name, value in outcome.items() if name != "files"}
    kept = {"notebook": point.notebook, "parameters": dict(point.parameters), **more, "records": records}
    save_json(kept, out / f"{point.label}.json")
    return kept


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what `sweep` returned as a table in Markdown.

    It has the parameters, "done" or "failed", the seconds, and of the numbers in the records the test accuracies and
    those that are not the same at all points.
    """
    numbers = [_numbers(result) for result in results]
    names = list(dict.fromkeys(name for row in numbers for name in row))
    shown = [n for n in names if n.endswith("test_accuracy") or len({row.get(n) for row in numbers if row}) > 1]
    rows = [[*results[0]["parameters"], "status", "seconds", *shown]]
    for result, row in zip(results, numbers, strict=True):
        status = "done" if result["status"] == "done" else "failed"
        cells = [*result["parameters"].values(), status, result.get("seconds"), *(row.get(name) for name in shown)]
        rows.append(["" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _numbers(result):
    records = {stem: record for stem, record in result.get("records", {}).items() if isinstance(record, dict)}
    return {
        name if len(records) == 1 else f"{stem} {name}": value
        for stem, record in records.items()
        for name, value in record.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in result["parameters"]
    }
