"""Execute a `Run`: from its fields to its `Record`, resumable."""

import functools
import shutil
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils.data import Batches, ImageDataset, load_dataset
from involution_utils.experiments.record import Record, outcome
from involution_utils.experiments.run import Run
from involution_utils.models import MODELS
from involution_utils.training import cosine_adamw, save_model, train


@functools.lru_cache(maxsize=2)
def images_of(dataset: str, train_images: int, validation_images: int, test_images: int) -> ImageDataset:
    """Return the images of a run, the same for all seeds; they are kept for the next run."""
    return load_dataset(dataset, train_images, test_images, validation_images)


def execute(
    run: Run, state_dir: str | PathLike | None = None, verbose: int = 1, save: str | PathLike | None = None
) -> Record:
    """Train the network of `run` and measure it.

    The test images are used once, after the last epoch, unless the run holds out no images: then they validate too.

    Args:
        run: What to do.
        state_dir: Folder for the state after each epoch, from which an interrupted run goes on; None keeps none.
        verbose: 1 shows a progress bar over the epochs, 0 nothing.
        save: File (`.keras`) for the trained model, without its optimizer.

    Returns:
        The record, not yet written.
    """
    dataset = images_of(run.dataset, run.train_images, run.validation_images, run.test_images)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(run.seed)
    model = MODELS[run.model](
        input_shape=dataset.x_train.shape[1:], num_classes=len(dataset.class_names), **run.arguments
    )
    recipe: dict[str, Any] = {"optimizer": keras.optimizers.Adam(run.learning_rate)}
    if run.recipe == "augmented":
        rate = cosine_adamw(dataset, run.epochs, run.batch_size, peak=run.learning_rate)
        recipe = {"optimizer": rate, "augment": True}
    budget: dict[str, Any] = {"epochs": run.epochs, "batch_size": run.batch_size, "seed": run.seed}
    state = state_dir and Path(state_dir) / run.experiment / Path(run.file_name).stem
    history = train(model, dataset, **budget, **recipe, resume_dir=state, verbose=verbose)
    if state:
        shutil.rmtree(state, ignore_errors=True)
    if save:
        bare = keras.Model.from_config(model.get_config())  # not compiled, so that no optimizer is saved
        bare.set_weights(model.get_weights())
        save_model(bare, save)
    right = accuracy(model, dataset.x_test, dataset.y_test) if run.validation_images else history["val_accuracy"][-1]
    command = f"python -m involution_utils.experiments run {run.experiment}"
    more = outcome(model, dataset.source, history) | {"command": command}
    return Record(run, round(right, 4), more.pop("history"), more)


def execute_to_dict(
    run: Run, state_dir: str | PathLike | None = None, verbose: int = 1, save: str | PathLike | None = None
) -> dict[str, Any]:
    """Execute `run` and return its record as plain values."""
    return execute(run, state_dir, verbose, save).to_dict()


def accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray, batch_size: int = 500) -> float:
    """Return the share of uint8 `images`, `(N, height, width, channels)`, whose largest logit is their label."""
    logits = model.predict(Batches(images, labels, batch_size, shuffle=False), verbose=0)
    return float(np.mean(np.argmax(logits, -1) == labels))
