"""Experiments: a run judges itself, a record survives the file, what is declared is there, and the statistics."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.stats

from involution_utils import experiments
from involution_utils.analysis import multiply_adds, parameters
from involution_utils.checks import ParameterError
from involution_utils.data import load_dataset
from involution_utils.experiments import EXPERIMENTS, Record, Run, load_measurements, load_records, make
from involution_utils.experiments.execution import execute
from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.lab import CONTRASTS, OPERATORS, by_operator
from involution_utils.experiments.lesions import LesionRun
from involution_utils.experiments.record import SHIPPED, save_json
from involution_utils.models import MODELS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "resnet"}, "`model` must be"),
        ({"dataset": "auto"}, '`dataset` must be "cifar10" or "shapes"'),
        ({"recipe": "sgd"}, '`recipe` must be "adam" or "augmented"'),
        ({"arguments": {"widht": 2}}, "no argument of small_rednet `widht`. Did you mean `width`"),
        ({"arguments": {"num_classes": 2}}, "no argument of small_rednet `num_classes`"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"seed": 2**32}, "`seed` must be"),
        ({"train_images": 1.5}, "`train_images` must be"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a number"),
    ],
)
def test_a_run_judges_itself(fields, words):
    with pytest.raises(ParameterError, match=words):
        Run(**{"experiment": "x", "model": "small_rednet"} | fields)


def test_a_run_is_frozen_and_survives_json_and_pickle():
    import pickle

    run = Run(experiment="x", model="small_rednet", arguments={"width": 0.5, "operator": "static"}, seed=np.int64(3))
    with pytest.raises(AttributeError):
        run.seed = 4
    with pytest.raises(TypeError):
        run.arguments["width"] = 2
    assert Run.from_dict(json.loads(json.dumps(run.to_dict()))) == run == pickle.loads(pickle.dumps(run))
    assert hash(run) == hash(pickle.loads(pickle.dumps(run)))


def test_a_run_of_odd_arguments_is_that_of_its_record_or_refused():
    run = Run(experiment="e", model="small_rednet", arguments={"kernel_size": (3, 3)})
    assert Run.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    for value in (np.int64(3), float("nan"), {3}, keras.layers.ReLU()):
        with pytest.raises(ParameterError, match="`arguments` must be plain values"):
            Run(experiment="e", model="small_rednet", arguments={"kernel_size": value})
    for arguments in (None, [], {1: 2}):
        with pytest.raises(ParameterError, match="`arguments` must be a dict"):
            Run(experiment="e", model="small_rednet", arguments=arguments)
    for experiment in (3, "", "../e", "a/b", ".hidden"):  # the name of a folder
        with pytest.raises(ParameterError, match="`experiment` must be a name"):
            Run(experiment=experiment, model="small_rednet")
    lesion = LesionRun(model="small_rednet", lesion="shuffled", reestimated=np.True_, seed=np.int64(1))
    assert (type(lesion.reestimated), type(lesion.seed)) == (bool, int)  # JSON takes no others


def test_every_field_of_a_run_is_in_the_name_of_its_file():
    base = {"experiment": "x", "model": "small_rednet"}
    others = {
        "model": "conv_classifier",
        "arguments": {"width": 0.5},
        "dataset": "shapes",
        "train_images": 10,
        "validation_images": 10,
        "test_images": 10,
        "epochs": 1,
        "batch_size": 1,
        "seed": 1,
        "recipe": "augmented",
        "learning_rate": 0.1,
    }
    names = {Run(**base | {field: value}).file_name for field, value in others.items()} | {Run(**base).file_name}
    assert len(names) == len(others) + 1
    assert set(others) | {"experiment"} == set(Run.__dataclass_fields__)


TINY = {"dataset": "shapes", "train_images": 200, "test_images": 50, "epochs": 1, "batch_size": 50}


def tiny_runs():
    return [Run(experiment="tiny", model="involution_classifier", seed=seed, **TINY) for seed in (0, 1)]


TINY_EXPERIMENT = Experiment("tiny", "two runs of a few seconds", tiny_runs)


def test_an_experiment_makes_what_is_missing_and_the_same_numbers_again(tmp_path):
    assert make(TINY_EXPERIMENT, tmp_path / "one", None) == 2
    first, second = load_records("tiny", tmp_path / "one")
    assert (first.run, second.run) == tuple(tiny_runs())
    assert make(TINY_EXPERIMENT, tmp_path / "one", None) == 0
    path = TINY_EXPERIMENT.path(first.run, tmp_path / "one")
    path.unlink()
    assert make(TINY_EXPERIMENT, tmp_path / "one", tmp_path / "state") == 1
    (again,) = load_records("tiny", tmp_path / "one", seed=0)
    assert again.test_accuracy == first.test_accuracy
    assert again.history["loss"] == first.history["loss"] != second.history["loss"]
    assert again.more["processor"]
    assert not list((tmp_path / "state").glob("*/*"))


def test_validation_images_are_held_out_and_the_test_images_left_for_the_end():
    sizes = {"train_images": 200, "test_images": 50}
    run = Run(experiment="tiny", model="involution_classifier", validation_images=70, **TINY | sizes)
    record = execute(run, verbose=0)
    right = record.history["val_accuracy"][-1] * 70
    assert right == pytest.approx(round(right), abs=5e-3), "not a share of the 70 held-out images"
    assert record.test_accuracy * 50 == pytest.approx(round(record.test_accuracy * 50), abs=5e-3)


def test_a_kept_model_has_the_trained_weights_and_no_optimizer(tmp_path):
    record = execute(tiny_runs()[0], verbose=0, save=tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert getattr(model, "optimizer", None) is None
    data = load_dataset("shapes", 200, 50)
    right = np.argmax(model.predict(data.x_test / np.float32(255), verbose=0), -1) == data.y_test
    assert right.mean() == pytest.approx(record.test_accuracy)


def test_records_are_found_by_their_fields(tmp_path):
    for width in (0.5, 1.0):
        for seed in (2, 1):
            run = Run(experiment="x", model="small_rednet", arguments={"width": width}, seed=seed)
            save_json(Record(run, 0.5, {"loss": [1.0]}, {"source": "here"}).to_dict(), tmp_path / "x" / run.file_name)
    (tmp_path / "x" / "notes.json").write_text("not a record")
    assert [record.run.seed for record in load_records("x", tmp_path, width=0.5)] == [1, 2]
    assert len(load_records("x", tmp_path, model="small_rednet", seed=1)) == 2
    assert load_records("x", tmp_path, width=3) == load_records("y", tmp_path) == []


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "model-seed0-01234567.json").write_text('{"test_accuracy": 0.')
    for load in (load_records, load_measurements):
        with pytest.raises(ParameterError, match=r"model-seed0-01234567\.json is damaged: .*; remove it"):
            load("e", tmp_path)


def test_a_home_folder_is_named_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    save_json(1, "~/new/1.json")
    assert (tmp_path / "new" / "1.json").exists()
    assert not (tmp_path / "~").exists()


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "folder" / "result.json"
    save_json({"a": 1}, path)
    with pytest.raises(TypeError):
        save_json({"a": object()}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [each.name for each in path.parent.iterdir()] == ["result.json"]


# What ships


def shipped():
    return [record for name in EXPERIMENTS if name not in ("toy", "lesions", "labels") for record in load_records(name)]


def test_every_shipped_record_was_declared_and_lies_under_its_name():
    for name, experiment in EXPERIMENTS.items():
        if name in ("toy", "lesions", "labels"):
            names = {path.name for path in (SHIPPED / name).iterdir()} if (SHIPPED / name).is_dir() else set()
            assert names <= {run.file_name for run in experiment.runs()}
            continue
        records = load_records(name)
        if records:
            declared = set(experiment.runs())
            for record in records:
                assert record.run in declared
                assert (SHIPPED / name / record.run.file_name).is_file()


@pytest.mark.parametrize("name", ["training", "rednet"])
def test_the_records_of_the_first_experiments_are_all_there(name):
    assert EXPERIMENTS[name].missing(str(SHIPPED)) == []


def test_networks_have_the_parameters_that_their_records_state():
    records = {json.dumps([r.run.model, dict(r.run.arguments)]): r for r in shipped()}
    assert len(records) >= 4
    for record in records.values():
        model = MODELS[record.run.model](**record.run.arguments)
        assert record.more["trainable_parameters"] == parameters(model)
        assert record.more["multiply_adds"] == multiply_adds(model)


def test_the_small_rednet_keeps_its_promise():
    """A third of the CNN's parameters, 20 epochs, over 82 of 100 images right."""
    records = load_records("rednet")
    assert len({record.run.seed for record in records}) >= 3
    assert all(record.run.epochs == 20 and record.more["trainable_parameters"] <= 106_000 for record in records)
    assert sum(record.test_accuracy for record in records) / len(records) >= 0.82


