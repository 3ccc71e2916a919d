"""The tables: every old number is there, rows are checked, provenance is complete, whole numbers stay whole."""

import hashlib
import importlib.metadata
import json

import keras
import numpy as np
import pytest

from involution_utils import statistics
from involution_utils.analysis import count_parameters, multiply_adds
from involution_utils.checks import ParameterError
from involution_utils.data import load_dataset
from involution_utils.models import MODELS
from involution_utils.records import RESULTS, load_results, provenance, read_rows, record
from lab.experiments import EXPERIMENTS

# Of the 373 files, one per run, that the tables were made of on 2026-11-29: how many, and a digest of what they held,
# sha256("\n".join(sorted(json.dumps(json.loads(file), sort_keys=True) for each file))).
OLD_FILES = {
    "training": (13, "9a72aa01b695b56c"),
    "rednet": (3, "5f959d2ebfdda1bc"),
    "learning_rates": (30, "d83706f7bbf1e9b9"),
    "rate_checks": (17, "c1dfb6425effa150"),
    "lab": (75, "5d1893f81313818f"),
    "full_budget": (18, "238dcc6b3849805c"),
    "ablation": (20, "8f1ddcfcb35b58d8"),
    "generators": (15, "b35439721d82d1ec"),
    "lesions": (72, "cb2735cb36337da0"),
    "toy": (90, "a88ae50f10f87489"),
    "labels": (20, "ee9e8556007543ae"),
}
RENAMED = {"lesions": "lesion", "toy": "operator", "labels": "operator"}  # what is the column `name` now
ADDED = {"name", "pixels", "package", "commit", "image_seed", "network"}


@pytest.mark.parametrize("name", OLD_FILES)
def test_no_number_of_the_old_files_has_changed(name):
    count, digest = OLD_FILES[name]
    more = {"learning_rate"} if name == "labels" else {"validation_accuracy"} if name != "lesions" else set()
    old = []
    for row in read_rows(name)[:count]:
        kept = {key: value for key, value in row.items() if key not in ADDED | more}
        if name in RENAMED:
            kept[RENAMED[name]] = row["name"]
        old.append(json.dumps(kept, sort_keys=True))
    assert hashlib.sha256("\n".join(sorted(old)).encode()).hexdigest()[:16] == digest


def test_every_row_is_of_a_declared_run_and_none_is_there_twice():
    for name, experiment in EXPERIMENTS.items():
        if rows := read_rows(name):
            done = [run for run in experiment.declare(RESULTS) if run.is_done(rows)]
            assert len(done) == len(rows), name


def test_new_rows_have_a_complete_provenance():
    for name in EXPERIMENTS:
        for row in read_rows(name):
            assert row["versions"]["keras"]
            assert row["processor"]
            assert row["date"]
            if row["date"] > "2026-11-28":
                assert row["package"], name
                assert len(row["commit"]) == 40, "made from a tree with changes that no commit holds"
                assert {"python", "keras", "numpy", row["backend"]} <= set(row["versions"])
                assert all(row["versions"].values())
                assert row["processor_seconds"] > 0
                assert row["command"] == f"python -m lab run {name}"
            if row.get("dataset") == "cifar10":
                assert row["pixels"] in ("original", "jpeg")


def test_a_backend_that_was_installed_under_another_name_has_its_version(monkeypatch):
    """Such as tensorflow-cpu."""
    monkeypatch.setattr(importlib.metadata, "version", lambda name: pytest.fail(f"{name} is not installed"))
    versions = provenance()["versions"]
    assert list(versions) == ["python", "keras", keras.backend.backend(), "numpy"]
    assert versions["keras"] == keras.__version__


@pytest.mark.long
def test_networks_have_the_costs_that_their_rows_state():
    rows = {
        json.dumps([r["model"], r["arguments"]]): r for name in ("training", "lab", "ablation") for r in read_rows(name)
    }
    for row in rows.values():
        model = MODELS[row["model"]](**row["arguments"])
        assert (row["trainable_parameters"], row["multiply_adds"]) == (count_parameters(model), multiply_adds(model))


