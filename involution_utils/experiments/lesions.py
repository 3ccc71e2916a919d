"""Lesions of two trained networks (notebook 04): what accuracy is lost when kernels may no longer look at their place.

The networks are those that ship with the package, the small RedNet (full budget, seed 0) and the INN (`training`,
seed 0).
"""

import functools
from dataclasses import dataclass
from typing import Any

import keras

from involution_utils import analysis, checks
from involution_utils.experiments.execution import accuracy, images_of
from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.record import provenance
from involution_utils.models import load_pretrained

LAYERS = {
    "small_rednet": [f"block_{number}_involution" for number in range(1, 6)],
    "involution_classifier": [f"involution_{number}" for number in (1, 2, 3)],
}
LESIONS = ("none", *analysis.LESIONS)
OF_ALL_LAYERS = ("position_mean", "zero")  # added later, measured for all layers together alone
REFERENCE_IMAGES = 2_000  # training images behind the mean kernels and the new statistics of the normalization


@dataclass(frozen=True, kw_only=True)
class LesionRun:
    """One lesion of one trained network, measured.

    Attributes:
        model: `"small_rednet"` or `"involution_classifier"`.
        lesion: `"none"`, or a lesion of `involution_utils.analysis.lesioned`.
        layer: Name of the involution whose kernels are replaced, or `"all"`.
        reestimated: Whether the normalization's statistics are estimated anew after the lesion.
        seed: Of the order of `"shuffled"`.
        experiment: Name of the experiment that it belongs to.
    """

    model: str
    lesion: str
    layer: str = "all"
    reestimated: bool = False
    seed: int = 0
    experiment: str = "lesions"

    def __post_init__(self):
        checks.choice("model", self.model, LAYERS)
        checks.choice("lesion", self.lesion, LESIONS)
        checks.choice("layer", self.layer, ("all", *LAYERS[self.model]))
        object.__setattr__(self, "reestimated", checks.boolean("reestimated", self.reestimated))
        object.__setattr__(self, "seed", checks.seed(self.seed))

    @property
    def label(self) -> str:
        """Network, lesion and layer, for people to read."""
        return f"{self.model} {self.lesion} {self.layer}" + (" reestimated" if self.reestimated else "")

    @property
    def file_name(self) -> str:
        """Name of the record's file."""
        return self.label.replace(" ", "-") + f"-seed{self.seed}.json"


@functools.lru_cache(maxsize=1)
def trained(name: str) -> keras.Model:
    """Return the network that ships with the package."""
    return load_pretrained(name)


def execute_lesion(run: LesionRun, state_dir: Any = None, verbose: int = 0, save: Any = None) -> dict[str, Any]:
    """Lesion the network and measure it on the held-out images; nothing is resumed or saved.

    Returns:
        The record: the run, `validation_accuracy` on 5,000 images, and provenance.
    """
    data = images_of("cifar10", 45_000, 5_000, 10_000)
    reference = data.x_train[:: len(data.x_train) // REFERENCE_IMAGES][:REFERENCE_IMAGES].astype("float32") / 255
    model = trained(run.model)
    if run.lesion != "none":
        names = None if run.layer == "all" else [run.layer]
        model = analysis.lesioned(model, run.lesion, reference, names, run.seed)
    elif run.reestimated:
        weights = model.get_weights()
        model = keras.models.clone_model(model)
        model.set_weights(weights)
    if run.reestimated:
        analysis.reestimate_normalization(model, reference, batch_size=500)
    right = accuracy(model, data.x_validation, data.y_validation)
    fields = {name: getattr(run, name) for name in LesionRun.__dataclass_fields__}
    command = "python -m involution_utils.experiments run lesions"
    return fields | {"validation_accuracy": round(right, 4), **provenance(), "command": command}


def declare() -> list[LesionRun]:
    """Return the lesions: each kind, each layer and all of them, normalization as it was and re-estimated."""
    runs = []
    for model, names in LAYERS.items():
        for again in (False, True):
            runs.append(LesionRun(model=model, lesion="none", reestimated=again))
            runs += [
                LesionRun(model=model, lesion=lesion, layer=layer, reestimated=again)
                for lesion in analysis.LESIONS
                for layer in (*(() if lesion in OF_ALL_LAYERS else names), "all")
            ]
    return runs


LESION = Experiment(
    "lesions", "kernels of trained networks that may no longer look at their place", declare, execute_lesion
)
