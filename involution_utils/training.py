"""Train a classifier so that it can be repeated: seeded, resumable, the result written with all that made it.

    python -m involution_utils.training involution_classifier --seed 3

trains one classifier and writes its record to `results/training`. Started again, it skips what is finished and goes
on with what was interrupted.
"""

import argparse
import contextlib
import csv
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import shlex
import shutil
import statistics
import sys
import time
import zlib
from pathlib import Path

import keras
import scipy.stats
import tqdm
import tqdm.keras

from involution_utils.data import Batches, ParameterError, load_dataset


def check_parameters(*, dataset=None, rule=None, output_dir=None, train_size=None, test_size=None, **whole_numbers):
    """Check a notebook's parameters before anything long begins.

    Args:
        dataset: "auto", "cifar10" or "shapes"; None where a notebook has none.
        rule: "width", "parameters", "multiply_adds" or "time", what networks have in common; None as above.
        output_dir: name of a folder, which need not exist.
        train_size: number of training images, or None for all.
        test_size: number of test images, or None for all.
        **whole_numbers: epochs, batch_size and seed, where a notebook has them.

    Raises:
        ParameterError: naming the parameter, its value and what would be right.
    """
    choices = {
        "dataset": (dataset, ("auto", "cifar10", "shapes")),
        "rule": (rule, ("width", "parameters", "multiply_adds", "time")),
    }
    for name, (value, allowed) in choices.items():
        if value is not None and value not in allowed:
            *others, last = (f'"{choice}"' for choice in allowed)
            raise ParameterError(f"{name} must be {', '.join(others)} or {last}, not {value!r}.")
    if output_dir is not None and not (isinstance(output_dir, str) and output_dir.strip()):
        raise ParameterError(f"output_dir must be the name of a folder, not {output_dir!r}.")
    sizes = {"train_size": (train_size, 50_000), "test_size": (test_size, 10_000)}
    for name, (value, most) in sizes.items():
        if value is not None and not (_is_whole(value) and 10 <= value <= most):
            raise ParameterError(
                f"{name} must be None (all images) or a whole number from 10 to {most:,}, not {value!r}."
            )
    for name, value in whole_numbers.items():
        least = 0 if name == "seed" else 1
        if not (_is_whole(value) and value >= least):
            raise ParameterError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def train(
    model, dataset, epochs, batch_size=256, seed=0, *, optimizer="adam", augment=False, resume_dir=None, verbose=1
):
    """Compile `model` and fit it to `dataset`, with the test images as validation data.

    The loss is sparse categorical cross-entropy from logits. `seed` fixes the order of the images in every epoch; the
    initial weights are fixed earlier, by `keras.utils.set_random_seed` before the model is built.

    Args:
        model: a built Keras model from images in [0, 1] to logits.
        dataset: an `ImageDataset`.
        epochs: passes over the training images, at least 1.
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        seed: a whole number, at least 0.
        optimizer: as for `model.compile`; the default is Adam at its default rate. `cosine_adamw` makes another.
        augment: whether to mirror and shift the training images at random, as `Batches` does.
        resume_dir: a folder for the state after each epoch: called again with the same arguments after an
            interruption, `train` goes on from there. None keeps no state.
        verbose: 1 shows a progress bar, 0 nothing.

    Returns:
        A dict of lists with one number an epoch: loss, accuracy, val_loss, val_accuracy, and seconds, its duration.

    Raises:
        ParameterError: a ValueError, if epochs, batch_size or seed is not a whole number in its range.
    """
    check_parameters(epochs=epochs, batch_size=batch_size, seed=seed)
    compile_model(model, optimizer)
    batches = Batches(dataset.x_train, dataset.y_train, batch_size, seed=seed, augment=augment)
    callbacks = [_Epochs(batches)]
    if resume_dir is not None:
        # A model of the same name may have other arguments or another recipe.
        recipe = json.dumps([keras.optimizers.serialize(model.optimizer), augment], sort_keys=True, default=str)
        what = zlib.crc32((model.to_json() + recipe).encode())
        run = f"{model.name}-{what:08x}-{dataset.name}-{len(dataset.x_train)}"
        state = Path(resume_dir) / f"{run}-epochs{epochs}-batch{batch_size}-seed{seed}"
        state.mkdir(parents=True, exist_ok=True)
        log = state / "history.csv"
        callbacks += [keras.callbacks.CSVLogger(log, append=True), _Resume(state, len(batches))]
    if verbose:
        bar = {"tqdm_class": tqdm.tqdm, "desc": model.name, "file": sys.stdout, "dynamic_ncols": True}
        callbacks.append(tqdm.keras.TqdmCallback(epochs, verbose=0, **bar))
    history = model.fit(
        batches,
        validation_data=Batches(dataset.x_test, dataset.y_test, batch_size, shuffle=False),
        epochs=epochs,
        shuffle=False,  # `Batches` shuffles, so that an epoch's order depends on nothing but seed and epoch
        callbacks=callbacks,
        verbose=0,
    ).history
    if resume_dir is None:
        return {name: [float(value) for value in values] for name, values in history.items()}
    history = _read_history(log)
    shutil.rmtree(state)
    return history


