"""`Run`, one training as data: frozen, judged when it is made, and the name of its record's file."""

import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from involution_utils import checks
from involution_utils.models import MODELS

LEARNING_RATES = {"adam": 0.001, "augmented": 0.005}  # of each recipe; where it falls along a cosine, the highest


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run, declared.

    Attributes:
        experiment: Name of the experiment that it belongs to.
        model: Name of the function in `involution_utils.models` that builds the network.
        arguments: Arguments of that function but for the image's shape and the number of classes.
        dataset: `"cifar10"` or `"shapes"`.
        train_images: Number of training images, the classes balanced.
        validation_images: Number of training images held out; 0 validates on the test images, as the original does.
        test_images: Number of test images.
        epochs: Passes over the training images.
        batch_size: Images per batch.
        seed: Fixes the initial weights, the order of the images and their augmentation; the choice of the images is
            the same for all seeds.
        recipe: `"adam"`, at a constant rate; or `"augmented"`, mirrored and shifted images, AdamW along a cosine.
        learning_rate: The highest learning rate; None for that of the recipe.

    Raises:
        ParameterError: If a field is out of its range, or the model has no such argument.
    """

    experiment: str
    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = "cifar10"
    train_images: int = 50_000
    validation_images: int = 0
    test_images: int = 10_000
    epochs: int = 20
    batch_size: int = 256
    seed: int = 0
    recipe: str = "adam"
    learning_rate: float = None  # type: ignore[assignment]  # becomes that of the recipe

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        if not isinstance(self.experiment, str) or not re.fullmatch(r"\w[\w.-]*", self.experiment):
            raise checks.error("experiment", "a name of letters, digits, `_`, `-` and dots", self.experiment)
        checks.choice("model", self.model, MODELS)
        checks.choice("dataset", self.dataset, checks.DATASETS[1:])
        checks.choice("recipe", self.recipe, checks.RECIPES)
        known = set(inspect.signature(MODELS[self.model]).parameters) - {"input_shape", "num_classes"}
        if not isinstance(self.arguments, Mapping) or not all(isinstance(name, str) for name in self.arguments):
            raise checks.error("arguments", "a dict of arguments by their names", self.arguments)
        checks.names(self.arguments, sorted(known), f"argument of {self.model}")
        try:  # as a record's file keeps them
            arguments = json.loads(json.dumps(dict(self.arguments), sort_keys=True, allow_nan=False))
        except (TypeError, ValueError):
            raise checks.error("arguments", "plain values, as JSON has them", dict(self.arguments)) from None
        put("arguments", MappingProxyType(arguments))
        for name, least in {"train_images": 10, "validation_images": 0, "test_images": 10}.items():
            put(name, checks.whole_number(name, getattr(self, name), least))
        for name in ("epochs", "batch_size"):
            put(name, checks.whole_number(name, getattr(self, name)))
        put("seed", checks.seed(self.seed))
        rate = LEARNING_RATES[self.recipe] if self.learning_rate is None else self.learning_rate
        put("learning_rate", checks.number("learning_rate", rate, 0))

    def __hash__(self):
        return hash(self.file_name)

    def __reduce__(self):
        return _from_dict, (self.to_dict(),)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain, JSON-serializable values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"arguments": dict(self.arguments)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Run":
        """Make the run whose fields are in `values`; other keys are left alone."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})

    @property
    def label(self) -> str:
        """The network and the seed, for people to read."""
        described = [f"{name}={value}" for name, value in self.arguments.items()]
        return " ".join([self.model, *described, f"seed={self.seed}"])

    @property
    def file_name(self) -> str:
        """Name of the record's file: model, arguments and seed to read, and a digest of every field."""
        digest = hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:8]
        described = [f"{name}{value}" for name, value in self.arguments.items()]
        return "-".join([self.model, *described, f"seed{self.seed}", digest]) + ".json"


def _from_dict(values):
    return Run.from_dict(values)
