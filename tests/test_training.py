"""Training: seeded, resumable after a kill, nothing half-written, clear words for wrong parameters."""

import dataclasses
import errno
import json
import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from involution_utils import training
from involution_utils.checks import ParameterError
from involution_utils.data import load_dataset
from involution_utils.models import involution_classifier
from involution_utils.training import cosine_adamw, train


@pytest.fixture(scope="module")
def shapes():
    return load_dataset("shapes", train_size=300, test_size=50)


def trained(dataset, seed=0, epochs=3, rate=0.2, **options):
    """Train the smallest of classifiers, with a layer that draws at random; return its history and its weights."""
    keras.utils.set_random_seed(seed)
    parts = keras.layers.GlobalAveragePooling2D(name="mean"), keras.layers.Dropout(rate), keras.layers.Dense(10)
    model = keras.Sequential([keras.Input((32, 32, 3)), *parts], name="small")
    history = train(model, dataset, epochs, batch_size=100, seed=seed, verbose=0, **options)
    return history, np.concatenate([np.ravel(weight) for weight in model.get_weights()])


@pytest.fixture(scope="module")
def whole(shapes):
    """The history and the weights of a training that nothing interrupts."""
    return trained(shapes)


def test_the_same_seed_gives_the_same_network_another_seed_another(shapes, whole):
    history, weights = whole
    np.testing.assert_array_equal(trained(shapes)[1], weights)
    assert not np.allclose(trained(shapes, seed=1)[1], weights)
    assert sorted(history) == ["accuracy", "loss", "seconds", "val_accuracy", "val_loss"]
    assert {len(values) for values in history.values()} == {3}


@pytest.mark.usefixtures("plain")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a matter of TensorFlow alone")
def test_an_involution_learns_and_its_step_is_traced_once(shapes, monkeypatch):
    steps, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda model, data: steps.append(model) or step(model, data))
    keras.utils.set_random_seed(0)
    model = involution_classifier(start_as_mean=True)
    history = train(model, shapes, 2, 100, optimizer=cosine_adamw(shapes, 2, 100), verbose=0)
    assert history["loss"][1] < history["loss"][0]
    assert len(steps) == 1


# ---- resuming --------------------------------------------------------------------------------------------------------


def interrupted(dataset, folder, patch, **options):
    """Leave the state of a training that is interrupted in its second epoch."""

    def begin(self, epoch, logs=None):
        self.begin = -1e6  # so that the state is known by its seconds
        if epoch == 1:
            raise KeyboardInterrupt

    with patch.context() as patched:
        patched.setattr(training._Epoch, "on_epoch_begin", begin)
        with pytest.raises(KeyboardInterrupt):
            trained(dataset, resume_dir=folder, **options)
    (state,) = folder.glob("small-*.state.npz")
    return state


def test_a_training_goes_on_where_it_was_interrupted_and_leaves_the_folder_as_it_was(
    shapes, whole, tmp_path, monkeypatch
):
    (tmp_path / "notes.txt").write_text("years of work")
    interrupted(shapes, tmp_path, monkeypatch)
    history, weights = trained(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, whole[1])
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert history[name] == whole[0][name]
    assert history["seconds"][0] > 1000 > history["seconds"][1]  # the first epoch is that of the state
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("notes.txt", "years of work")]


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("point", "write"), [("before", 0), ("half", 1), ("after", 2)])
def test_a_training_killed_while_it_writes_ends_with_equal_weights(shapes, whole, tmp_path, monkeypatch, write, point):
    """A kill is imitated by an exception that nothing catches, and by no cleaning up."""
    writes, savez, replace = [], np.savez, os.replace

    def half_saved(path, *values, **named):
        writes.append(path)
        savez(path, *values, **named)
        if len(writes) > write and point != "after":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if point == "half" else 0])
            raise Killed

    def renamed(source, target):
        replace(source, target)
        if len(writes) > write:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", half_saved)
        patched.setattr(os, "replace", renamed)
        patched.setattr(pathlib.Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            trained(shapes, resume_dir=tmp_path)
    history, weights = trained(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, whole[1])
    assert history["loss"] == whole[0]["loss"]


SCRIPT = """
import os, signal, sys
import keras, numpy as np
from involution_utils import cosine_adamw, involution_classifier, load_dataset, train, training
killed = os.replace
def replace(source, target):
    killed(source, target)
    if sys.argv[3] == "kill" and len(np.load(target)["history"].item().split("seconds")) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
dataset = load_dataset("shapes", train_size=500, test_size=50)
keras.utils.set_random_seed(0)
model = involution_classifier(start_as_mean=True)
recipe = {"optimizer": cosine_adamw(dataset, epochs=4, batch_size=50), "augment": True}
history = train(model, dataset, epochs=4, batch_size=50, seed=0, **recipe, resume_dir=sys.argv[1], verbose=0)
assert len(history["loss"]) == 4, history
np.save(sys.argv[2], np.concatenate([np.ravel(weight) for weight in model.get_weights()]))
"""


@pytest.mark.long
def test_kill_minus_9_and_a_restart_in_another_process_end_with_the_same_weights(tmp_path):
    def run(state, result, how):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / state), str(tmp_path / result), how]
        return subprocess.run(command, timeout=300).returncode

    assert run("whole", "whole.npy", "spare") == 0
    assert run("state", "resumed.npy", "kill") == -signal.SIGKILL
    assert not (tmp_path / "resumed.npy").exists()
    assert run("state", "resumed.npy", "spare") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "resumed.npy"), np.load(tmp_path / "whole.npy"))