def cosine_adamw(dataset, epochs, batch_size, peak=5e-3, weight_decay=0.05):
    """AdamW whose learning rate climbs to `peak` during the first epoch, then falls to zero along a cosine.

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


def _read_history(path):
    """Read what CSVLogger wrote; of an epoch that was repeated after an interruption, the last row counts."""
    with open(path, newline="") as file:
        rows = {int(row.pop("epoch")): row for row in csv.DictReader(file)}
    return {name: [float(rows[epoch][name]) for epoch in sorted(rows)] for name in rows[0]}


def compile_model(model, optimizer="adam"):
    """Compile `model` as `train` does: cross-entropy from logits, accuracy, XLA where it pays."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=_compile_whole_model(),
    )


def _compile_whole_model():
    """False on a CPU with TensorFlow: `involution` brings its own XLA, and the rest is faster without (DESIGN 7)."""
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


class _Resume(keras.callbacks.BackupAndRestore):
    """BackupAndRestore that trusts the weights file alone, so that a kill between its two files does no harm."""

    def __init__(self, folder, steps):
        super().__init__(folder, double_checkpoint=True, delete_checkpoint=False)
        self.steps = steps

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.model._initial_epoch = int(self.model.optimizer.iterations) // self.steps


def save_model(model, path):
    """Save `model` to `path` (`.keras`) under a temporary name first; the folder is made if it is missing."""
    _write(path, model.save)


def save_json(content, path):
    """Write `content` as JSON to `path` under a temporary name first; the folder is made if it is missing."""
    _write(path, lambda part: part.write_text(json.dumps(content, indent=1) + "\n"))


def _write(path, write):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def record(model, dataset, history, **settings):
    """Gather what a training run was and what came out, ready for `save_json`.

    Args:
        model: the trained model.
        dataset: the `ImageDataset` it was trained on.
        history: what `train` returned.
        **settings: what else made the run (epochs, batch_size, seed ...), kept as given.

    Returns:
        A dict of plain values: the model and its trainable parameters, the settings, the data with their source, the
        last epoch's test accuracy, the median epoch's seconds, the history, versions, machine and date.
    """
    return {
        "model": model.name,
        "trainable_parameters": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        **settings,
        "dataset": dataset.name,
        "source": dataset.source,
        "train_images": len(dataset.x_train),
        "test_images": len(dataset.x_test),
        "test_accuracy": round(history["val_accuracy"][-1], 4),
        "seconds_per_epoch": round(statistics.median(history["seconds"]), 2),
        "history": {name: [round(value, 4) for value in values] for name, values in history.items()},
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("keras", "tensorflow", "numpy")},
        },
        "backend": keras.backend.backend(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }


def record_path(folder, model, arguments, seed):
    """Return where the record of a run on the command line is kept."""
    variant = "".join(f"-{name}{value}" for name, value in arguments.items())
    return Path(folder) / f"{model}{variant}-seed{seed}.json"


def mean_interval(values):
    """Return the mean of at least two `values` and the ends of its 95 % confidence interval, by Student's t."""
    mean = statistics.mean(values)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return float(mean), float(mean - half), float(mean + half)


