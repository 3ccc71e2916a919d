"""Runs that train a network to classify images."""

import contextlib
import inspect
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from involution_utils import checks, records
from involution_utils.data import Batches, ImageDataset, load_dataset
from involution_utils.models import MODELS
from involution_utils.training import cosine_adamw, save_model, train
from lab.run import Run


@dataclass(frozen=True, kw_only=True)
class TrainingRun(Run):
    """One training.

    Attributes:
        model: Name of the function in `involution_utils.models` that builds the network.
        arguments: Arguments of that function but for the image's shape and the number of classes.
        dataset: `"cifar10"` or `"shapes"`.
        train_images: Number of training images, the classes balanced.
        validation_images: Number of training images held out, the same for all runs; 0 validates on the test images,
            as the original does.
        test_images: Number of test images, which are used once, after the last epoch; 0 uses none.
        epochs: Passes over the training images.
        batch_size: Images per batch.
        recipe: `"adam"`, at a constant rate; or `"augmented"`, mirrored and shifted images, AdamW along a cosine.
        learning_rate: The highest learning rate.
        image_seed: Fixes which of the training images are taken.

    Raises:
        ParameterError: If a field is out of its range, or the model has no such argument.
    """

    outcomes: ClassVar = ("test_accuracy", "history")

    model: str
    arguments: dict[str, Any] = field(default_factory=dict)
    dataset: str = "cifar10"
    train_images: int = 50_000
    validation_images: int = 0
    test_images: int = 10_000
    epochs: int = 20
    batch_size: int = 256
    recipe: str = "adam"
    learning_rate: float = 0.001
    image_seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        checks.choice("model", self.model, MODELS)
        checks.choice("dataset", self.dataset, checks.DATASETS[1:])
        checks.choice("recipe", self.recipe, checks.RECIPES)
        known = set(inspect.signature(MODELS[self.model]).parameters) - {"input_shape", "num_classes"}
        checks.names(self.arguments, sorted(known), f"argument of {self.model}")
        if not all(type(value) in (bool, int, float, str) and value == value for value in self.arguments.values()):
            raise checks.error("arguments", "plain values, as JSON has them", self.arguments)
        for name in ("train_images", "validation_images", "test_images", "epochs", "batch_size"):
            checks.whole_number(name, getattr(self, name), 0 if name in ("validation_images", "test_images") else 1)
        if not self.test_images and not self.validation_images:
            raise checks.error("test_images", "at least 10 where no images are held out", self.test_images)
        checks.number("learning_rate", self.learning_rate, 0)
        checks.seed(self.image_seed, "image_seed")

    @property
    def label(self) -> str:
        """Name, learning rate and seed."""
        return super().label.replace("-seed", f"-rate{self.learning_rate:g}-seed")

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Train the network, keep it without its optimizer, and measure it."""
        data = self.images()
        keras.utils.set_random_seed(self.seed)
        shape, classes = data.x_train.shape[1:], len(data.class_names)
        model = MODELS[self.model](input_shape=shape, num_classes=classes, **self.arguments)
        recipe: dict[str, Any] = {"optimizer": keras.optimizers.Adam(self.learning_rate)}
        if self.recipe == "augmented":
            optimizer = cosine_adamw(data, self.epochs, self.batch_size, peak=self.learning_rate)
            recipe = {"optimizer": optimizer, "augment": True}
        budget = {"epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed}
        history = train(model, data, **budget, **recipe, resume_dir=state, verbose=0)
        bare = keras.Model.from_config(model.get_config())  # not compiled, so that no optimizer is saved
        bare.set_weights(model.get_weights())
        save_model(bare, models / self.experiment / f"{self.label}.keras")
        last = round(history["val_accuracy"][-1], 4)
        test = last if self.test_images else None
        if self.test_images and self.validation_images:
            logits = model.predict(Batches(data.x_test, data.y_test, 500, shuffle=False), verbose=0)
            test = round(float(np.mean(logits.argmax(-1) == data.y_test)), 4)
        accuracies = {"test_accuracy": test, "validation_accuracy": last if self.validation_images else None}
        return records.record(model, data, history) | accuracies, {}

    def images(self) -> ImageDataset:
        """Load the images of this run, without a word."""
        sizes = self.train_images, self.test_images or None, self.validation_images
        with contextlib.redirect_stdout(io.StringIO()):
            return load_dataset(self.dataset, *sizes, seed=self.image_seed)
