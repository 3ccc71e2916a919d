"""Training: seeded, resumable after a kill, nothing half-written, clear words for wrong parameters."""

import dataclasses
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
from involution_utils.checks import ParameterError
from involution_utils.data import load_dataset
from involution_utils.models import involution_classifier
from involution_utils.training import cosine_adamw, save_model, train


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


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a matter of TensorFlow alone")
def test_a_step_is_traced_once(shapes, monkeypatch):
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda model, data: traced.append(model) or step(model, data))
    trained_weights(shapes, 0, optimizer=cosine_adamw(shapes, 2, 100))
    assert len(traced) == 1


def test_resume_dir_is_empty_after_a_training_that_ended(shapes, tmp_path):
    history, weights = trained_weights(shapes, 0, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, trained_weights(shapes, 0)[1])
    assert len(history["loss"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_other_arguments_does_not_resume_the_state_of_another(shapes, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.shutil, "rmtree", interrupted)  # the state of a whole training is left behind
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
    monkeypatch.setattr(training.shutil, "rmtree", lambda path, **_: None)  # the state of a whole training is left
    expected = trained_weights(shapes, 0)[1]
    np.testing.assert_array_equal(trained_weights(shapes, 0, resume_dir=tmp_path)[1], expected)
    other = trained_weights(shapes, 0, resume_dir=tmp_path, **recipe)[1]
    assert not np.allclose(other, expected)
    assert len(list(tmp_path.iterdir())) == 2


def small_training(dataset, resume_dir=None):
    """Train the smallest of classifiers for two epochs; return its history and its weights."""
    keras.utils.set_random_seed(0)
    parts = keras.layers.GlobalAveragePooling2D(name="mean"), keras.layers.Dense(10, name="logits")
    model = keras.Sequential([keras.Input((32, 32, 3)), *parts], name="small")
    history = train(model, dataset, epochs=2, batch_size=100, verbose=0, resume_dir=resume_dir)
    return history, np.concatenate([np.ravel(weight) for weight in model.get_weights()])


def test_other_images_of_the_same_number_do_not_resume_the_state_of_these(shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(training.shutil, "rmtree", lambda path, **_: None)  # the state of a whole training is left
    small_training(shapes, resume_dir=tmp_path)
    other = dataclasses.replace(shapes, x_train=shapes.x_train[:, ::-1])
    np.testing.assert_array_equal(small_training(other, resume_dir=tmp_path)[1], small_training(other)[1])


def after_one_epoch(shapes, folder):
    """Leave the state of a training that was interrupted in its second epoch, and return its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Epochs, "on_epoch_end", lambda self, epoch, logs: interrupt(epoch == 1, logs))
        with pytest.raises(KeyboardInterrupt):
            small_training(shapes, resume_dir=folder)
    (state,) = folder.iterdir()
    return state


def interrupt(now, logs):
    logs["seconds"] = 1.0
    if now:
        raise KeyboardInterrupt


def test_a_training_interrupted_in_this_process_goes_on_in_it(shapes, tmp_path):
    """Though Keras gives other names to the input and the optimizer when they are made again."""
    after_one_epoch(shapes, tmp_path)
    history, weights = small_training(shapes, resume_dir=tmp_path)
    assert history["seconds"][0] == 1 != history["seconds"][1]
    np.testing.assert_array_equal(weights, small_training(shapes)[1])


def test_a_state_of_which_half_is_missing_ends_as_a_whole_training_does(shapes, tmp_path):
    """A kill between its two files leaves one epoch more in the history; a first one, no weights."""
    expected = small_training(shapes)[1]
    state = after_one_epoch(shapes, tmp_path)
    more = 2 * json.loads((state / "history.json").read_text())
    (state / "history.json").write_text(json.dumps(more))
    history, weights = small_training(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, expected)
    assert history["seconds"][0] == 1 != history["seconds"][1]
    state = after_one_epoch(shapes, tmp_path)
    (state / "latest.weights.h5").unlink()
    history, weights = small_training(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, expected)
    assert len(history["loss"]) == 2


@pytest.mark.parametrize("name", ["history.json", "latest.weights.h5"])
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_damaged_state_is_named_in_a_sentence(shapes, tmp_path, name, share):
    path = after_one_epoch(shapes, tmp_path) / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ParameterError, match=f"the state in {path.parent} is damaged; remove that folder"):
        small_training(shapes, resume_dir=tmp_path)


def test_two_trainings_with_one_state_both_end(shapes, tmp_path, monkeypatch):
    """The other one ends first, and removes the state."""
    real = training._Resume.on_epoch_end

    def removed(self, epoch, logs=None):
        real(self, epoch, logs)
        training.shutil.rmtree(self.folder)

    monkeypatch.setattr(training._Resume, "on_epoch_end", removed)
    history, weights = small_training(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, small_training(shapes)[1])
    assert len(history["loss"]) == 2


def test_the_rate_climbs_for_an_epoch_and_falls_to_zero(shapes):
    rate = cosine_adamw(shapes, epochs=5, batch_size=100, peak=0.01)._learning_rate  # 600 images: 6 steps an epoch
    values = [float(rate(step)) for step in (0, 3, 6, 18, 30)]
    np.testing.assert_allclose(values, [0, 0.005, 0.01, 0.005, 0], atol=1e-6)
    assert float(cosine_adamw(shapes, epochs=1, batch_size=100, peak=0.01)._learning_rate(5)) > 0


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
    while sum(len(json.loads(path.read_text())) for path in state.glob("*/history.json")) < 3:  # epochs
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() - begin < 120
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not result.exists()
    assert list(state.glob("*/*.weights.h5"))
    assert start(state, result).wait() == 0
    np.testing.assert_array_equal(np.load(result), np.load(tmp_path / "whole.npy"))


def test_train_refuses_before_it_begins(shapes):
    with pytest.raises(ParameterError, match="epochs"):
        train(involution_classifier(), shapes, epochs=0)


def test_a_saved_model_gives_the_same_outputs(tmp_path):
    keras.utils.set_random_seed(0)
    model = involution_classifier(start_as_mean=True)
    save_model(model, tmp_path / "model.keras")
    images = np.random.default_rng(0).random((2, 32, 32, 3))
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images), model(images))
    assert os.listdir(tmp_path) == ["model.keras"]


DATA_PARALLEL = """
import json
import keras
from involution_utils import involution_classifier, load_dataset, train

data = load_dataset("shapes", train_size=100, test_size=20)
for parallel in (False, True):
    if parallel:
        devices = keras.distribution.list_devices()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    keras.utils.set_random_seed(0)
    model = involution_classifier()
    history = train(model, data, epochs=2, batch_size=30, verbose=0)
    used = len(model.trainable_variables[0].value.sharding.device_set)
    print(json.dumps({"devices": used, "losses": history["loss"] + history["val_loss"]}))
try:
    train(model, data, epochs=1, batch_size=33, verbose=0)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_two_devices_get_the_losses_of_one():
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", DATA_PARALLEL]
    printed = subprocess.run(command, env=os.environ | flags, check=True, capture_output=True, text=True).stdout
    one, two = (json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    assert (one["devices"], two["devices"]) == (1, 2)
    assert "`batch_size` must be such that each batch of 100 images, the last one too, divides among 2" in printed
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
