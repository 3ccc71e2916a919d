"""Labels for every pixel (notebook 07): one small network, its spatial operator exchanged, at one size and at others.

Figures drawn with the class of every pixel, `data.tasks.shapes_with_masks`, are learned at 32x32 pixels. The network is
then used on more figures ("larger") and on the same ones with twice the resolution ("finer").
"""

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from involution_utils import analysis, checks
from involution_utils.data.tasks import MASK_CLASSES, shapes_with_masks
from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.record import provenance
from involution_utils.layers import Involution2D

OPERATORS = ("involution", "involution per channel", "depthwise", "convolution")
CHANNELS, SCENES, EPOCHS, BATCH_SIZE, TEST_SCENES = 24, 1000, 8, 16, 200
SIZES = {"trained": ((32, 32), 1), "larger": ((64, 64), 1), "finer": ((64, 64), 2)}


@dataclass(frozen=True, kw_only=True)
class LabelRun:
    """One network trained to label pixels; about half a minute.

    Attributes:
        operator: One of `OPERATORS`.
        seed: Fixes the images and the initial weights.
        experiment: Name of the experiment that it belongs to.
    """

    operator: str
    seed: int
    experiment: str = "labels"

    def __post_init__(self):
        checks.choice("operator", self.operator, OPERATORS)
        object.__setattr__(self, "seed", checks.seed(self.seed))

    @property
    def label(self) -> str:
        """Operator and seed, for people to read."""
        return f"{self.operator} seed={self.seed}"

    @property
    def file_name(self) -> str:
        """Name of the record's file."""
        return f"{self.operator.replace(' ', '_')}-seed{self.seed}.json"


def build(operator: str) -> keras.Model:
    """Build the network: three residual blocks whose 5x5 windows are dilated by 1, 2 and 4.

    Args:
        operator: One of `OPERATORS`; the groups of "involution" have 8 channels, as many as in notebook 07.

    Returns:
        A model from `(batch, height, width, 3)`, any size, to logits `(batch, height, width, 7)`.
    """

    def spatial(dilation):
        if operator == "depthwise":
            return layers.DepthwiseConv2D(5, dilation_rate=dilation, padding="same")
        if operator == "convolution":
            return layers.Conv2D(CHANNELS, 5, dilation_rate=dilation, padding="same")
        groups = CHANNELS if operator == "involution per channel" else CHANNELS // 8
        return Involution2D(5, groups=groups, dilation_rate=dilation)

    def normalized(x):
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    inputs = keras.Input((None, None, 3))
    x = normalized(layers.Conv2D(CHANNELS, 3, padding="same")(inputs))
    for dilation in (1, 2, 4):
        y = normalized(layers.Conv2D(CHANNELS, 1)(x))
        y = normalized(spatial(dilation)(y))
        y = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(CHANNELS, 1)(y))
        x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Conv2D(len(MASK_CLASSES), 1)(x))


def scores(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Compare labels `(N, height, width)` with the true ones.

    Returns:
        The mean intersection over union of the classes, and the share of right labels at borders: where another class
        lies within two pixels.
    """
    metric = keras.metrics.MeanIoU(len(MASK_CLASSES))
    metric.update_state(truth, found)
    border = ndimage.maximum_filter(truth, (1, 5, 5)) != ndimage.minimum_filter(truth, (1, 5, 5))
    return float(metric.result()), float((found == truth)[border].mean())


def execute_labels(run: LabelRun, state_dir: Any = None, verbose: int = 0, save: Any = None) -> dict[str, Any]:
    """Train one network and use it at three sizes; nothing is resumed or saved, for it takes half a minute.

    Returns:
        The record: the run; for each size of `SIZES` "mean IoU, ..." and "border, ..."; trainable_parameters, seconds
        and provenance.
    """
    begin = time.perf_counter()
    images, labels = shapes_with_masks(SCENES, seed=2 * run.seed)
    keras.utils.set_random_seed(run.seed)
    model = build(run.operator)
    rate = keras.optimizers.schedules.CosineDecay(0.01, EPOCHS * SCENES // BATCH_SIZE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(images / np.float32(255), labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    found: dict[str, float] = {}
    for name, size in SIZES.items():
        images, truth = shapes_with_masks(TEST_SCENES, *size, seed=2 * run.seed + 1)
        logits = model.predict(images / np.float32(255), batch_size=20, verbose=0)
        iou, border = scores(truth, logits.argmax(-1))
        found |= {f"mean IoU, {name}": round(iou, 4), f"border, {name}": round(border, 4)}
    return {
        "experiment": run.experiment,
        "operator": run.operator,
        "seed": run.seed,
        **found,
        "trainable_parameters": analysis.parameters(model),
        "seconds": round(time.perf_counter() - begin, 1),
        **provenance(),
        "command": "python -m involution_utils.experiments run labels",
    }


def declare() -> list[LabelRun]:
    """Return the runs: four operators, five seeds."""
    return [LabelRun(operator=operator, seed=seed) for seed in range(5) for operator in OPERATORS]


LABELS = Experiment("labels", "labels for every pixel, at the size of training and at others", declare, execute_labels)
