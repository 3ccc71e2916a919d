"""`Record`, what a run was and what came out: one schema for every experiment, and the folder of those that ship."""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import keras

from involution_utils import analysis, checks
from involution_utils.data import ImageDataset
from involution_utils.experiments.run import Run

SHIPPED = resources.files("involution_utils") / "results"


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        run: What was run.
        test_accuracy: Share of the test images classified rightly by the network after its last epoch.
        history: Lists with one number per epoch: loss, accuracy, val_loss, val_accuracy, seconds.
        more: trainable_parameters, multiply_adds (per image), seconds_per_epoch (median) and how time was measured;
            source of the images, versions, backend, processor, date, command.
    """

    run: Run
    test_accuracy: float
    history: Mapping[str, list[float]] = field(repr=False)
    more: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values, the fields of the run first."""
        outcome = {"test_accuracy": self.test_accuracy, "history": dict(self.history)}
        return {**self.run.to_dict(), **outcome, **self.more}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Record":
        """Make the record that `to_dict` gave."""
        known = {*Run.__dataclass_fields__, "test_accuracy", "history"}
        more = {name: value for name, value in values.items() if name not in known}
        return cls(Run.from_dict(values), values["test_accuracy"], values["history"], more)


def record(
    model: keras.Model, dataset: ImageDataset, history: Mapping[str, list[float]], **settings: Any
) -> dict[str, Any]:
    """Gather what a training run was and what came out, ready for `save_json`; for runs that no experiment declares.

    Args:
        model: The trained model.
        dataset: The images it was trained on.
        history: What `train` returned.
        **settings: What else made the run (epochs, batch_size, seed ...), kept as given.

    Returns:
        A dict of plain values with the names of a `Record`'s file.
    """
    return {
        "model": model.name,
        **settings,
        "dataset": dataset.name,
        "train_images": len(dataset.x_train),
        "test_images": len(dataset.x_test),
        "test_accuracy": round(history["val_accuracy"][-1], 4),
        **outcome(model, dataset.source, history),
    }


def outcome(model: keras.Model, source: str, history: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return history, costs and provenance of a finished training."""
    return {
        "history": {name: [round(value, 4) for value in values] for name, values in history.items()},
        "trainable_parameters": analysis.parameters(model),
        "multiply_adds": analysis.multiply_adds(model),
        "seconds_per_epoch": round(statistics.median(history["seconds"]), 2),
        "time_measured": "wall time per epoch, median, with whatever else the machine did",
        "source": source,
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """Return versions, backend, processor and date."""
    return {
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("involution-utils", "keras", keras.backend.backend(), "numpy")},
        },
        "backend": keras.backend.backend(),
        "processor": processor(),
        "date": datetime.date.today().isoformat(),
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """Name the processor: its model, the cores that may be used, and AVX-512, which changes speeds here by half."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = re.findall(r"model name\s*:\s*(.*)", text)[0].strip()
        avx = ", AVX-512" if "avx512f" in text else ", no AVX-512"
    except (OSError, IndexError):
        name, avx = platform.processor() or platform.machine(), ""
    return f"{name}, {os.cpu_count()} cores{avx}, {platform.system()}"


def save_json(content: Any, path: str | os.PathLike) -> None:
    """Write `content` as JSON to `path` under a temporary name first; the folder is made if it is missing."""
    checks.write_whole(path, lambda part: part.write_text(json.dumps(content, indent=1) + "\n"))


def load_records(experiment: str, folder: str | os.PathLike | None = None, **fields: Any) -> list[Record]:
    """Return the records of an experiment, in the order of their seeds.

    Args:
        experiment: Name of the experiment, also of the folder that holds its records.
        folder: Where the experiments' folders are; those that ship with the package by default.
        **fields: Values that fields of the run, or arguments of its model, must have: `model="small_rednet"`,
            `operator="involution"`.

    Returns:
        A list of `Record`, empty if there is none.

    """
    found = [Record.from_dict(content) for content in _contents(experiment, folder, r"-seed\d+-[0-9a-f]{8}\.json$")]
    found = [record for record in found if all(_value(record.run, name) == value for name, value in fields.items())]
    return sorted(found, key=lambda record: (record.run.seed, record.run.file_name))


def load_measurements(experiment: str, folder: str | os.PathLike | None = None) -> list[dict[str, Any]]:
    """Return the records of an experiment whose runs are not `Run`s (toy tasks, lesions), as plain values."""
    return _contents(experiment, folder, r"\.json$")


def _contents(experiment, folder, names):
    """Return what the files of an experiment with such names hold, in the order of the names."""
    place, found = (Path(folder) if folder else SHIPPED) / experiment, []
    for path in sorted(place.iterdir(), key=lambda path: path.name) if place.is_dir() else []:
        if re.search(names, path.name):
            try:
                found.append(json.loads(path.read_text()))
            except ValueError as error:
                raise checks.ParameterError(
                    f"the record {path} is damaged: {error}; remove it, and the same command makes it anew"
                ) from None
    return found


def _value(run, name):
    return run.arguments.get(name) if name not in Run.__dataclass_fields__ else getattr(run, name)


def load_results(pattern: str, at_least: int = 1) -> list[Any]:
    """Return the content of the JSON files below `results/` that match `pattern`, in the order of their names.

    Raises:
        FileNotFoundError: If there are fewer than `at_least`.
    """
    with resources.as_file(SHIPPED) as folder:
        found = [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]
    if len(found) < at_least:
        raise FileNotFoundError(f"no results match {pattern!r}; `make help` lists the targets that make them")
    return found
