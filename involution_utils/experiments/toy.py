"""Three toy tasks of one layer each (notebook 05): when does a fixed kernel do, when the pixel's, when comparing?

Images of vectors, `(batch, 12, 12, 8)`, are mapped to images of the same shape by a rule that each operator must learn:

- `fixed_filter`: one 3x3 filter, the same everywhere.
- `chosen_filter`: one of two 3x3 filters; the sign of the center's first channel, which is 1 or -1, says which.
- `copy_similar`: the neighbor, of the eight around, whose first four channels have the largest inner product with the
  center's.
"""

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from involution_utils import checks
from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.record import provenance
from involution_utils.layers import AttentionKernelGenerator, Involution2D, KernelGenerator

TASKS = ("fixed_filter", "chosen_filter", "copy_similar")
OPERATORS = ("depthwise", "involution", "attention")
SIZE, CHANNELS, KEYS = 12, 8, 4
STEPS, BATCH_SIZE, TEST_IMAGES = 1000, 32, 512


@dataclass(frozen=True, kw_only=True)
class ToyRun:
    """One layer trained on one task; seconds.

    Attributes:
        task: One of `TASKS`.
        operator: One of `OPERATORS`.
        seed: Fixes the filters of the task, the images and the initial weights.
        experiment: Name of the experiment that it belongs to.
    """

    task: str
    operator: str
    seed: int
    experiment: str = "toy"

    def __post_init__(self):
        checks.choice("task", self.task, TASKS)
        checks.choice("operator", self.operator, OPERATORS)
        object.__setattr__(self, "seed", checks.seed(self.seed))

    @property
    def label(self) -> str:
        """Task, operator and seed, for people to read."""
        return f"{self.task} {self.operator} seed={self.seed}"

    @property
    def file_name(self) -> str:
        """Name of the record's file."""
        return f"{self.task}-{self.operator}-seed{self.seed}.json"


def start(task: str, seed: int) -> tuple[np.random.Generator, np.ndarray]:
    """Return a run's source of randomness and the two filters, `(2, 3, 3)`, that it gave first."""
    rng = np.random.default_rng((seed, TASKS.index(task)))
    return rng, rng.normal(size=(2, 3, 3)) / 3


def apply_rule(task: str, inputs: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Compute the targets of a task.

    Args:
        task: One of `TASKS`.
        inputs: `(count, height, width, channels)`.
        filters: `(2, 3, 3)`, as in `draw`.

    Returns:
        An array of the shape of `inputs`.
    """
    windows = _windows(inputs)
    if task == "copy_similar":
        best = copied_taps(inputs).reshape(*inputs.shape[:3], 1, 1)
        return np.take_along_axis(windows.reshape(*inputs.shape, 9), best, -1)[..., 0]
    first, second = (np.einsum("nijcuv,uv->nijc", windows, each) for each in filters)
    return first if task == "fixed_filter" else np.where(inputs[..., :1] > 0, first, second)


def copied_taps(inputs: np.ndarray) -> np.ndarray:
    """Say which tap `copy_similar` copies at every position: `(count, height, width)`, from 0 to 8, row by row."""
    keys = inputs[..., :KEYS]
    inside = _windows(np.ones((1, *inputs.shape[1:3], 1)))[:, :, :, 0].copy()
    inside[..., 1, 1] = 0  # a pixel is no neighbor of its own
    likeness = np.einsum("nijcuv,nijc->nijuv", _windows(keys), keys)
    return np.where(inside > 0, likeness, -np.inf).reshape(*inputs.shape[:3], 9).argmax(-1)


def _windows(images):
    """Return the 3x3 windows of `images`, zeros around them: `(count, height, width, channels, 3, 3)`."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))


def draw(task: str, count: int, rng: np.random.Generator, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and targets of a task.

    Args:
        task: One of `TASKS`.
        count: Number of images.
        rng: Source of randomness.
        filters: `(2, 3, 3)`, the filters of `fixed_filter` (the first) and `chosen_filter`.

    Returns:
        Two arrays `(count, 12, 12, 8)`, float32.
    """
    inputs = rng.normal(size=(count, SIZE, SIZE, CHANNELS))
    if task == "chosen_filter":
        inputs[..., 0] = rng.choice([-1.0, 1.0], inputs.shape[:-1])
    if task == "copy_similar":
        inputs[..., :KEYS] /= np.linalg.norm(inputs[..., :KEYS], axis=-1, keepdims=True)
    targets = apply_rule(task, inputs, filters)
    return inputs.astype("float32"), targets.astype("float32")


def build(operator: str) -> keras.Model:
    """Build the network of one layer: a 3x3 operator from 8 channels to 8."""
    inputs = keras.Input((SIZE, SIZE, CHANNELS))
    if operator == "depthwise":
        return keras.Model(inputs, layers.DepthwiseConv2D(3, padding="same", use_bias=False)(inputs))
    if operator == "attention":
        generator = AttentionKernelGenerator(3, reduction_ratio=1)
    else:
        generator = KernelGenerator(3, hidden_channels=CHANNELS, normalization=None)
    return keras.Model(inputs, Involution2D(3, kernel_generator=generator)(inputs))


def train_toy(run: ToyRun) -> tuple[keras.Model, np.random.Generator, np.ndarray]:
    """Train one layer on one task; return the network, the run's source of randomness and the task's filters."""
    rng, filters = start(run.task, run.seed)
    keras.utils.set_random_seed(run.seed)
    model = build(run.operator)
    rate = keras.optimizers.schedules.CosineDecay(0.02, STEPS)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    inputs, targets = draw(run.task, STEPS // 10 * BATCH_SIZE, rng, filters)
    model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=10, verbose=0)
    return model, rng, filters


def execute_toy(run: ToyRun, state_dir: Any = None, verbose: int = 0, save: Any = None) -> dict[str, Any]:
    """Train one layer on one task; nothing is resumed or saved, for it takes seconds.

    Returns:
        The record: the run, `relative_error` (mean squared error on new images, divided by the targets' variance),
        trainable_parameters, seconds and provenance.
    """
    begin = time.perf_counter()
    model, rng, filters = train_toy(run)
    inputs, targets = draw(run.task, TEST_IMAGES, rng, filters)
    error = np.mean((model.predict(inputs, verbose=0) - targets) ** 2) / targets.var()
    return {
        "experiment": run.experiment,
        "task": run.task,
        "operator": run.operator,
        "seed": run.seed,
        "relative_error": float(f"{error:.4g}"),
        "trainable_parameters": model.count_params(),
        "seconds": round(time.perf_counter() - begin, 1),
        **provenance(),
        "command": "python -m involution_utils.experiments run toy",
    }


def declare() -> list[ToyRun]:
    """Return the runs: three tasks, three operators, ten seeds."""
    return [
        ToyRun(task=task, operator=operator, seed=seed)
        for task in TASKS
        for operator in OPERATORS
        for seed in range(10)
    ]


TOY = Experiment("toy", "three toy tasks of one layer each (notebook 05)", declare, execute_toy)