def test_what_is_compared_stands_in_the_declaration():
    text = (Path(experiments.__file__).parent / "DECLARATION.md").read_text()
    planned = " ".join(text.split("**Planned contrasts")[1].split("Each is a Welch test")[0].split())
    said = {"depthwise, wide": "the depthwise network widened", "convolution, narrow": "convolution narrowed"}
    said |= {"convolution": "convolution at equal"}
    for number, (one, other) in enumerate(CONTRASTS, start=1):
        assert f"({number}) {one} less {said.get(other, other)}" in planned
    assert f"({len(CONTRASTS) + 1})" not in planned


def test_records_are_sorted_by_their_operator():
    runs = [Run(experiment="x", model="small_rednet", arguments=OPERATORS[name]) for name in ("convolution", "static")]
    other = Run(experiment="x", model="conv_classifier")
    found = by_operator(Record(run, 0.5, {}, {}) for run in (*runs, other))
    assert list(found) == list(OPERATORS)
    assert {name: [each.run for each in group] for name, group in found.items() if group} == {
        "static": [runs[1]],
        "convolution": [runs[0]],
    }


# Statistics


def test_the_interval_is_students():
    interval = experiments.mean_interval([0.5, 0.7])
    assert interval == pytest.approx((0.6, 0.6 - 12.7062 * 0.1, 0.6 + 12.7062 * 0.1), rel=1e-4)
    values = np.random.default_rng(0).normal(size=7)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    assert experiments.mean_interval(values)[1:] == pytest.approx((expected.low, expected.high))


