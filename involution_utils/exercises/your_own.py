"""The checks of notebook 08."""

from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.exercises.judge import Verdict, is_stub, judge, raised, unanswered, verdict
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
    layer = made_layer(answer, kernel_size=3, groups=2)
    if isinstance(layer, Verdict):
        return layer
    draw = np.random.default_rng(14).normal
    images, larger = (draw(size=size).astype("float32") for size in ((4, 6, 7, 8), (4, 9, 5, 8)))
    for batch in (images, larger):
        found = output(layer, batch)
        if is_stub(found):
            return unanswered("write the generator's `call`.")
        if problem := _shape_problem(found, (*batch.shape[:3], 18)):
            return verdict(f"for images of shape {batch.shape} {problem}")
    other = made_layer(answer, kernel_size=5, groups=4)
    of_other: Any = other if isinstance(other, Verdict) else output(other, larger)
    problem = _look_problem(layer, images, looks_at) or _learning_problem(layer, images)
    if not problem and isinstance(of_other, Verdict | BaseException):
        problem = raised(of_other) if isinstance(of_other, BaseException) else of_other.text.partition(": ")[2]
        problem = f"right for kernel_size=3, groups=2, but for kernel_size=5, groups=4: {problem}"
    elif not problem and of_other.shape[-1] != 100:
        problem = "right for kernel_size=3, groups=2, but other values do not change the number of its channels."
    return verdict(problem, PRAISE[looks_at])


def _shape_problem(found, expected):
    if isinstance(found, BaseException):
        return f"your generator {raised(found)}."
    if found.shape == expected:
        return None
    hint = {
        (*expected[:3], 3, 3, 2): "; the layer reads the numbers of a kernel from one axis",
        (*expected[:3], 9): "; each of the 2 groups has a kernel of its own",
        (*expected[:3], 9 * 8): "; a group, not a channel, has a kernel of its own",
        (expected[0], 18): "; each position has a kernel of its own",
    }.get(found.shape, "")
    return f"expected kernels of shape {expected}, 3 * 3 * 2 numbers per position, got {found.shape}{hint}."


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


def _learning_problem(layer, images):
    """Return why `Involution2D` cannot learn with this generator, by one step of training."""
    if not layer.trainable_weights:
        return "the generator has no weights to learn; keep its layers as attributes."
    before = [np.array(w) for w in layer.trainable_weights]
    try:
        inputs = keras.Input(images.shape[1:])
        layer(inputs)
        outputs = Involution2D(kernel_size=3, groups=2, kernel_generator=layer)(inputs)
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse", jit_compile=False)
        model.train_on_batch(images, images)
    except Exception as error:
        if "No gradients provided" not in str(error):
            return f"in an `Involution2D` of a model, which does not know the size of the batch, it {raised(error)}."
    if all(np.array_equal(*pair) for pair in zip(before, layer.trainable_weights, strict=True)):
        return "no gradient reaches its weights; every step from weights to kernels must be differentiable."
    return None


def check_mix_kernels(answer: Any) -> Verdict:
    """Check `mix_kernels(logits, menu)`.

    Args:
        answer: function of logits (H, W, M) and a menu of kernels (M, K, K) that returns the kernel of each pixel,
            (H, W, K, K): the sum of the menu, weighted by the softmax of the pixel's logits.
    """

    def mix_kernels(logits, menu, *, axis=-1, exponential=np.exp):
        weights = exponential(logits)
        return np.einsum("hwm,mab->hwab", weights / weights.sum(axis, keepdims=True), menu)

    f = mix_kernels
    mistakes = {
        "the softmax runs over the menu, for each pixel by itself.": tuple({"axis": x} for x in ((0, 1), None, 0, 1)),
        "the logits are used as weights; take their softmax first.": lambda x, m: np.tensordot(x, m, 1),
        "the weights of a pixel should add up to one.": lambda x, m: np.tensordot(np.exp(x), m, 1),
        "each pixel mixes all kernels; this takes the one that it likes best.": lambda x, m: m[x.argmax(-1)],
        "the logits are divided by their sum; a softmax takes their exponentials first.": {"exponential": np.asarray},
        "the kernels are transposed.": lambda x, m: f(x, m.swapaxes(1, 2)),
        "the menu is averaged; each pixel has weights of its own.": lambda x, m: f(0 * x, m),
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
        "the code runs the other way: -1 stands first.": lambda h, w: -position_code(h, w),
        "the code runs from 0 to 1; it should run from -1 to 1.": lambda h, w: (position_code(h, w) + 1) / 2,
        "the code stops before 1; the last row and column should have it.": {
            "along": lambda n: 2 * np.arange(n) / n - 1
        },
        "these are numbers of rows and columns; bring them to -1 to 1.": {"along": np.arange},
        "height and width are exchanged.": lambda h, w: position_code(w, h),
        "the two channels are the last axis.": lambda h, w: np.moveaxis(position_code(h, w), -1, 0),
    }
    return judge(answer, [(2, 3), (5, 2), (4, 4)], position_code, "now a kernel can know its place.", mistakes)
