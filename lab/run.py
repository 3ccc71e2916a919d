"""What a run is, and how the rows of those that are missing are made."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import filelock
import numpy as np

from involution_utils import checks, records
from lab.process import results_of


@dataclass(frozen=True, kw_only=True)
class Run:
    """One declared run; what inherits from it says in `execute` what is done.

    Attributes:
        experiment: Name of the experiment that it belongs to, and of its table.
        name: Name of the operator or variant, as the notebooks call it.
        seed: Fixes all that is random.
    """

    outcomes: ClassVar[tuple[str, ...]] = ()  # columns without which a row is no finished run

    experiment: str
    name: str
    seed: int = 0

    def __post_init__(self):
        checks.seed(self.seed)

    @property
    def label(self) -> str:
        """Name and seed, for people to read and for the names of files."""
        return f"{self.name.replace(' ', '_').replace(',', '')}-seed{self.seed}"

    def is_done(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Return whether one of `rows` is of this run: all fields are equal, and what came out is there."""
        fields = asdict(self)
        return any(fields == {n: row.get(n) for n in fields} and set(self.outcomes) <= set(row) for row in rows)

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Do what is declared.

        Args:
            state: Folder for what resumes this run.
            models: Folder of the trained models, `models/experiment/label.keras`.

        Returns:
            The columns of what came out, and arrays to keep beside the table.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Experiment:
    """Runs that belong together.

    Attributes:
        name: Its name on the command line, and of its table.
        title: What it is, in a line.
        declare: Function from the folder of the tables to its runs, in the order in which they are made; it raises a
            `ParameterError` if it needs a table that is not whole.
    """

    name: str
    title: str
    declare: Callable[[Path], list[Any]]

    def missing(self, results: Path) -> list[Any]:
        """Return the runs that have no row in the folder `results`."""
        rows = records.read_rows(self.name, results)
        return [run for run in self.declare(results) if not run.is_done(rows)]


def execute(run: Run, state: Path, models: Path) -> tuple[dict[str, Any], dict]:
    """Execute `run` in this process; return its row and its arrays."""
    found, begin, cpu = records.provenance(), time.perf_counter(), time.process_time()
    results, arrays = run.execute(state / run.experiment / run.label, models)
    spent, wall = time.process_time() - cpu, time.perf_counter() - begin
    epochs = sum(results.get("history", {}).get("seconds", []))  # more than was spent here if the run was resumed
    more = {"processor_seconds": round(spent * max(1.0, epochs / wall), 1)}
    more["command"] = f"python -m lab run {run.experiment}"
    return asdict(run) | results | asdict(run) | found | more, arrays


def make(experiment: Experiment, results: Path, state: Path, models: Path, submit: Callable[..., Future]) -> list[str]:
    """Make the missing rows of `experiment`, each appended to its table as soon as its run is finished.

    Args:
        experiment: What to make.
        results: Folder of the tables.
        state: Folder for what resumes unfinished runs.
        models: Folder for the trained models.
        submit: The `submit` of a `concurrent.futures.Executor` that calls each function in a process of its own.

    Returns:
        A sentence for each run that failed; nothing is kept of it.

    Raises:
        ParameterError: If another process makes this experiment with the same `state`.
    """
    for name, folder in (("results", results), ("state", state), ("models", models)):
        checks.folder(name, folder).mkdir(parents=True, exist_ok=True)
    with only_one(state / f"{experiment.name}.lock"):
        missing, failures = experiment.missing(results), []
        for _, made, problem in results_of(submit, execute, missing, state, models):
            if problem:
                failures.append(problem)
                continue
            row, arrays = made
            keep_arrays(arrays, results / f"{experiment.name}.npz")
            append(row, results / f"{experiment.name}.jsonl")
    return failures


@contextlib.contextmanager
def only_one(path: Path) -> Any:
    """Hold the lock `path`, which the operating system frees when this process ends, or raise a `ParameterError`."""
    try:
        with filelock.FileLock(path, timeout=0):
            yield
    except filelock.Timeout:
        raise checks.ParameterError(f"another process is at it: it holds {path}; wait for it or end it") from None


def append(row: Mapping[str, Any], path: Path) -> None:
    """Append `row` to a table by one write; what an earlier one left unfinished is removed, and so is this one's.

    Raises:
        OSError: If there is no room for it.
    """
    line = json.dumps(row, allow_nan=False, ensure_ascii=False).encode() + b"\n"
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        try:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            file.truncate(whole)
            raise


def keep_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Add `arrays` to the compressed file `path`, which is written whole."""
    if arrays:
        kept = dict(np.load(path)) if path.is_file() else {}
        checks.write_whole(path, lambda part: np.savez_compressed(part, **kept | arrays))
