"""Training that can be repeated: seeded, resumable, the same recipe for every network that is compared."""

import json
import math
import re
import sys
import time
import warnings
import zlib
from os import PathLike

import keras
import numpy as np

from involution_utils import checks
from involution_utils.data import Batches, ImageDataset


def train(
    model: keras.Model,
    dataset: ImageDataset,
    epochs: int,
    batch_size: int = 256,
    seed: int = 0,
    *,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    augment: bool = False,
    resume_dir: str | PathLike | None = None,
    verbose: int = 1,
) -> dict[str, list[float]]:
    """Compile `model` and fit it to `dataset`.

    It validates on the held-out images if `dataset` has any, else on the test images, as in the original experiment.

    Args:
        model: A built Keras model from images in [0, 1] to logits.
        dataset: The images and labels.
        epochs: Passes over the training images, at least 1.
        batch_size: Images per batch; the last batch of an epoch may be smaller.
        seed: Fixes the order of the images in every epoch. The initial weights are fixed earlier, by
            `keras.utils.set_random_seed` before the model is built.
        optimizer: As for `model.compile`.
        augment: Whether to mirror and shift the training images at random, as `Batches` does.
        resume_dir: A folder for one file with the state after each epoch, removed at the end: called again with the
            same arguments after an interruption, `train` goes on from there. None keeps no state.
        verbose: 1 shows a progress bar, 0 nothing.

    Returns:
        A dict of lists with one number per epoch: loss, accuracy, val_loss, val_accuracy, and seconds, its duration.

    Raises:
        ParameterError: If epochs, batch_size or seed is not a whole number in its range, a batch does not divide among
            the devices of a `keras.distribution.DataParallel`, or the state is damaged.
    """
    epochs, batch_size = checks.whole_number("epochs", epochs), checks.whole_number("batch_size", batch_size)
    seed = checks.seed(seed)
    held_out = dataset.x_validation, dataset.y_validation
    validation = held_out if len(dataset.x_validation) else (dataset.x_test, dataset.y_test)
    distribution = keras.distribution.distribution()
    devices = distribution.device_mesh.devices.size if distribution else 1
    for size in (len(dataset.x_train), len(validation[0])):
        if min(batch_size, size) % devices or size % batch_size % devices:
            expected = f"such that each batch of {size:,} images, the last one too, divides among {devices} devices"
            raise checks.error("batch_size", expected, batch_size)
    compile_model(model, optimizer)
    state = None
    if resume_dir is not None:
        # A model of the same name may have other arguments or another recipe, a data set of that size other images.
        recipe = json.dumps([keras.optimizers.serialize(model.optimizer), augment], sort_keys=True, default=str)
        # Keras numbers the names of what is made again in one process: input_layer, input_layer_1. Here the order does.
        seen: dict[str, str] = {}
        names, number = r'"(\w+?)(_\d+)?"(?!:)', lambda found: seen.setdefault(found[0], f"{found[1]} {len(seen)}")
        what = zlib.crc32(re.sub(names, number, model.to_json() + recipe).encode())
        for array in (dataset.x_train, dataset.y_train, *validation):
            what = zlib.crc32(np.ascontiguousarray(array).data, what)
        name = f"{model.name}-{what:08x}-epochs{epochs}-batch{batch_size}-seed{seed}.state.npz"
        state = checks.folder("resume_dir", resume_dir) / name
    epoch = _Epoch(model, state)
    callbacks: list[keras.callbacks.Callback] = [epoch]
    if verbose:
        import tqdm.keras

        bar = {"tqdm_class": tqdm.tqdm, "desc": model.name, "file": sys.stdout, "dynamic_ncols": True}
        callbacks.append(tqdm.keras.TqdmCallback(epochs, verbose=0, **bar))
    done = len(epoch.history)
    train = Batches(dataset.x_train, dataset.y_train, batch_size, seed=seed, initial_epoch=done, augment=augment)
    test = Batches(*validation, batch_size, shuffle=False)
    settings = {"initial_epoch": done, "epochs": epochs, "callbacks": callbacks, "verbose": 0}
    model.fit(train, validation_data=test, shuffle=False, **settings)  # `Batches` shuffles, by seed and epoch alone
    if state:
        state.unlink(missing_ok=True)  # another process that made the same training may have been faster
    return {name: [logs[name] for logs in epoch.history] for name in epoch.history[0]}


class _Epoch(keras.callbacks.Callback):
    """Times each epoch and keeps its numbers; with a file, writes them and all variables there, and begins with those.

    Keras's `BackupAndRestore` writes weights and epoch one after the other: a kill in between trains an epoch twice.
    """

    def __init__(self, model, file):
        super().__init__()
        metrics = {id(variable) for variable in model.metrics_variables}  # begin anew with each epoch
        self.variables = [v for v in (*model.variables, *model.optimizer.variables) if id(v) not in metrics]
        self.file, self.history = file, []
        if file and file.exists():
            try:
                with np.load(file) as found:
                    values = [found[f"arr_{i}"] for i in range(len(self.variables))]
                    self.history = json.loads(str(found["history"]))
                for variable, value in zip(self.variables, values, strict=True):
                    variable.assign(value)
            except Exception as error:
                problem = f"the state in {file} is damaged; remove that file to train from the start"
                raise checks.ParameterError(problem) from error

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.begin
        self.history.append({name: float(value) for name, value in logs.items()})
        if self.file:
            values = map(keras.ops.convert_to_numpy, self.variables)
            try:
                history = json.dumps(self.history)
                checks.write_whole(self.file, lambda part: np.savez(part, *values, history=history))
            except OSError as error:
                problem = f"The training goes on, but cannot be resumed: no state in {self.file} ({error})"
                warnings.warn(problem, stacklevel=1)


def cosine_adamw(dataset: ImageDataset, epochs: int, batch_size: int, peak: float = 5e-3) -> keras.optimizers.AdamW:
    """Make AdamW whose learning rate climbs to `peak` during the first epoch, then falls to zero along a cosine.

    Its weight decay is 0.05.

    Args:
        dataset: The `ImageDataset` to train on.
        epochs: As given to `train`.
        batch_size: As given to `train`.
        peak: The highest learning rate.

    Returns:
        The optimizer, for `train` or `model.compile`.
    """
    steps = math.ceil(len(dataset.x_train) / batch_size)
    fall = max(1, steps * (epochs - 1))
    rate = keras.optimizers.schedules.CosineDecay(0.0, fall, warmup_target=peak, warmup_steps=steps)
    return keras.optimizers.AdamW(rate, weight_decay=0.05)


def compile_model(model: keras.Model, optimizer: str | keras.optimizers.Optimizer = "adam") -> None:
    """Compile `model` as `train` does: cross-entropy from logits, accuracy, XLA where it pays.

    Args:
        model: A built Keras model from images to logits; it is changed in place.
        optimizer: As for `model.compile`.
    """
    # On a CPU with TensorFlow `involution` brings its own XLA, and the rest is faster without.
    plain = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
    # The variables of metric and optimizer are made here: TensorFlow traces a first step that makes any twice.
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False if plain else "auto",
    )
    model.optimizer.build(model.trainable_variables)


def save_model(model: keras.Model, path: str | PathLike) -> None:
    """Save `model` to `path`, whole or not at all.

    Args:
        model: The model.
        path: The file (`.keras`); its folder is made if it is missing.
    """
    checks.write_whole(path, model.save)