@pytest.mark.parametrize("other", [{"augment": True}, {"optimizer": "sgd"}, {"rate": 0.3}])
def test_another_recipe_or_model_does_not_resume_this_state(shapes, tmp_path, monkeypatch, other):
    state = interrupted(shapes, tmp_path, monkeypatch)
    history, _ = trained(shapes, resume_dir=tmp_path, **other)
    assert max(history["seconds"]) < 1000  # no epoch is that of the state
    assert list(tmp_path.iterdir()) == [state]


def test_other_images_of_the_same_number_do_not_resume_this_state(shapes, tmp_path, monkeypatch):
    interrupted(shapes, tmp_path, monkeypatch)
    other = dataclasses.replace(shapes, x_train=shapes.x_train[:, ::-1])
    assert max(trained(other, resume_dir=tmp_path)[0]["seconds"]) < 1000


def test_a_model_of_other_connections_has_another_state_and_the_same_made_again_does_not(shapes, tmp_path, monkeypatch):
    files = []

    def stopped(model, file):
        files.append(file)
        raise Killed

    monkeypatch.setattr(training, "_Epoch", stopped)
    for source in (1, 2, 1):
        found = [keras.layers.AveragePooling2D(8)(keras.Input((32, 32, 3)))]
        for _ in range(3):
            found.append(keras.layers.Conv2D(3, 1)(found[-1]))
        logits = keras.layers.Dense(10)(keras.layers.Flatten()(keras.layers.Add()([found[3], found[source]])))
        with pytest.raises(Killed):
            train(
                keras.Model(found[0]._keras_history.operation.input, logits, name="net"), shapes, 3, resume_dir=tmp_path
            )
    assert files[0] == files[2] != files[1]


def test_a_damaged_state_is_named_in_a_sentence(shapes, tmp_path, monkeypatch):
    state = interrupted(shapes, tmp_path, monkeypatch)
    damaged = state.read_bytes()[:-100]
    state.write_bytes(damaged)
    with pytest.raises(ParameterError, match=f"the state in {state} is damaged; remove that file"):
        trained(shapes, resume_dir=tmp_path)
    assert state.read_bytes() == damaged


def test_a_full_disk_is_told_and_the_training_goes_on(shapes, whole, tmp_path, monkeypatch):
    def full(path, *values, **named):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="The training goes on, but cannot be resumed.*No space left"):
        history, weights = trained(shapes, resume_dir=tmp_path)
    np.testing.assert_array_equal(weights, whole[1])
    assert len(history["loss"]) == 3
    assert list(tmp_path.iterdir()) == []


# ---- recipes and the rest --------------------------------------------------------------------------------------------


def test_the_rate_climbs_for_an_epoch_and_falls_to_zero(shapes):
    def rates(epochs, steps):
        optimizer = cosine_adamw(shapes, epochs, batch_size=50, peak=0.01)  # 300 images: 6 steps an epoch
        for step in steps:
            optimizer.iterations.assign(step)
            yield float(optimizer.learning_rate)

    np.testing.assert_allclose(list(rates(5, (0, 3, 6, 18, 30))), [0, 0.005, 0.01, 0.005, 0], atol=1e-6)
    assert min(rates(1, [5])) > 0


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
    history = train(model, data, epochs=2, batch_size=30, augment=True, verbose=0)
    used = len(model.trainable_variables[0].value.sharding.device_set)
    print(json.dumps({"devices": used, "losses": history["loss"] + history["val_loss"]}))
try:
    train(model, data, epochs=1, batch_size=33, verbose=0)
except ValueError as error:
    print(error)
"""


@pytest.mark.long
def test_two_devices_get_the_losses_of_one():
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", DATA_PARALLEL]
    ran = subprocess.run(command, env=os.environ | flags, check=True, capture_output=True, text=True, timeout=300)
    one, two = (json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{"))
    assert (one["devices"], two["devices"]) == (1, 2)
    assert "`batch_size` must be such that each batch of 100 images, the last one too, divides among 2" in ran.stdout
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
