"""Training that can be repeated: seeded, resumable, the same recipe for every network that is compared."""

import json
import math
import re
import shutil
import sys
import time
import zipfile
import zlib
from os import PathLike
from pathlib import Path

import keras
import numpy as np
import tqdm
import tqdm.keras

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

    The loss is sparse categorical cross-entropy from logits. `seed` fixes the order of the images in every epoch; the
    initial weights are fixed earlier, by `keras.utils.set_random_seed` before the model is built. It
    validates on the held-out images if `dataset` has any, else on the test images, as in the original experiment.

    Args:
        model: A built Keras model from images in [0, 1] to logits.
        dataset: The images and labels.
        epochs: Passes over the training images, at least 1.
        batch_size: Images per batch; the last batch of an epoch may be smaller.
        seed: A whole number, at least 0.
        optimizer: As for `model.compile`; the default is Adam at its default rate. `cosine_adamw` makes another.
        augment: Whether to mirror and shift the training images at random, as `Batches` does.
        resume_dir: A folder for the state after each epoch: called again with the same arguments after an
            interruption, `train` goes on from there. None keeps no state.
        verbose: 1 shows a progress bar, 0 nothing.

    Returns:
        A dict of lists with one number per epoch: loss, accuracy, val_loss, val_accuracy, and seconds, its duration.

    Raises:
        ParameterError: A ValueError, if epochs, batch_size or seed is not a whole number in its range, or a batch does
            not divide among the devices of a `keras.distribution.DataParallel`.
    """
    epochs, batch_size = checks.whole_number("epochs", epochs), checks.whole_number("batch_size", batch_size)
    seed = checks.seed(seed)
    held_out = dataset.x_validation, dataset.y_validation
    validation = held_out if len(dataset.x_validation) else (dataset.x_test, dataset.y_test)
    _check_devices(batch_size, len(dataset.x_train), len(validation[0]))
    compile_model(model, optimizer)
    batches = Batches(dataset.x_train, dataset.y_train, batch_size, seed=seed, augment=augment)
    callbacks: list[keras.callbacks.Callback] = [_Epochs(batches)]
    resume = None
    if resume_dir is not None:
        # A model of the same name may have other arguments or another recipe, a data set of that size other images.
        recipe = json.dumps([keras.optimizers.serialize(model.optimizer), augment], sort_keys=True, default=str)
        # Keras numbers the names of what is made again in one process: input_layer, input_layer_1.
        what = zlib.crc32(re.sub(r'_\d+(?=")', "", model.to_json() + recipe).encode())
        for array in (dataset.x_train, dataset.y_train, *validation):
            what = zlib.crc32(np.ascontiguousarray(array).data, what)
        run = f"{model.name}-{what:08x}-{dataset.name}-{len(dataset.x_train)}"
        state = Path(resume_dir) / f"{run}-epochs{epochs}-batch{batch_size}-seed{seed}"
        state = checks.folder("resume_dir", state)
        resume = _Resume(state, len(batches))
        callbacks.append(resume)
    if verbose:
        bar = {"tqdm_class": tqdm.tqdm, "desc": model.name, "file": sys.stdout, "dynamic_ncols": True}
        callbacks.append(tqdm.keras.TqdmCallback(epochs, verbose=0, **bar))
    history = model.fit(
        batches,
        validation_data=Batches(*validation, batch_size, shuffle=False),
        epochs=epochs,
        shuffle=False,  # `Batches` shuffles, so that an epoch's order depends on nothing but seed and epoch
        callbacks=callbacks,
        verbose=0,
    ).history
    if resume is None:
        return {name: [float(value) for value in values] for name, values in history.items()}
    shutil.rmtree(state, ignore_errors=True)  # another process that made the same training may have been faster
    return {name: [epoch[name] for epoch in resume.history] for name in resume.history[0]}


def _check_devices(batch_size, *sizes):
    distribution = keras.distribution.distribution()
    devices = distribution.device_mesh.devices.size if distribution else 1
    for size in sizes:
        if any(batch % devices for batch in (min(batch_size, size), size % batch_size)):
            expected = f"such that each batch of {size:,} images, the last one too, divides among {devices} devices"
            raise checks.error("batch_size", expected, batch_size)


def cosine_adamw(
    dataset: ImageDataset, epochs: int, batch_size: int, peak: float = 5e-3, weight_decay: float = 0.05
) -> keras.optimizers.AdamW:
    """Make AdamW whose learning rate climbs to `peak` during the first epoch, then falls to zero along a cosine.

    Args:
        dataset: the `ImageDataset` to train on.
        epochs: as given to `train`.
        batch_size: as given to `train`.
        peak: the highest learning rate.
        weight_decay: as in `keras.optimizers.AdamW`.
    """
    steps = math.ceil(len(dataset.x_train) / batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps * (epochs - 1)), warmup_target=peak, warmup_steps=steps
    )
    return keras.optimizers.AdamW(rate, weight_decay=weight_decay)


def compile_model(model: keras.Model, optimizer: str | keras.optimizers.Optimizer = "adam") -> None:
    """Compile `model` as `train` does: cross-entropy from logits, accuracy, XLA where it pays."""
    # The variables of metric and optimizer are made here: TensorFlow traces a first step that makes any twice.
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=_compile_whole_model(),
    )
    model.optimizer.build(model.trainable_variables)


def _compile_whole_model():
    """False on a CPU with TensorFlow: `involution` brings its own XLA, and the rest is faster without."""
    if keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu"):
        return False
    return "auto"


class _Epochs(keras.callbacks.Callback):
    """Gives each epoch its own order of the images, and its logs their duration."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.begin


