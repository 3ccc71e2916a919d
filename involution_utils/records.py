"""The tables of what was measured, read as DataFrames; and a row for a training of one's own."""

import contextlib
import datetime
import importlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

import involution_utils
from involution_utils import analysis, checks

if TYPE_CHECKING:
    import pandas

    from involution_utils.data import ImageDataset

RESULTS = Path(__file__).parent / "results"


def load_results(name: str, folder: str | os.PathLike = RESULTS) -> "pandas.DataFrame":
    """Load the table of an experiment or of a benchmark.

    Args:
        name: Name of the experiment, such as `"lab"`, or of the benchmark, such as `"costs"`.
        folder: Folder of the tables; by default that of those that ship with the package.

    Returns:
        A DataFrame with a row per run. Whole numbers are `Int64` where one is missing; else None or NaN is missing.

    Raises:
        ParameterError: If there is no such table, or a line of it is damaged.
    """
    import pandas

    def column(values):
        kinds = {type(value) for value in values} - {type(None)}
        missing_whole, floats = kinds == {int} and None in values, float in kinds and kinds <= {int, float}
        dtype = "Int64" if missing_whole else "float64" if floats else object
        return pandas.Series(values, dtype=dtype).infer_objects()

    path = Path(folder) / f"{name}.json"
    if path.is_file():  # a benchmark: rows, and what they have in common
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [content | row for row in content.pop("rows")]
    elif not (rows := read_rows(name, folder)):
        known = ", ".join(sorted(path.stem for path in Path(folder).glob("*.json*")))
        raise checks.ParameterError(f"there are no results `{name}` in {folder}. Known: {known}")
    names = dict.fromkeys(key for row in rows for key in row)
    return pandas.DataFrame({name: column([row.get(name) for row in rows]) for name in names})


def read_rows(name: str, folder: str | os.PathLike = RESULTS) -> list[dict[str, Any]]:
    """Read the rows of an experiment; an unfinished last row, which a crash may leave, is told and left out.

    Args:
        name: Name of the experiment.
        folder: Folder of the tables.

    Returns:
        A list of dicts, empty if there is no table yet.

    Raises:
        ParameterError: If a line is damaged.
    """
    path, rows = Path(folder) / f"{name}.jsonl", []
    lines = path.read_bytes().split(b"\n") if path.is_file() else [b""]
    if not is_whole(lines[-1]) and lines.pop():
        print(f"{path}: the last line is unfinished and left out", file=sys.stderr)
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
            if rows[-1]["experiment"] != name or not isinstance(rows[-1]["name"], str):
                raise ValueError(f"it is no run of {name}")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = f"line {number} of {path} is damaged ({error!r:.200}); remove it to make that run anew"
            raise checks.ParameterError(problem) from None
    return rows


def is_whole(line: bytes) -> bool:
    """True if the last line of a table holds a row to its end, and not nothing or what a crash left of one."""
    with contextlib.suppress(ValueError, RecursionError):
        return isinstance(json.loads(line), dict)
    return False


def record(
    model: keras.Model, dataset: "ImageDataset", history: Mapping[str, list[float]], **settings: Any
) -> dict[str, Any]:
    """Gather what a training was and what came out, ready for `save_json`; names are the columns of `load_results`.

    Args:
        model: The trained model.
        dataset: The images it was trained on.
        history: What `train` returned.
        **settings: What else made the run (epochs, batch_size, seed ...), kept as given.

    Returns:
        A dict of plain values: `test_accuracy` among them or, where images were held out, `validation_accuracy`.
    """
    measured = "validation" if len(dataset.x_validation) else "test"
    return {
        "model": model.name,
        **settings,
        "dataset": dataset.name,
        "pixels": dataset.pixels,
        "source": dataset.source,
        "train_images": len(dataset.x_train),
        "test_images": len(dataset.x_test),
        f"{measured}_accuracy": round(history["val_accuracy"][-1], 4),
        "history": {name: [round(value, 4) for value in values] for name, values in history.items()},
        "trainable_parameters": analysis.count_parameters(model),
        "multiply_adds": analysis.multiply_adds(model),
        "seconds_per_epoch": round(statistics.median(history["seconds"]), 2),
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """Return the package's version and commit, the versions of its libraries, backend, processor and date."""
    libraries = map(importlib.import_module, ("keras", keras.backend.backend(), "numpy"))
    return {
        "package": involution_utils.__version__,
        "commit": _commit(Path(__file__).parents[1]),
        "versions": {"python": platform.python_version()} | {one.__name__: str(one.__version__) for one in libraries},
        "backend": keras.backend.backend(),
        "processor": _processor(),
        "date": datetime.date.today().isoformat(),
    }


def _commit(clone):
    """Return the commit of a clone, "-dirty" behind it if more than results differs; None where there is no clone."""
    if not (clone / ".git").exists():
        return None

    def git(*command):
        start = ["git", "-c", f"safe.directory={clone}", "-C", clone]  # which may be another user's
        return subprocess.run([*start, *command], capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ".", ":!involution_utils/results")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor():
    """Name the processor: its model, the cores, AVX-512, which changes speeds here by half, and GPUs."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        name, avx = re.findall(r"model name\s*:\s*(.*)", text)[0].strip(), "avx512f" in text
    except (OSError, IndexError):
        name, avx = platform.processor() or platform.machine(), False
    gpus = len(keras.distribution.list_devices("gpu"))
    parts = [name, f"{os.cpu_count()} cores", *["AVX-512"] * avx, platform.system(), *[f"{gpus} GPUs"] * bool(gpus)]
    return ", ".join(parts)


def save_json(content: Any, path: str | os.PathLike) -> None:
    """Write `content` as JSON to `path`, whole or not at all; the folder is made if it is missing."""
    checks.write_whole(path, lambda part: part.write_text(json.dumps(content, indent=1) + "\n"))