def test_a_contrast_of_two_cells_is_welchs_test():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.6, 0.01, 10), rng.normal(0.59, 0.03, 6)
    found = experiments.contrast({"a": one, "b": other}, {"a": 1, "b": -1})
    expected = scipy.stats.ttest_ind(one, other, equal_var=False)
    interval = expected.confidence_interval()
    assert found == pytest.approx((one.mean() - other.mean(), interval.low, interval.high, expected.pvalue))


def test_pairs_are_tested_as_scipy_does():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 8))
    expected = scipy.stats.ttest_rel(one, other)
    found = experiments.paired(one, other)
    assert (found.p, found.low) == pytest.approx((expected.pvalue, expected.confidence_interval().low))


def test_holm_by_hand():
    assert experiments.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert experiments.holm([0.6, 0.9]) == [1.0, 1.0]


def test_the_factorial_finds_known_effects_and_covers_them():
    rng, truth = np.random.default_rng(2), {"generation": 0.02, "sharing": 0.03, "interaction": 0.01}
    covered, rounds = dict.fromkeys(truth, 0), 400
    for _ in range(rounds):
        cells = {}
        for (kernels, sharing), name in experiments.statistics.FACTORIAL.items():
            g, s = (kernels == "generated") - 0.5, (sharing == "per channel") - 0.5
            mean = 0.6 + g * truth["generation"] + s * truth["sharing"] + g * s * truth["interaction"]
            cells[name] = rng.normal(mean, 0.01 if g > 0 else 0.02, 10)
        for effect, found in experiments.factorial_effects(cells).items():
            covered[effect] += found.low <= truth[effect] <= found.high
    assert all(0.91 * rounds <= count <= 0.99 * rounds for count in covered.values()), covered


def test_the_correlation_of_seeds_is_pearsons():
    one, other = np.random.default_rng(3).normal(size=(2, 9))
    found = experiments.seed_correlation(one, other)
    assert found[0] == pytest.approx(np.corrcoef(one, other)[0, 1])


def test_the_command_line_lists_and_refuses(capsys, tmp_path):
    from involution_utils.experiments.__main__ import main

    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in EXPERIMENTS)
    assert "13 of 13 runs done" in listed
    assert main(["run", "labb"]) == 2
    assert "`name` must be" in capsys.readouterr().err
