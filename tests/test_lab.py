"""The lab: runs are judged, rows are whole or missing, and what is interrupted goes on."""

import functools
import json
import os
from concurrent.futures import Executor, Future
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from involution_utils import data
from involution_utils.checks import ParameterError
from involution_utils.records import load_results, read_rows
from lab.__main__ import main
from lab.experiments import EXPERIMENTS
from lab.process import CallError, call
from lab.run import Experiment, append, make
from lab.training import TrainingRun

TINY = {"model": "conv_classifier", "dataset": "shapes", "train_images": 100, "test_images": 50, "epochs": 1}


def tiny_runs(results):
    more = {"validation_images": 50, "batch_size": 50, "image_seed": 3}
    return [TrainingRun(experiment="tiny", name="CNN", seed=seed, **TINY | more) for seed in (0, 1)]


TINY_EXPERIMENT = Experiment("tiny", "two runs of a few seconds", tiny_runs)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "resnet"}, "`model` must be"),
        ({"dataset": "auto"}, '`dataset` must be "cifar10" or "shapes"'),
        ({"recipe": "sgd"}, '`recipe` must be "adam" or "augmented"'),
        ({"arguments": {"widht": 2}}, "no argument of small_rednet `widht`. Did you mean `width`"),
        ({"arguments": {"num_classes": 2}}, "no argument of small_rednet `num_classes`"),
        ({"arguments": {"kernel_size": (3, 3)}}, "`arguments` must be plain values"),
        ({"arguments": {"width": float("nan")}}, "`arguments` must be plain values"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"seed": 2**32}, "`seed` must be"),
        ({"train_images": 1.5}, "`train_images` must be"),
        ({"test_images": 0}, "`test_images` must be at least 10 where no images are held out"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a number"),
    ],
)
def test_a_run_judges_itself(fields, words):
    with pytest.raises(ParameterError, match=words):
        TrainingRun(**{"experiment": "x", "name": "x", "model": "small_rednet"} | fields)


class Here(Executor):
    """An executor that calls at once, in this process."""

    def submit(self, called):
        future, (function, *arguments) = Future(), called.args
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def test_an_experiment_makes_what_is_missing_and_the_same_numbers_again(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "draw_shapes", functools.cache(data.draw_shapes))
    folders = tmp_path / "results", tmp_path / "state", tmp_path / "models"
    assert make(TINY_EXPERIMENT, *folders, Here()) == []
    first, second = read_rows("tiny", folders[0])
    table = folders[0] / "tiny.jsonl"
    table.write_text(table.read_text().split("\n", 1)[1])  # the row of seed 0 is lost
    assert make(TINY_EXPERIMENT, *folders, Here()) == []
    kept, again = read_rows("tiny", folders[0])
    assert kept == second
    for column in ("test_accuracy", "validation_accuracy"):
        assert again[column] == first[column]
    assert again["history"]["loss"] == first["history"]["loss"] != second["history"]["loss"]
    assert (first["test_accuracy"] * 50) % 1 == pytest.approx(0)
    assert (folders[2] / "tiny" / "CNN-rate0.001-seed0.keras").is_file()
    row = load_results("tiny", folders[0]).iloc[0]
    assert row["validation_accuracy"] == row["history"]["val_accuracy"][-1]
    assert (row["commit"] is not None) == (Path(__file__).parents[1] / ".git").exists()
    for column in ("package", "versions", "backend", "processor", "date", "processor_seconds", "command"):
        assert row[column], column
    assert {"python", "keras", "numpy"} <= set(row["versions"])
    assert all(row["versions"].values())
    monkeypatch.setitem(EXPERIMENTS, "tiny", TINY_EXPERIMENT)
    where = ["--results", str(folders[0]), "--models", str(folders[2]), "--assets", str(tmp_path / "assets")]
    assert main(["ship", "tiny", f"CNN-rate0.001-seed{second['seed']}", *where]) == 0
    assert json.loads((tmp_path / "assets" / "conv_classifier.json").read_text()) == second
    assert (tmp_path / "assets" / "conv_classifier.keras").is_file()
    assert main(["ship", "tiny", "CNN-rate0.001-seed2", *where]) == 2


@pytest.mark.parametrize(
    ("name", "best", "rate"), [("factorial", {"static": 0.02}, 0.01), ("fair_chance", {"CNN": 0.00125}, 0.005)]
)
def test_runs_take_the_rates_that_their_tuning_chose_and_none_of_its_seeds(name, best, rate, tmp_path):
    tuning = EXPERIMENTS[f"{name}_tuning"].declare(tmp_path)
    for run in tuning:
        accuracy = 0.6 if run.learning_rate == best.get(run.name, rate) else 0.5
        outcome = {"test_accuracy": None, "validation_accuracy": accuracy, "history": {}}
        append(asdict(run) | outcome, tmp_path / f"{name}_tuning.jsonl")
    append(asdict(run) | outcome | {"epochs": 99, "validation_accuracy": 0.9}, tmp_path / f"{name}_tuning.jsonl")
    runs = EXPERIMENTS[name].declare(tmp_path)  # which that row of an earlier declaration does not concern
    assert all(run.learning_rate == best.get(run.name, rate) for run in runs if run.recipe == "augmented")
    assert all(run.image_seed == run.seed for run in runs)  # networks share their images
    assert len({run.label for run in runs}) == len(runs)  # or one model would be written over another
    assert not {run.seed for run in runs} & {run.seed for run in tuning}
    assert all(run.test_images == 0 for run in tuning)