def load_results(pattern, at_least=1):
    """Return the committed records whose path below `results/` matches `pattern`, in the order of their names.

    Raises:
        FileNotFoundError: if there are fewer than `at_least`.
    """
    package = Path(__file__).resolve().parent
    folder = package / "results" if (package / "results").exists() else package.parent / "results"
    paths = sorted(folder.glob(pattern))
    if len(paths) < at_least:
        raise FileNotFoundError(f"no results match {pattern!r}; `make help` lists the targets that make them")
    return [json.loads(path.read_text()) for path in paths]


def load_trained(name, output_dir):
    """Return a trained model: `output_dir`'s if notebook 03 left one there, else the one that ships with the package.

    Args:
        name: "involution_classifier".
        output_dir: the folder that notebook 03 wrote to.
    """
    own = Path(output_dir) / f"{name}.keras"
    shipped = Path(__file__).resolve().parent / "assets" / f"{name}.keras"
    print(f"{name}: " + ("trained by notebook 03" if own.exists() else "the trained one that ships with the package"))
    return keras.saving.load_model(own if own.exists() else shipped)


def peak_memory():
    """Return this process's peak resident memory so far, in MiB, or None where the system does not tell."""
    try:
        # Not ru_maxrss, which begins with the peak of the process that started this one.
        return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 2**10
    except (OSError, TypeError):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def forget_peak_memory():
    """Let `peak_memory` count from now on: loading may have taken more than training will. On Linux alone."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main(arguments=None):
    """Train one classifier from the command line and write its record; a finished record is left alone."""
    from involution_utils import models

    parser = argparse.ArgumentParser(prog="python -m involution_utils.training", description=__doc__.split("\n\n")[0])
    parser.add_argument("model", choices=["conv_classifier", "involution_classifier", "small_rednet"])
    parser.add_argument(
        "--argument", action="append", default=[], metavar="NAME=VALUE", help="an argument of the model"
    )
    parser.add_argument("--dataset", default="cifar10", choices=["auto", "cifar10", "shapes"])
    parser.add_argument("--train-size", type=int)
    parser.add_argument("--test-size", type=int)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="adam", choices=["adam", "augmented"], help="see notebook 06")
    parser.add_argument("--results", type=Path, default=Path("results/training"), help="folder of the records")
    parser.add_argument("--save", type=Path, help="file (.keras) for the trained model, without its optimiser")
    parser.add_argument("--state", type=Path, default=Path(".training-state"), help="folder of the resumable state")
    options = parser.parse_args(arguments)

    built_with = {name: json.loads(value) for name, value in (item.split("=", 1) for item in options.argument)}
    path = record_path(options.results, options.model, built_with, options.seed)
    if path.exists():
        print(f"{path} is there already")
        return
    dataset = load_dataset(options.dataset, options.train_size, options.test_size)
    settings = {"epochs": options.epochs, "batch_size": options.batch_size, "seed": options.seed}
    recipe = {}
    if options.recipe == "augmented":
        recipe = {"optimizer": cosine_adamw(dataset, options.epochs, options.batch_size), "augment": True}
    forget_peak_memory()
    memory = peak_memory()
    keras.utils.set_random_seed(options.seed)
    model = getattr(models, options.model)(dataset.x_train.shape[1:], len(dataset.class_names), **built_with)
    history = train(model, dataset, **settings, **recipe, resume_dir=options.state)
    if options.save:
        bare = keras.models.clone_model(model)
        bare.set_weights(model.get_weights())
        save_model(bare, options.save)
    result = record(model, dataset, history, arguments=built_with, recipe=options.recipe, **settings)
    result["multiply_adds"] = models.multiply_adds(model)
    result["peak_memory_mib"] = memory and round(peak_memory() - memory)
    result["command"] = "python -m involution_utils.training " + shlex.join(arguments or sys.argv[1:])
    save_json(result, path)
    print(f"{path}: test accuracy {result['test_accuracy']:.3f}, {result['seconds_per_epoch']} s an epoch")


if __name__ == "__main__":
    main()