class _Resume(keras.callbacks.Callback):
    """Writes history, weights and optimizer after each epoch, each file whole, and goes on from them."""

    def __init__(self, folder, steps):
        super().__init__()
        self.folder, self.steps, self.history = folder, steps, []
        self.history_file, self.weights_file = folder / "history.json", folder / "latest.weights.h5"

    def on_train_begin(self, logs=None):
        if not self.weights_file.exists():
            return
        try:
            history = json.loads(self.history_file.read_text())
            self.model.load_weights(self.weights_file)
            epoch = int(self.model.optimizer.iterations) // self.steps
            self.history = history[:epoch]  # a kill may have come between the two files
            if len(self.history) < epoch:
                raise ValueError("epochs are missing")
            self.model._initial_epoch = epoch
        except Exception as error:
            raise checks.ParameterError(
                f"the state in {self.folder} is damaged; remove that folder to train from the start"
            ) from error

    def on_epoch_end(self, epoch, logs=None):
        self.history.append({name: float(value) for name, value in logs.items()})
        checks.write_whole(self.history_file, lambda part: part.write_text(json.dumps(self.history)))
        checks.write_whole(self.weights_file, self.model.save_weights)


# Arguments that Keras 3.15 writes as None, and that an older Keras refuses to read.
_NEW_ARGUMENTS = ("quantization_config", "input_axes", "output_axes")


def save_model(model: keras.Model, path: str | PathLike) -> None:
    """Save `model` to `path` (`.keras`), whole or not at all, so that Keras 3.10 can load it, too.

    Args:
        model: the model.
        path: the file; its folder is made if it is missing.
    """
    checks.write_whole(path, lambda part: _save_portable(model, part))


def _save_portable(model, path):
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in entries.items():
            if info.filename == "config.json":
                content = json.dumps(_without_new_arguments(json.loads(content))).encode()
            archive.writestr(info, content)


def _without_new_arguments(config):
    if isinstance(config, dict):
        return {k: _without_new_arguments(v) for k, v in config.items() if v is not None or k not in _NEW_ARGUMENTS}
    return [_without_new_arguments(v) for v in config] if isinstance(config, list) else config
