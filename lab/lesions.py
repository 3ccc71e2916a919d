"""What trained networks lose when their kernels may no longer look at their place, and what their kernels follow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from involution_utils import analysis, checks
from involution_utils.data import Batches, scaled
from involution_utils.models import load_pretrained
from lab.run import Run
from lab.training import TrainingRun

LAYERS = {
    "small_rednet": [f"block_{number}_involution" for number in range(1, 6)],
    "involution_classifier": [f"involution_{number}" for number in (1, 2, 3)],
    "repaired_involution_classifier": [],
}
OF_ALL_LAYERS = ("position_mean", "zero")  # measured for all layers together alone
REFERENCE_IMAGES = 2_000  # training images behind the mean kernels and the new statistics of the normalization


def _trained(run, models):
    path = models / run.experiment / f"{run.label}.keras"
    if not path.is_file():
        raise checks.ParameterError(f"{path} is missing: run `python -m lab run {run.experiment}`")
    return keras.saving.load_model(path)


@dataclass(frozen=True, kw_only=True)
class LesionRun(Run):
    """One lesion of one trained network; `name` is the lesion, or "none"; the seed is that of `"shuffled"`.

    Attributes:
        model: A key of `LAYERS`.
        layer: Name of the involution whose kernels are replaced, or `"all"`.
        reestimated: Whether the normalization's statistics are estimated anew after the lesion.
        network: The declared training of the network; None for the one that ships.
    """

    outcomes: ClassVar = ("validation_accuracy",)

    model: str
    layer: str = "all"
    reestimated: bool = False
    network: TrainingRun | None = None

    def __post_init__(self):
        super().__post_init__()
        checks.choice("name", self.name, ("none", *analysis.LESIONS))
        checks.choice("layer", self.layer, ("all", *LAYERS[checks.choice("model", self.model, LAYERS)]))
        checks.boolean("reestimated", self.reestimated)

    @property
    def label(self) -> str:
        """Network, lesion and layer."""
        network = f"{self.network.label}-" if self.network else ""
        return f"{self.model}-{network}{self.name}-{self.layer}" + ("-reestimated" if self.reestimated else "")

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Lesion the network and measure it on the held-out images; keep the class that it gives each of them."""
        sizes = {"train_images": 45_000, "validation_images": 5_000}
        data = (self.network or TrainingRun(experiment="x", name="x", model=self.model, **sizes)).images()
        reference = scaled(data.x_train[:: len(data.x_train) // REFERENCE_IMAGES][:REFERENCE_IMAGES])
        model = _trained(self.network, models) if self.network else load_pretrained(self.model)
        if self.name != "none":
            names = None if self.layer == "all" else [self.layer]
            model = analysis.lesioned(model, self.name, reference, names, self.seed)
        if self.reestimated:
            analysis.reestimate_normalization(model, reference, batch_size=500)
        classes = model.predict(Batches(data.x_validation, data.y_validation, 500, shuffle=False), verbose=0).argmax(-1)
        accuracy = round(float(np.mean(classes == data.y_validation)), 4)
        return {"validation_accuracy": accuracy, "classes": self.label}, {self.label: classes.astype("uint8")}


@dataclass(frozen=True, kw_only=True)
class KernelRun(Run):
    """What the kernels of a small RedNet follow: how they vary over positions, and along rows and columns.

    Attributes:
        network: The declared training of the network.
    """

    outcomes: ClassVar = ("spatial_share",)

    network: TrainingRun

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Measure the kernels of 500 held-out images and of their mirror images; a list has a number per block."""
        images = scaled(self.network.images().x_validation[::10])
        images = np.concatenate([images, images[:, :, ::-1]])
        columns: dict[str, list] = {}
        for kernels in analysis.layer_kernels(_trained(self.network, models), images).values():
            count, height = kernels.shape[:2]
            flat = kernels.reshape(count, height, height, 1, -1)  # all groups of a position together
            blocks = images.mean(-1).reshape(count, height, 32 // height, height, -1).mean((2, 4))[..., None, None]
            distance = np.linalg.norm(flat[..., 0, :] - flat.mean((0, 1, 2)), axis=-1).mean(0)
            for name, value in {
                "spatial_share": analysis.spatial_share(flat),
                "spatial_share, inner": analysis.spatial_share(flat[:, 1:-1, 1:-1]),
                "brightness": analysis.spatial_share(blocks),
                "brightness, inner": analysis.spatial_share(blocks[:, 1:-1, 1:-1]),
                "rows": distance.mean(1).tolist(),
                "columns": distance.mean(0).tolist(),
            }.items():
                columns.setdefault(name, []).append(value)
        return columns, {}