def test_a_table_keeps_its_types(tmp_path):
    rows = [
        {"experiment": "e", "name": "a", "whole": 2**60 + 1, "some": 1, "rate": 1, "yes": True, "commit": "12e4567"},
        {"experiment": "e", "name": "b", "whole": 3, "rate": 0.1, "yes": False, "commit": None, "list": [1]},
    ]
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    frame = load_results("e", tmp_path)
    assert frame["whole"].tolist() == [2**60 + 1, 3]
    assert str(frame["some"].dtype) == "Int64"
    assert frame["some"].isna().tolist() == [False, True]
    assert frame["rate"].tolist() == [1.0, 0.1]
    assert frame.loc[~frame["yes"], "list"].tolist() == [[1]]
    assert frame["commit"][0] == "12e4567"


def test_a_table_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ParameterError, match=r"there are no results `labb` in .*\. Known: .*lab"):
        load_results("labb")


def test_the_accuracy_on_held_out_images_is_not_called_that_of_the_test():
    history = {"val_accuracy": [0.25], "seconds": [1.0]}
    for size, name, other in (
        (0, "test_accuracy", "validation_accuracy"),
        (20, "validation_accuracy", "test_accuracy"),
    ):
        data = load_dataset("shapes", 50, 20, np.uint8(size))
        found = record(MODELS["conv_classifier"](), data, history)
        assert found[name] == 0.25
        assert other not in found


# Statistics, against formulas written out and simulated runs


def runs(cells):
    import pandas

    rows = [(name, seed, value) for name, values in cells.items() for seed, value in values.items()]
    return pandas.DataFrame(rows, columns=["name", "seed", "test_accuracy"])


def test_an_interval_is_students():
    low, high = 0.6 - 12.7062 * 0.1, 0.6 + 12.7062 * 0.1  # the quantile for one degree of freedom, from a table
    assert statistics.mean_interval([0.5, 0.7]) == pytest.approx((0.6, low, high), rel=1e-4)


def test_a_contrast_is_taken_within_the_seeds_that_all_cells_have():
    frame = runs({"a": {0: 0.5, 1: 0.6, 2: 0.9}, "b": {1: 0.5, 0: 0.3, 3: 0.1}, "c": {0: 0.0}})
    found = statistics.seed_contrast(frame, {"a": 1, "b": -1})
    assert found.seeds == 2
    assert found.value == pytest.approx(0.15)
    assert found[1:3] == pytest.approx((0.15 - 12.7062 * 0.05, 0.15 + 12.7062 * 0.05), rel=1e-4)
    assert found.p == pytest.approx(1 - 2 * np.arctan(0.15 / 0.05) / np.pi)  # Student's t, one degree: Cauchy's
    assert found.p_equivalence is None


def test_equivalence_is_of_two_one_sided_tests():
    rng = np.random.default_rng(0)
    for _ in range(20):
        cells = {name: dict(enumerate(rng.normal(0, 0.5, 8))) for name in "ab"}
        found = statistics.seed_contrast(runs(cells), {"a": 1, "b": -1}, margin=0.5)
        error = (found.high - found.value) / 2.364624  # Student's quantile for 7 degrees of freedom, from a table
        inside = abs(found.value) + 1.894579 * error < 0.5  # the 90 % interval
        assert (found.p_equivalence < 0.05) == inside


def test_equal_effects_have_a_p_value():
    zeros, halves = dict.fromkeys(range(3), 0.0), dict.fromkeys(range(3), 0.5)
    assert statistics.seed_contrast(runs({"a": halves, "b": zeros}), {"a": 1, "b": -1}).p == 0
    found = statistics.seed_contrast(runs({"a": halves, "b": halves}), {"a": 1, "b": -1}, margin=0.1)
    assert found == (0, 0, 0, 1, 0, 3)


def test_a_contrast_refuses_runs_that_do_not_pair():
    with pytest.raises(ParameterError, match="at least two seeds in common"):
        statistics.seed_contrast(runs({"a": {0: 1, 1: 2}, "b": {1: 1, 2: 2}}), {"a": 1, "b": -1})
    twice = runs({"a": {0: 1, 1: 2}})
    with pytest.raises(ParameterError, match="one run per name and seed"):
        statistics.seed_contrast(twice.loc[[0, 0, 1]], {"a": 1})


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.9]) == [1.0, 1.0]
