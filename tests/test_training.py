"""Training: seeded, resumable after a kill, nothing half-written, clear words for wrong parameters."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from involution_utils import training
from involution_utils.data import load_dataset
from involution_utils.models import involution_classifier
from involution_utils.training import (
    ParameterError,
    check_parameters,
    cosine_adamw,
    mean_interval,
    record,
    save_json,
    save_model,
    train,
)


@pytest.fixture(scope="module")
def shapes():
    return load_dataset("shapes", train_size=600, test_size=100)


def trained_weights(dataset, seed, **options):
    keras.utils.set_random_seed(seed)
    model = involution_classifier(start_as_mean=True)
    history = train(model, dataset, epochs=2, batch_size=100, seed=seed, verbose=0, **options)
    return history, np.concatenate([np.ravel(weight) for weight in model.get_weights()])


def test_the_same_seed_gives_the_same_network_another_seed_another(shapes):
    (history, one), (_, again), (_, other) = (trained_weights(shapes, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    assert sorted(history) == ["accuracy", "loss", "seconds", "val_accuracy", "val_loss"]
    assert {len(values) for values in history.values()} == {2}


def test_training_learns(shapes):
    history, _ = trained_weights(shapes, 0)
    assert history["loss"][1] < history["loss"][0]


def test_resume_dir_is_empty_after_a_training_that_ended(shapes, tmp_path):
    history, weights = trained_weights(shapes, 0, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, trained_weights(shapes, 0)[1])
    assert len(history["loss"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_other_arguments_does_not_resume_the_state_of_another(shapes, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_read_history", interrupted)  # the state of a whole training is left behind
    with pytest.raises(KeyboardInterrupt):
        trained_weights(shapes, 0, resume_dir=tmp_path)
    monkeypatch.undo()
    keras.utils.set_random_seed(0)
    model = involution_classifier(start_as_mean=False)
    begin = model.get_weights()[0].copy()
    train(model, shapes, epochs=2, batch_size=100, seed=0, verbose=0, resume_dir=tmp_path)
    other = trained_weights(shapes, 0)[1]
    assert not np.allclose(np.concatenate([np.ravel(weight) for weight in model.get_weights()]), other)
    assert not np.allclose(model.get_weights()[0], begin)


@pytest.mark.parametrize(
    "recipe", [{"augment": True}, {"optimizer": "sgd"}, {"optimizer": keras.optimizers.Adam(0.01)}]
)
def test_another_recipe_does_not_resume_the_state_of_this_one(shapes, tmp_path, monkeypatch, recipe):
    monkeypatch.setattr(training.shutil, "rmtree", lambda path: None)  # the state of a whole training is left behind
    expected = trained_weights(shapes, 0)[1]
    np.testing.assert_array_equal(trained_weights(shapes, 0, resume_dir=tmp_path)[1], expected)
    other = trained_weights(shapes, 0, resume_dir=tmp_path, **recipe)[1]
    assert not np.allclose(other, expected)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_rate_climbs_for_an_epoch_and_falls_to_zero(shapes):
    rate = cosine_adamw(shapes, epochs=5, batch_size=100, peak=0.01)._learning_rate  # 600 images: 6 steps an epoch
    values = [float(rate(step)) for step in (0, 3, 6, 18, 30)]
    np.testing.assert_allclose(values, [0, 0.005, 0.01, 0.005, 0], atol=1e-6)
    assert float(cosine_adamw(shapes, epochs=1, batch_size=100, peak=0.01)._learning_rate(5)) > 0


def test_the_interval_is_students():
    assert mean_interval([0.5, 0.7]) == pytest.approx((0.6, 0.6 - 12.7062 * 0.1, 0.6 + 12.7062 * 0.1), rel=1e-4)
    assert mean_interval([1, 2, 3]) == pytest.approx((2, 2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), rel=1e-4)


SCRIPT = """
import sys
import keras, numpy as np
from involution_utils import cosine_adamw, involution_classifier, load_dataset, train
dataset = load_dataset("shapes", train_size=1500, test_size=50)
keras.utils.set_random_seed(0)
model = involution_classifier(start_as_mean=True)
recipe = {"optimizer": cosine_adamw(dataset, epochs=6, batch_size=50), "augment": True}
history = train(model, dataset, epochs=6, batch_size=50, seed=0, **recipe, resume_dir=sys.argv[1], verbose=0)
assert len(history["loss"]) == 6, history
np.save(sys.argv[2], np.concatenate([np.ravel(weight) for weight in model.get_weights()]))
"""


@pytest.mark.slow
def test_kill_minus_9_and_a_restart_end_with_the_same_weights(tmp_path):
    def start(state, result):
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(state), str(result)])

    assert start(tmp_path / "whole", tmp_path / "whole.npy").wait() == 0
    state, result = tmp_path / "state", tmp_path / "resumed.npy"
    process, begin = start(state, result), time.monotonic()
    while sum(len(path.read_text().splitlines()) for path in state.glob("*/history.csv")) < 4:  # header, three epochs
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() - begin < 120
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not result.exists()
    assert list(state.glob("*/*.weights.h5"))
    assert start(state, result).wait() == 0
    np.testing.assert_array_equal(np.load(result), np.load(tmp_path / "whole.npy"))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"epochs": "ten"}, "epochs must be a whole number of at least 1, not 'ten'"),
        ({"epochs": 1.5}, "epochs .* not 1.5"),
        ({"epochs": True}, "epochs .* not True"),
        ({"batch_size": -1}, "batch_size .* not -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"dataset": "mnist"}, 'dataset must be "auto", "cifar10" or "shapes", not \'mnist\''),
        ({"train_size": 60_000}, "train_size must be None .* from 10 to 50,000, not 60000"),
        ({"test_size": 9}, "test_size must be None .* from 10 to 10,000, not 9"),
        ({"output_dir": ""}, "output_dir must be the name of a folder, not ''"),
    ],
)
def test_wrong_parameters_are_named(parameters, words):
    with pytest.raises(ParameterError, match=words):
        check_parameters(**parameters)


def test_right_parameters_pass():
    check_parameters(dataset="auto", epochs=1, batch_size=1, seed=0, train_size=None, test_size=10, output_dir="models")


def test_train_refuses_before_it_begins(shapes):
    with pytest.raises(ParameterError, match="epochs"):
        train(involution_classifier(), shapes, epochs=0)


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "folder" / "result.json"
    save_json({"a": 1}, path)
    with pytest.raises(TypeError):
        save_json({"a": object()}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(path.parent) == ["result.json"]


def test_a_saved_model_gives_the_same_outputs(tmp_path):
    keras.utils.set_random_seed(0)
    model = involution_classifier(start_as_mean=True)
    save_model(model, tmp_path / "model.keras")
    images = np.random.default_rng(0).random((2, 32, 32, 3))
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images), model(images))
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_record_can_be_written_and_says_what_made_it(shapes, tmp_path):
    history, _ = trained_weights(shapes, 0)
    result = record(involution_classifier(), shapes, history, epochs=2, seed=0)
    save_json(result, tmp_path / "r.json")
    assert result["trainable_parameters"] == 13_074
    assert (result["dataset"], result["train_images"], result["test_images"], result["seed"]) == ("shapes", 600, 100, 0)
    assert result["test_accuracy"] == round(history["val_accuracy"][-1], 4)


def test_the_command_line_writes_a_record_and_skips_what_is_finished(tmp_path, capsys):
    arguments = ["involution_classifier", "--argument", "start_as_mean=true", "--dataset", "shapes", "--epochs", "1"]
    arguments += ["--train-size", "100", "--test-size", "20", "--seed", "7"]
    arguments += ["--results", str(tmp_path / "results"), "--state", str(tmp_path / "state")]
    training.main(arguments)
    (path,) = (tmp_path / "results").iterdir()
    written = path.read_text()
    assert json.loads(written)["arguments"] == {"start_as_mean": True}
    training.main(arguments)
    assert "there already" in capsys.readouterr().out
    assert path.read_text() == written


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is forgotten on Linux alone")
def test_what_loading_took_does_not_hide_what_training_takes():
    np.ones(2**26)  # 512 MiB, freed at once
    peak = training.peak_memory()
    training.forget_peak_memory()
    assert training.peak_memory() < peak - 256


def test_load_results_says_what_to_do_where_there_are_none():
    with pytest.raises(FileNotFoundError, match="make help"):
        training.load_results("training/none-*.json")


def test_load_trained_prefers_what_notebook_03_left(tmp_path, capsys):
    shipped = training.load_trained("involution_classifier", tmp_path)
    assert "ships with the package" in capsys.readouterr().out
    own = involution_classifier()
    save_model(own, tmp_path / "involution_classifier.keras")
    loaded = training.load_trained("involution_classifier", tmp_path)
    assert "notebook 03" in capsys.readouterr().out
    np.testing.assert_array_equal(loaded.get_weights()[0], own.get_weights()[0])
    assert shipped.count_params() == loaded.count_params()
