"""Three toy tasks of one layer each: when does a fixed kernel do, when the pixel's, when comparing?

Images of vectors, `(batch, 12, 12, 8)`, are mapped to images of the same shape by a rule:

- `fixed_filter`: one 3x3 filter, the same everywhere.
- `chosen_filter`: one of two 3x3 filters; the sign of the center's first channel, which is 1 or -1, says which.
- `copy_similar`: the neighbor whose first four channels have the largest inner product with the center's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers

from involution_utils import checks
from involution_utils.layers import AttentionKernelGenerator, Involution2D, KernelGenerator
from lab.run import Run

TASKS = ("fixed_filter", "chosen_filter", "copy_similar")
TOY_OPERATORS = ("depthwise", "involution", "attention", "two heads", "two heads, no positions")
SIZE, CHANNELS, KEYS = 12, 8, 4
STEPS, BATCH_SIZE, TEST_IMAGES = 1000, 32, 512


@dataclass(frozen=True, kw_only=True)
class ToyRun(Run):
    """One layer, one of `TOY_OPERATORS`, trained on one of `TASKS`; the seed fixes the task's filters, too."""

    outcomes: ClassVar = ("relative_error",)

    task: str

    def __post_init__(self):
        super().__post_init__()
        checks.choice("name", self.name, TOY_OPERATORS)
        checks.choice("task", self.task, TASKS)

    def execute(self, state: Path, models: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Train the layer; its error is the mean squared error on new images, divided by the targets' variance."""
        rng = np.random.default_rng((self.seed, TASKS.index(self.task)))
        filters = rng.normal(size=(2, 3, 3)) / 3
        keras.utils.set_random_seed(self.seed)
        model = build(self.name)
        rate = keras.optimizers.schedules.CosineDecay(0.02, STEPS)
        model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
        inputs, targets = draw(self.task, STEPS // 10 * BATCH_SIZE, rng, filters)
        model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=10, verbose=0)
        inputs, targets = draw(self.task, TEST_IMAGES, rng, filters)
        error = np.mean((model.predict(inputs, verbose=0) - targets) ** 2) / targets.var()
        return {"relative_error": float(f"{error:.4g}"), "trainable_parameters": model.count_params()}, {}


def draw(task: str, count: int, rng: np.random.Generator, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` inputs of a task and their targets for its `filters`, `(2, 3, 3)`: float32, `(count, 12, 12, 8)`."""
    inputs = rng.normal(size=(count, SIZE, SIZE, CHANNELS))
    if task == "chosen_filter":
        inputs[..., 0] = rng.choice([-1.0, 1.0], inputs.shape[:-1])
    if task == "copy_similar":
        inputs[..., :KEYS] /= np.linalg.norm(inputs[..., :KEYS], axis=-1, keepdims=True)
        keys, inside = inputs[..., :KEYS], _windows(np.ones((1, SIZE, SIZE, 1)))[:, :, :, 0].copy()
        inside[..., 1, 1] = 0  # a pixel is no neighbor of its own
        likeness = np.where(inside > 0, np.einsum("nijcuv,nijc->nijuv", _windows(keys), keys), -np.inf)
        copied = likeness.reshape(*inputs.shape[:3], 1, 9).argmax(-1, keepdims=True)
        targets = np.take_along_axis(_windows(inputs).reshape(*inputs.shape, 9), copied, -1)[..., 0]
    else:
        first, second = (np.einsum("nijcuv,uv->nijc", _windows(inputs), each) for each in filters)
        targets = first if task == "fixed_filter" else np.where(inputs[..., :1] > 0, first, second)
    return inputs.astype("float32"), targets.astype("float32")


def _windows(images):
    """Return the 3x3 windows of `images`, zeros around them: `(count, height, width, channels, 3, 3)`."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))


def build(operator: str) -> keras.Model:
    """Build the network of one layer: a 3x3 operator from 8 channels to 8."""
    inputs = keras.Input((SIZE, SIZE, CHANNELS))
    if operator == "depthwise":
        return keras.Model(inputs, layers.DepthwiseConv2D(3, padding="same", use_bias=False)(inputs))
    if operator == "involution":
        generator = KernelGenerator(3, hidden_channels=CHANNELS, normalization=None)
        return keras.Model(inputs, Involution2D(3, kernel_generator=generator)(inputs))

    def head(use_position_bias):
        generator = AttentionKernelGenerator(3, reduction_ratio=1, use_position_bias=use_position_bias)
        return Involution2D(3, kernel_generator=generator)(inputs)

    if operator == "attention":
        return keras.Model(inputs, head(True))
    # The values of a head, a linear map of each pixel, may as well be taken of its averages.
    heads = [layers.Dense(CHANNELS, use_bias=False)(head(operator == "two heads")) for _ in range(2)]
    return keras.Model(inputs, layers.Dense(CHANNELS, use_bias=False)(layers.Concatenate()(heads)))