def test_an_unfinished_line_is_told_left_out_and_written_over(tmp_path, capsys):
    row = {"experiment": "e", "name": "a"}
    append(row, tmp_path / "e.jsonl")
    with (tmp_path / "e.jsonl").open("a") as file:
        file.write('{"experiment": "e", "na')
    assert read_rows("e", tmp_path) == [row]
    assert "last line is unfinished" in capsys.readouterr().err
    append(row, tmp_path / "e.jsonl")
    assert read_rows("e", tmp_path) == [row, row]


def test_a_last_row_without_the_end_of_its_line_is_a_row(tmp_path, capsys):
    rows = [{"experiment": "e", "name": name} for name in "abc"]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, rows[:2])))
    assert read_rows("e", tmp_path) == rows[:2]
    append(rows[2], tmp_path / "e.jsonl")
    assert read_rows("e", tmp_path) == rows
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["[]", "3", "{", '{"experiment": "other", "name": "a"}', '{"status": "done"}', "[" * 9999]
)
def test_a_damaged_line_is_a_sentence(line, tmp_path):
    (tmp_path / "e.jsonl").write_text(json.dumps({"experiment": "e", "name": "a"}) + f"\n{line}\n")
    with pytest.raises(ParameterError, match=r"line 2 of .*e\.jsonl is damaged"):
        read_rows("e", tmp_path)


def test_a_row_without_what_came_out_is_no_finished_run(tmp_path):
    run, other = tiny_runs(tmp_path)
    append(asdict(run), tmp_path / "tiny.jsonl")
    append(asdict(other) | {"test_accuracy": 0.5, "history": {}}, tmp_path / "tiny.jsonl")
    assert TINY_EXPERIMENT.missing(tmp_path) == [run]


def test_two_processes_do_not_make_one_table_whatever_their_state(tmp_path):
    refusals = []

    class Second(Executor):
        def submit(self, called):
            with pytest.raises(ParameterError, match="another process is at it") as refused:
                make(TINY_EXPERIMENT, tmp_path, tmp_path / "other", tmp_path / "other", Here())
            refusals.append(refused)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(TINY_EXPERIMENT, tmp_path, tmp_path / "state", tmp_path / "state", Second())
    assert len(refusals) == 1


def test_a_call_that_fails_or_dies_is_a_sentence_and_the_next_one_works(capfd):
    with pytest.raises(CallError, match="ValueError: invalid literal"):
        call(int, "no")
    with pytest.raises(CallError, match="ended with code 3"):
        call(os._exit, 3)
    assert call(print, "what is printed is no answer") is None
    assert call(abs, -2) == 2
    assert "what is printed" in capfd.readouterr().err


def test_a_failed_run_is_told_gets_no_row_and_the_others_are_made(tmp_path, monkeypatch):
    def execute(run, state, models):
        if run.seed == 0:
            raise OSError("no images")
        return {"test_accuracy": 0.5, "history": {"loss": [float("nan")]}}, {"classes": np.arange(3)}

    monkeypatch.setattr(TrainingRun, "execute", execute)
    failures = make(TINY_EXPERIMENT, tmp_path, tmp_path, tmp_path, Here())
    assert failures == ["CNN-rate0.001-seed0 failed: no images"]
    assert [(row["seed"], str(row["history"]["loss"])) for row in read_rows("tiny", tmp_path)] == [(1, "[nan]")]
    assert len(TINY_EXPERIMENT.missing(tmp_path)) == 1  # a training that diverged is done, too
    assert np.load(tmp_path / "tiny.npz")["classes"].tolist() == [0, 1, 2]


class Elsewhere(Executor):
    """An executor whose machine has another version of the package."""

    def submit(self, called):
        future, run = Future(), called.args[1]
        future.set_result((run.fields() | {"package": "0.1", "test_accuracy": 0.5, "history": {}}, {}))
        return future


def test_what_another_version_made_gets_no_row(tmp_path):
    failures = make(TINY_EXPERIMENT, tmp_path, tmp_path, tmp_path, Elsewhere())
    assert all("a worker has {'package': '0.1'" in failure for failure in failures)
    assert (len(failures), read_rows("tiny", tmp_path)) == (2, [])


def test_a_full_disk_costs_the_new_row_alone(tmp_path):
    import resource

    first, long = {"experiment": "e", "name": "a"}, {"experiment": "e", "name": "a" * 100}
    append(first, tmp_path / "e.jsonl")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "e.jsonl").stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match=r"No space left|too large"):
            append(long, tmp_path / "e.jsonl")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_rows("e", tmp_path) == [first]
    append(long, tmp_path / "e.jsonl")
    assert read_rows("e", tmp_path) == [first, long]


def test_a_full_disk_spares_the_model_that_ships(tmp_path, monkeypatch):
    def full(source, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(target))

    run, _ = tiny_runs(tmp_path)
    append(asdict(run) | {"test_accuracy": 0.5, "history": {}}, tmp_path / "tiny.jsonl")
    (tmp_path / "conv_classifier.keras").write_bytes(b"whole")
    monkeypatch.setitem(EXPERIMENTS, "tiny", TINY_EXPERIMENT)
    monkeypatch.setattr("shutil.copy", full)
    assert main(["ship", "tiny", run.label, "--results", str(tmp_path), "--assets", str(tmp_path)]) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.jsonl", "conv_classifier.keras"}
    assert (tmp_path / "conv_classifier.keras").read_bytes() == b"whole"


def test_the_command_line_lists_and_refuses(capsys, tmp_path):
    assert main(["list", "--results", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in EXPERIMENTS)
    assert "0 of 24 runs done" in listed
    assert "24 rows are missing: run `python -m lab run factorial_tuning` first" in listed
    assert main(["run", "labb"]) == 2
    assert "`name` must be" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["run", "factorial_tuning", "--state", str(tmp_path / "file"), "--results", str(tmp_path)]) == 2
    assert "`state` must be a folder" in capsys.readouterr().err
