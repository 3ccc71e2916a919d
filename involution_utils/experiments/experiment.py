"""`Experiment`, a named list of declared runs, and the loop that makes those whose records are missing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from tqdm import tqdm

from involution_utils import checks
from involution_utils.experiments.execution import execute_to_dict
from involution_utils.experiments.record import save_json

STATE = Path(".training-state")  # what resumes an interrupted run


class MissingRecordsError(RuntimeError):
    """An experiment needs the records of another one, which are not there yet; the message says which."""


@dataclass(frozen=True)
class Experiment:
    """Runs that belong together.

    Attributes:
        name: Its name on the command line, and of the folder of its records.
        title: What it is, in a line.
        declare: Function that returns its runs; it may raise a `MissingRecordsError`.
        execute: Function of a run, `state_dir`, `verbose` and `save` that returns its record as plain values.
    """

    name: str
    title: str
    declare: Callable[[], Sequence[Any]]
    execute: Callable[..., dict[str, Any]] = execute_to_dict

    def runs(self) -> list[Any]:
        """Return the declared runs, in the order in which they are made."""
        return list(self.declare())

    def path(self, run: Any, folder: str | PathLike) -> Path:
        """Return where the record of `run` is kept below `folder`."""
        return Path(folder) / self.name / run.file_name

    def missing(self, folder: str | PathLike) -> list[Any]:
        """Return the runs that have no record below `folder`."""
        return [run for run in self.runs() if not self.path(run, folder).exists()]


def make(
    experiment: Experiment,
    folder: str | PathLike,
    state_dir: str | PathLike | None = STATE,
    models_dir: str | PathLike | None = None,
    execute_all: Callable[[list[Any]], Iterator[tuple[Any, Any]]] | None = None,
) -> int:
    """Make the missing records of `experiment`, each written as soon as its run is finished.

    Args:
        experiment: What to make.
        folder: Folder of the records; those of the experiment go to a folder of its name in it.
        state_dir: Folder for the state of an unfinished run, from which the next call goes on.
        models_dir: Folder for the trained models, in a folder of the experiment's name; None keeps none.
        execute_all: Function from the missing runs to pairs of a run and its record, in any order, such as that of
            a cluster; by default they are executed here, one after the other.

    Returns:
        The number of records made.
    """
    folder = checks.folder("folder", folder)
    total, missing = len(experiment.runs()), experiment.missing(folder)

    def here(runs):
        for run in runs:
            bar.set_postfix_str(run.label)
            save = models_dir and Path(models_dir) / experiment.name / f"{Path(run.file_name).stem}.keras"
            yield run, experiment.execute(run, state_dir, verbose=0, save=save)

    with tqdm(desc=experiment.name, total=total, initial=total - len(missing), unit="run", dynamic_ncols=True) as bar:
        for run, record in (execute_all or here)(missing):
            save_json(record, experiment.path(run, folder))
            bar.update()
    return len(missing)
