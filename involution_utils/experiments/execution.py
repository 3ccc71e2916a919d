"""Execute a `Run`: from its fields to its `Record`, resumable."""

import dataclasses
import functools
import shutil
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.data import Batches, ImageDataset, load_dataset
from involution_utils.experiments.record import Record, outcome
from involution_utils.experiments.run import Run
from involution_utils.models import MODELS
from involution_utils.training import cosine_adamw, save_model, train


@functools.lru_cache(maxsize=2)
def images_of(
    dataset: str, train_images: int, validation_images: int, test_images: int
) -> tuple[ImageDataset, tuple[np.ndarray, np.ndarray] | None]:
    """Return the images of a run and, apart, the held-out ones; they are kept for the next run.

    The training images of each class stand in one fixed random order. The first are held out, the next are trained on:
    so what is held out is the same for any number of training images, and fewer are a part of more.
    """
    if not validation_images:
        return load_dataset(dataset, train_images, test_images), None
    data = load_dataset(dataset, test_size=test_images)
    classes = len(data.class_names)
    for name, size in {"train_images": train_images, "validation_images": validation_images}.items():
        if size % classes:
            raise checks.error(name, f"a multiple of the number of classes, {classes}, beside held-out images", size)
    held, used = validation_images // classes, train_images // classes
    rng, chosen = np.random.default_rng(0), ([], [])
    for label in range(classes):
        members = rng.permutation(np.flatnonzero(data.y_train == label))
        if len(members) < held + used:
            raise checks.error("train_images", f"at most {len(data.x_train) - validation_images:,}", train_images)
        chosen[0].extend(members[:held])
        chosen[1].extend(members[held : held + used])
    held_out, trained = (np.sort(indices) for indices in chosen)
    smaller = dataclasses.replace(data, x_train=data.x_train[trained], y_train=data.y_train[trained])
    return smaller, (data.x_train[held_out], data.y_train[held_out])


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
    dataset, held_out = images_of(run.dataset, run.train_images, run.validation_images, run.test_images)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(run.seed)
    model = MODELS[run.model](dataset.x_train.shape[1:], len(dataset.class_names), **run.arguments)
    recipe = {"optimizer": keras.optimizers.Adam(run.learning_rate)}
    if run.recipe == "augmented":
        rate = cosine_adamw(dataset, run.epochs, run.batch_size, peak=run.learning_rate)
        recipe = {"optimizer": rate, "augment": True}
    budget = {"epochs": run.epochs, "batch_size": run.batch_size, "seed": run.seed}
    state = state_dir and Path(state_dir) / run.experiment / Path(run.file_name).stem
    history = train(model, dataset, **budget, **recipe, validation_data=held_out, resume_dir=state, verbose=verbose)
    if state:
        shutil.rmtree(state, ignore_errors=True)
    if save:
        bare = keras.models.clone_model(model)
        bare.set_weights(model.get_weights())
        save_model(bare, save)
    accuracy = history["val_accuracy"][-1] if held_out is None else accuracy_on_test(model, dataset)
    command = f"python -m involution_utils.experiments run {run.experiment}"
    more = outcome(model, dataset.source, history) | {"command": command}
    return Record(run, round(accuracy, 4), more.pop("history"), more)


def execute_to_dict(run: Run, state_dir=None, verbose: int = 1, save=None) -> dict[str, Any]:
    """Execute `run` and return its record as plain values."""
    return execute(run, state_dir, verbose, save).to_dict()


def accuracy_on_test(model: keras.Model, dataset: ImageDataset, batch_size: int = 500) -> float:
    """Return the share of the test images whose largest logit is that of their class."""
    batches = Batches(dataset.x_test, dataset.y_test, batch_size, shuffle=False)
    logits = model.predict(batches, verbose=0)
    return float(np.mean(np.argmax(logits, -1) == dataset.y_test))
