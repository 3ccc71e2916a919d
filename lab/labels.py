"""Labels for every pixel: one small network, its spatial operator exchanged, at one size and at others.

Drawn figures are learned at 32x32 pixels. The network is then used on more figures ("larger") and on the same ones with
twice the resolution ("finer").
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from involution_utils import analysis, checks
from involution_utils.data import scaled
from involution_utils.data.tasks import MASK_CLASSES, shapes_with_masks
from involution_utils.layers import Involution2D
from lab.run import Run

LABEL_OPERATORS = ("involution", "involution per channel", "depthwise", "convolution")
CHANNELS, SCENES, EPOCHS, BATCH_SIZE, TEST_SCENES = 24, 1000, 8, 16, 200
SIZES = {"trained": ((32, 32), 1), "larger": ((64, 64), 1), "finer": ((64, 64), 2)}


@dataclass(frozen=True, kw_only=True)
class LabelRun(Run):
    """One network, its layers one of `LABEL_OPERATORS`, trained to label pixels; the seed fixes the images, too."""

    outcomes: ClassVar = ("mean IoU, trained",)

    learning_rate: float

    def __post_init__(self):
        super().__post_init__()
        checks.choice("name", self.name, LABEL_OPERATORS)
        checks.number("learning_rate", self.learning_rate, 0)

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Train the network and use it at three sizes: the columns "mean IoU, ..." and "border, ..."."""
        images, labels = shapes_with_masks(SCENES, seed=2 * self.seed)
        keras.utils.set_random_seed(self.seed)
        model = build(self.name)
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, EPOCHS * SCENES // BATCH_SIZE)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
        model.fit(scaled(images), labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
        found: dict[str, Any] = {}
        for name, size in SIZES.items():
            images, truth = shapes_with_masks(TEST_SCENES, *size, seed=2 * self.seed + 1)
            logits = model.predict(scaled(images), batch_size=20, verbose=0)
            iou, border = scores(truth, logits.argmax(-1))
            found |= {f"mean IoU, {name}": round(iou, 4), f"border, {name}": round(border, 4)}
        return found | {"trainable_parameters": analysis.count_parameters(model)}, {}


def build(operator: str) -> keras.Model:
    """Build the network: three residual blocks whose 5x5 windows are dilated by 1, 2 and 4.

    Args:
        operator: One of `LABEL_OPERATORS`; the groups of "involution" have 8 channels.

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
