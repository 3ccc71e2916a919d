"""The checks of notebook 08."""

from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils import checks
from involution_utils.exercises.judge import Verdict, is_stub, judge, raised, unanswered, verdict
from involution_utils.exercises.network import close, made_layer, output, weights_of
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
    random = np.random.default_rng(15)
    draws = {True: lambda shape: random.uniform(0.5, 1.5, shape), False: lambda shape: random.normal(size=shape)}
    changed, even = images.copy(), np.ones_like(images)
    changed[:, 3, 3] += random.normal(size=images.shape[-1])
    with weights_of(layer, [draws[len(w.shape) == 1](w.shape) for w in layer.weights]):
        kernels, again, after, on_even, alone = (
            output(layer, batch) for batch in (images, images, changed, even, images[:1])
        )
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


def check_signal_involution(answer: Any) -> Verdict:
    """Check `involve_signal(signal, kernels)`, an involution over one axis.

    Args:
        answer: function of a signal (T, C) and kernels (T, K, G) with odd K that returns an array (T, C): step t is the
            sum of the K steps around t, zeros outside the signal, weighted by the kernel of t and of the channel's
            group. Group g owns the channels g * C // G to (g + 1) * C // G - 1.
    """

    def involve(signal, kernels, late=0, mode="constant"):
        (steps, size, groups), channels = kernels.shape, signal.shape[1]
        padded = np.pad(signal, ((size, size), (0, 0)), mode)
        windows = sliding_window_view(padded, size, axis=0)[size - size // 2 + late :][:steps]
        return np.einsum("tcu,tuc->tc", windows, np.repeat(kernels, channels // groups, axis=2))

    def involve_signal(signal, kernels):
        return involve(signal, kernels)

    mistakes = {
        "the kernels are flipped; use them as they are.": lambda x, k: involve(x, k[:, ::-1]),
        "the groups are interleaved; the channels of a group are neighbors.": (
            lambda x, k: involve(x, np.tile(k, x.shape[1] // k.shape[2]))
        ),
        "the windows start at their step; they should be centered on it.": lambda x, k: involve(x, k, k.shape[1] // 2),
        "the windows end at their step; they should be centered on it.": lambda x, k: involve(x, k, -(k.shape[1] // 2)),
        "the kernel of the first step serves every step.": lambda x, k: involve(x, np.broadcast_to(k[:1], k.shape)),
        "the kernel of group 0 serves all groups.": lambda x, k: involve(x, k[..., :1]),
        "the signal continues at its other end; there should be zeros.": lambda x, k: involve(x, k, mode="wrap"),
        "the signal continues with its last value; there should be zeros.": lambda x, k: involve(x, k, mode="edge"),
        "the taps are averaged; they should be summed.": lambda x, k: involve(x, k) / k.shape[1],
    }
    draw = np.random.default_rng(16).normal
    sizes = [(4, 1, 3, 1), (6, 4, 3, 2), (9, 6, 5, 3), (7, 4, 1, 4)]
    cases = [
        (draw(size=(steps, channels)), draw(size=(steps, size, groups))) for steps, channels, size, groups in sizes
    ]
    return judge(answer, cases, involve_signal, "one axis less, and nothing else is new.", mistakes)


def check_mean_iou(answer: Any) -> Verdict:
    """Check `mean_iou(truth, predicted, classes)`.

    Args:
        answer: function of two arrays of numbers of the same shape. For each of the classes 0 to classes - 1 it divides
            the pixels that have the class in both by those that have it in either; it returns the mean over the
            classes that occur in at least one of the two.
    """

    def share(truth, predicted, below=lambda both, one, other: one + other - both):
        """Return the share of one class, from two masks; NaN where nothing is below the line."""
        both, one, other = (float(mask.sum()) for mask in (truth & predicted, truth, predicted))
        return both / below(both, one, other) if below(both, one, other) else np.nan

    def mean(t, p, classes, **change):
        return np.nanmean([share(t == c, p == c, **change) for c in classes])

    def mean_iou(truth, predicted, classes):
        return mean(truth, predicted, range(classes))

    def with_absent(value):
        return lambda t, p, n: np.mean(np.nan_to_num([share(t == c, p == c) for c in range(n)], nan=value))

    mistakes = {
        "this is the share of right pixels; divide class by class, then take the mean.": lambda t, p, n: (
            t == p
        ).mean(),
        "classes are pooled; divide class by class, then take the mean.": (
            lambda t, p, n: (t == p).sum() / (2 * t.size - (t == p).sum())
        ),
        "classes that occur nowhere count as 0; leave them out.": with_absent(0.0),
        "classes that occur nowhere count as 1; leave them out.": with_absent(1.0),
        "this divides by the pixels of the class in the truth; divide by those in either.": (
            lambda t, p, n: mean(t, p, range(n), below=lambda both, one, other: one)
        ),
        "this divides by the pixels of the class in the prediction; divide by those in either.": (
            lambda t, p, n: mean(t, p, range(n), below=lambda both, one, other: other)
        ),
        "pixels in both are counted twice below the line.": (
            lambda t, p, n: mean(t, p, range(n), below=lambda both, one, other: one + other)
        ),
        "this is the Dice coefficient; an intersection is divided by the union.": (
            lambda t, p, n: mean(t, p, range(n), below=lambda both, one, other: (one + other) / 2)
        ),
        "class 0 is left out; the background is a class like the others.": lambda t, p, n: mean(t, p, range(1, n)),
        "only classes of the truth count; one that is predicted, but nowhere, counts too: as 0.": (
            lambda t, p, n: mean(t, p, np.unique(t))
        ),
    }
    random, cases = np.random.default_rng(17), []
    for size, classes, present in (((2, 3), 2, 2), ((4, 5), 3, 3), ((6, 6), 5, 3), ((2, 8, 8), 4, 3)):
        truth = random.integers(0, present, size)
        predicted = np.where(random.uniform(size=size) < 0.6, truth, random.integers(0, present, size))
        cases.append((truth, predicted, classes))
    cases.append((np.array([[0, 0, 1], [1, 1, 0]]), np.array([[0, 2, 1], [1, 1, 2]]), 4))
    return judge(answer, cases, mean_iou, "each class counts the same, however few its pixels.", mistakes)
