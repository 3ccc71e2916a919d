"""What a run is, and how the rows of those that are missing are made."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
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

    @property
    def command(self) -> str:
        """The command that makes this run."""
        return f"python -m lab run {self.experiment}"

    def fields(self) -> dict[str, Any]:
        """Return the columns that declare this run."""
        return asdict(self)

    def is_done(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Return whether one of `rows` is of this run: all fields are equal, and what came out is there."""
        fields = self.fields()
        return any(fields == {n: row.get(n) for n in fields} and set(self.outcomes) <= set(row) for row in rows)

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Do what is declared.

        Args:
            state: Folder for what resumes this run.
            models: Folder of the trained models, `models/experiment/label.keras`.

        Returns:
            The columns of what came out, a column `problem` among them if it failed; and what is to `keep`.
        """
        raise NotImplementedError

    def keep(self, found: dict[str, Any], results: Path) -> None:
        """Keep what `execute` returned beside the columns, in the folder of the tables: here arrays, by their names."""
        path = results / f"{self.experiment}.npz"
        if found:
            kept = dict(np.load(path)) if path.is_file() else {}
            checks.write_whole(path, lambda part: np.savez_compressed(part, **kept | found))


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


def execute(run: Run, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Execute `run` in this process; return its row, and what is to keep beside it."""
    found, begin, before = records.provenance(), time.perf_counter(), sum(os.times()[:4])
    results, kept = run.execute(state / run.experiment / run.label, models)
    spent, wall = sum(os.times()[:4]) - before, time.perf_counter() - begin  # with that of processes that it started
    epochs = sum(results.get("history", {}).get("seconds", []))  # more than was spent here if the run was resumed
    more = {"processor_seconds": round(spent * max(1.0, epochs / wall), 1), "command": run.command}
    return run.fields() | results | run.fields() | found | more, kept


def make(
    experiment: Experiment, results: Path, state: Path, models: Path, executor: Executor | None = None
) -> list[str]:
    """Make the missing rows of `experiment`, each appended to its table as soon as its run is finished.

    Args:
        experiment: What to make.
        results: Folder of the tables.
        state: Folder for what resumes unfinished runs.
        models: Folder for the trained models.
        executor: What calls a function elsewhere, such as that of a Dask cluster; None for processes of this machine.

    Returns:
        A sentence for each run that failed; it gets no row.

    Raises:
        ParameterError: If another process makes rows of this table.
    """
    for name, folder in (("results", results), ("state", state), ("models", models)):
        checks.folder(name, folder).mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(results / f"{experiment.name}.lock").acquire(timeout=0)
    except filelock.Timeout as held:
        problem = f"another process is at it: it holds {held.lock_file}; wait for it or end it"
        raise checks.ParameterError(problem) from None
    with lock:  # which the operating system frees when this process ends
        missing, failures, here = experiment.missing(results), [], records.provenance()
        for run, made, problem in results_of(execute, missing, state, models, executor=executor):
            row, kept = made or ({"problem": problem}, {})
            there = {name: row.get(name, here[name]) for name in ("package", "versions")}
            if any(there[name] != here[name] for name in there):  # numbers may be others
                row, kept = {"problem": f"a worker has {there}; install the same as here there"}, {}
            run.keep(kept, results)
            if "problem" in row:
                failures.append(f"{run.label} failed: {row['problem']}")
            else:
                append(row, results / f"{experiment.name}.jsonl")
    return failures


def append(row: Mapping[str, Any], path: Path) -> None:
    """Append `row` to a table, behind the last whole row: what a crash or a full disk left of another is removed.

    Raises:
        OSError: If there is no room for it.
    """
    with path.open("a+b") as file:
        file.seek(0)
        last = file.read().rpartition(b"\n")[2]
        whole = records.is_whole(last)  # though an editor left out the end of its line
        file.truncate(file.tell() - (0 if whole else len(last)))
        file.write(b"\n" * whole + json.dumps(row, ensure_ascii=False).encode() + b"\n")  # a loss may be NaN
