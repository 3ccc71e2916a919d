"""The checks of notebook 08."""

from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, raised, unanswered, verdict
from involution_utils.exercises.kernels import softmax
from involution_utils.exercises.layers import close, made_layer, output, weights_of
from involution_utils.layers import Involution2D

PRAISE = {
    "pixel": "every pixel makes its kernel, and it learns.",
    "neighbors": "its kernels look at more than their own pixel, and it learns.",
    "position": "its kernels know where they are, and it learns.",
}


def check_kernel_generator(answer: Any, looks_at: str = "neighbors") -> Verdict:
    """Check a kernel generator of the reader's own.

    Args:
        answer: the class, or a function, so that `answer(kernel_size=K, groups=G)` makes a Keras layer from images
            (batch, H, W, C) of any size to kernels (batch, H, W, K * K * G), which has weights to learn.
        looks_at: what the kernel of a position must depend on: `"pixel"`, the pixel there; `"neighbors"`, other pixels
            too; or `"position"`, where it lies, so that an even image gives more than one kernel.
    """
    checks.choice("looks_at", looks_at, tuple(PRAISE))
    draw = np.random.default_rng(14).normal
    images, larger = (draw(size=size).astype("float32") for size in ((4, 6, 7, 8), (4, 9, 5, 8)))
    for kernel_size, groups in ((3, 2), (5, 4)):
        layer = made_layer(answer, kernel_size=kernel_size, groups=groups)
        if isinstance(layer, Verdict):
            return layer
        for batch in (images, larger):
            found, expected = output(layer, batch), (*batch.shape[:3], kernel_size**2 * groups)
            if is_stub(found):
                return unanswered("write the generator's `call`.")
            case = f"for kernel_size={kernel_size}, groups={groups} and images of shape {batch.shape}"
            if isinstance(found, BaseException):
                return verdict(f"your generator {raised(found)}, {case}.")
            if found.shape != expected:
                return verdict(f"expected kernels of shape {expected}, got {found.shape}, {case}.")
        if not layer.trainable_weights:
            return verdict("the generator has no weights to learn; keep its layers as attributes.")
    involution = Involution2D(kernel_size=kernel_size, groups=groups, kernel_generator=layer)
    return verdict(_look_problem(layer, images, looks_at) or _training_problem(involution, images), PRAISE[looks_at])


def _look_problem(layer, images, looks_at):
    """Return what the kernels do not depend on though they should, with weights drawn at random."""
    random, changed = np.random.default_rng(15), images.copy()
    changed[:, 3, 3] += random.normal(size=images.shape[-1])
    shapes = [tuple(weight.shape) for weight in layer.weights]
    with weights_of(layer, [random.uniform(0.5, 1.5, s) if len(s) == 1 else random.normal(size=s) for s in shapes]):
        batches = images, images, changed, np.ones_like(images), images[:1]
        kernels, again, after, on_even, alone = (output(layer, batch) for batch in batches)
    if not close(again, kernels):
        return "the same image gets other kernels at every call; nothing in them should be random."
    if not close(alone, kernels[:1]):
        return "the kernels of an image depend on the other images of its batch; average over the image alone."
    moved = np.abs(after - kernels).max(axis=(0, 3)) > 1e-6 * np.abs(kernels).max()
    if not moved.any():
        return "the kernels do not depend on the image; with one kernel for all it is a depthwise convolution."
    if looks_at == "neighbors" and moved.sum() == 1:
        return "a kernel still depends on its own pixel alone, as the default generator's does."
    if looks_at == "position" and np.ptp(on_even[:, 2:-2, 2:-2], axis=(1, 2)).max() < 1e-6:
        return "where the image is even, all kernels away from the border are alike; they should know where they are."
    return None


def _training_problem(layer, images):
    """Return what one step of training raises, in a model that does not know the size of the batch, or None."""

    def train():
        model = keras.Sequential([keras.Input(images.shape[1:]), layer])
        model.compile("sgd", "mse", jit_compile=False)
        return model.train_on_batch(images, images)

    error = attempt(train)
    if is_stub(error):
        return "in the training of an `Involution2D` it leaves TensorFlow, perhaps for NumPy."
    return f"in the training of an `Involution2D` it {raised(error)}." if isinstance(error, BaseException) else None


def check_mix_kernels(answer: Any) -> Verdict:
    """Check `mix_kernels(logits, menu)`.

    Args:
        answer: function of logits (H, W, M) and a menu of kernels (M, K, K) that returns the kernel of each pixel,
            (H, W, K, K): the sum of the menu, weighted by the softmax of the pixel's logits.
    """

    def mix_kernels(logits, menu, *, axis=-1):
        return np.tensordot(softmax(logits, axis), menu, 1)

    mistakes = {
        "the softmax runs over the menu, for each pixel by itself.": ({"axis": (0, 1)}, {"axis": None}),
        "the logits are used as weights; take their softmax first.": lambda x, m: np.tensordot(x, m, 1),
        "the weights of a pixel should add up to one.": lambda x, m: np.tensordot(np.exp(x), m, 1),
        "each pixel mixes all kernels; this takes the one that it likes best.": lambda x, m: m[x.argmax(-1)],
    }
    draw = np.random.default_rng(18).normal
    cases = [(draw(size=(h, w, m)), draw(size=(m, k, k))) for h, w, m, k in ((1, 2, 2, 3), (3, 3, 3, 3), (4, 2, 5, 4))]
    return judge(answer, cases, mix_kernels, "a pixel needs as many numbers as the menu has kernels.", mistakes)


def check_position_code(answer: Any) -> Verdict:
    """Check `position_code(height, width)`.

    Args:
        answer: function of two sizes of at least 2 that returns an array (height, width, 2), whose first channel runs
            from -1 in the first row to 1 in the last, its second likewise over the columns.
    """

    def position_code(height, width, *, along=lambda size: np.linspace(-1, 1, size)):
        return np.stack(np.meshgrid(along(height), along(width), indexing="ij"), axis=-1)

    mistakes = {
        "the channels are exchanged: rows come first.": lambda h, w: position_code(h, w)[..., ::-1],
        "the code runs from 0 to 1; it should run from -1 to 1.": lambda h, w: (position_code(h, w) + 1) / 2,
        "the code stops before 1; the last row and column should have it.": {
            "along": lambda n: 2 * np.arange(n) / n - 1
        },
        "the two channels are the last axis.": lambda h, w: np.moveaxis(position_code(h, w), -1, 0),
    }
    return judge(answer, [(2, 3), (5, 2), (4, 4)], position_code, "now a kernel can know its place.", mistakes)
