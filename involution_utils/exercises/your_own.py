"""The checks of notebook 07."""

from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils import checks
from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, numbers, raised, show
from involution_utils.exercises.network import close, weights_of
from involution_utils.layers import Involution2D

LOOKS = ("pixel", "neighbors", "position")


def check_kernel_generator(answer: Any, looks_at: str = "neighbors") -> Verdict:
    """Check a kernel generator of the reader's own.

    Args:
        answer: the class, or a function, so that `answer(kernel_size=K, groups=G)` makes a Keras layer from images
            (batch, H, W, C) of any size to kernels (batch, H, W, K * K * G), which has weights to learn.
        looks_at: what the kernel of a position must depend on: `"pixel"`, the pixel there; `"neighbors"`, other pixels
            too; or `"position"`, where it lies, so that an even image gives more than one kernel.
    """
    checks.choice("looks_at", looks_at, LOOKS)
    unanswered = Verdict(False, "Not answered yet: write the generator, and hand over the class or a function.")
    if is_stub(answer) or getattr(answer, "call", None) is keras.layers.Layer.call:
        return unanswered
    if not callable(answer) or isinstance(answer, keras.layers.Layer):
        return Verdict(False, f"Not yet: expected the class or a function that makes the layer; got {show(answer)}.")
    layer = _make_layer(answer, 3, 2)
    if is_stub(layer):
        return unanswered
    if isinstance(layer, Exception):
        return Verdict(False, f"Not yet: making the layer with kernel_size=3, groups=2 {raised(layer)}.")
    if not isinstance(layer, keras.layers.Layer):
        return Verdict(False, f"Not yet: expected a Keras layer, got {show(layer)}.")
    draw = np.random.default_rng(14).normal
    images, larger = (draw(size=size).astype("float32") for size in ((4, 6, 7, 8), (4, 9, 5, 8)))
    for batch in (images, larger):
        found = _kernels(layer, batch)
        if is_stub(found):
            return unanswered
        problem = _shape_problem(found, (*batch.shape[:3], 18))
        if problem:
            return Verdict(False, f"Not yet: for images of shape {batch.shape} {problem}")
    problem = (
        _look_problem(layer, images, looks_at)
        or _learning_problem(layer, images)
        or _other_values_problem(answer, larger)
    )
    praise = {
        "pixel": "every pixel makes its kernel",
        "neighbors": "its kernels look at more than their own pixel",
        "position": "its kernels know where they are",
    }[looks_at]
    return Verdict(False, f"Not yet: {problem}") if problem else Verdict(True, f"Right: {praise}, and it learns.")


def _other_values_problem(answer, images):
    """Return what is wrong with the kernels for another kernel size and number of groups."""
    layer = _make_layer(answer, 5, 4)
    found = layer if isinstance(layer, Exception) else _kernels(layer, images)
    if isinstance(found, Exception):
        return f"right for kernel_size=3, groups=2, but for kernel_size=5, groups=4 it {raised(found)}."
    if is_stub(found) or found.shape[-1] != 100:
        return "right for kernel_size=3, groups=2, but other values of them do not change the number of its channels."
    return None


def _make_layer(answer, kernel_size, groups):
    layer = attempt(lambda: answer(kernel_size=kernel_size, groups=groups), ())
    if isinstance(layer, Exception):
        by_position = attempt(lambda: answer(kernel_size, groups), ())
        return layer if isinstance(by_position, Exception) else by_position
    return layer


def _kernels(layer, images):
    """Return the flat kernels as an array, or what was raised, or a stub."""
    found = attempt(lambda: layer(keras.ops.convert_to_tensor(images)), ())
    if is_stub(found) or isinstance(found, Exception):
        return found
    array = numbers(found)
    return TypeError(f"expected one tensor of numbers, got {show(found)}") if array is None else array


def _shape_problem(found, expected):
    if isinstance(found, Exception):
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
    weights = [
        random.uniform(0.5, 1.5, w.shape) if len(w.shape) == 1 else random.normal(size=w.shape) for w in layer.weights
    ]
    changed, even = images.copy(), np.ones_like(images)
    changed[:, 3, 3] += random.normal(size=images.shape[-1])
    with weights_of(layer, weights):
        kernels, again, after, on_even = (_kernels(layer, x) for x in (images, images, changed, even))
        alone = _kernels(layer, images[:1])
    if not close(again, kernels):
        return "the same image gets other kernels at every call; nothing in them should be random."
    if isinstance(alone, Exception) or not close(alone, kernels[:1]):
        return "the kernels of an image depend on the other images of its batch; average over the image alone."
    moved = np.abs(after - kernels).max(axis=(0, 3)) > 1e-6
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
    try:
        inputs = keras.Input(images.shape[1:])
        layer(inputs)
        outputs = Involution2D(kernel_size=3, groups=2, kernel_generator=layer)(inputs)
        model = keras.Model(inputs, outputs)
        before = [np.array(w) for w in layer.trainable_weights]
        model.compile("sgd", "mse", jit_compile=False)
        model.train_on_batch(images, images)
    except Exception as error:
        if "No gradients provided" not in str(error):
            return f"in an `Involution2D` of a model, which does not know the size of the batch, it {raised(error)}."
        before = list(layer.trainable_weights)
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

    def involve_signal(signal, kernels, *, late=0, mode="constant"):
        (steps, size, groups), channels = kernels.shape, signal.shape[1]
        padded = np.pad(signal, ((size, size), (0, 0)), mode)
        windows = sliding_window_view(padded, size, axis=0)[size - size // 2 + late :][:steps]
        return np.einsum("tcu,tuc->tc", windows, np.repeat(kernels, channels // groups, axis=2))

    def mixed(signal, kernels):
        parts = np.split(involve_signal(signal, kernels), kernels.shape[-1], axis=1)
        return np.concatenate([np.broadcast_to(p.sum(1, keepdims=True), p.shape) for p in parts], axis=1)

    mistakes = {
        "the kernels are flipped; use them as they are.": lambda x, k: involve_signal(x, k[:, ::-1]),
        "the groups are interleaved; the channels of a group are neighbors.": (
            lambda x, k: involve_signal(x, np.tile(k, x.shape[1] // k.shape[2]))
        ),
        "the windows start at their step; they should be centered on it.": (
            lambda x, k: involve_signal(x, k, late=k.shape[1] // 2)
        ),
        "the windows end at their step; they should be centered on it.": (
            lambda x, k: involve_signal(x, k, late=-(k.shape[1] // 2))
        ),
        "the kernel of the first step serves every step.": lambda x, k: involve_signal(
            x, np.broadcast_to(k[:1], k.shape)
        ),
        "the kernel of group 0 serves all groups.": lambda x, k: involve_signal(x, k[..., :1]),
        "the channels are summed; an involution keeps them apart.": mixed,
        "the signal continues at its other end; there should be zeros.": lambda x, k: involve_signal(x, k, mode="wrap"),
        "the signal continues with its last value; there should be zeros.": (
            lambda x, k: involve_signal(x, k, mode="edge")
        ),
        "the taps are averaged; they should be summed.": lambda x, k: involve_signal(x, k) / k.shape[1],
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
        answer: function of two arrays of class numbers 0 to classes - 1 of the same shape. For each class it divides
            the pixels that have the class in both by those that have it in either; it returns the mean over the
            classes that occur in at least one of the two.
    """

    def counts(truth, predicted, classes):
        both, one, other = np.array(
            [
                [((truth == c) & (predicted == c)).sum(), (truth == c).sum(), (predicted == c).sum()]
                for c in range(classes)
            ]
        ).T
        return both, one, other

    def mean_iou(
        truth, predicted, classes, *, below=lambda both, one, other: one + other - both, absent=np.nan, first=0
    ):
        both, one, other = (n[first:].astype(float) for n in counts(truth, predicted, classes))
        occurs = one + other > 0
        return np.nanmean(np.where(occurs, both / np.where(occurs, below(both, one, other), 1), absent))

    def pooled(truth, predicted, classes):
        both, one, other = counts(truth, predicted, classes)
        return both.sum() / (one + other - both).sum()

    mistakes = {
        "this is the share of right pixels; divide class by class, then take the mean.": (
            lambda t, p, c: (t == p).mean()
        ),
        "classes are pooled; divide class by class, then take the mean.": pooled,
        "classes that occur nowhere count as 0; leave them out.": lambda t, p, c: mean_iou(t, p, c, absent=0),
        "classes that occur nowhere count as 1; leave them out.": lambda t, p, c: mean_iou(t, p, c, absent=1),
        "this divides by the pixels of the class in the truth; divide by those in either.": (
            lambda t, p, c: np.nanmean(counts(t, p, c)[0] / counts(t, p, c)[1])
        ),
        "this divides by the pixels of the class in the prediction; divide by those in either.": (
            lambda t, p, c: np.nanmean(counts(t, p, c)[0] / counts(t, p, c)[2])
        ),
        "pixels in both are counted twice below the line.": (
            lambda t, p, c: mean_iou(t, p, c, below=lambda both, one, other: one + other)
        ),
        "this is the Dice coefficient; an intersection is divided by the union.": (
            lambda t, p, c: mean_iou(t, p, c, below=lambda both, one, other: (one + other) / 2)
        ),
        "class 0 is left out; the background is a class like the others.": lambda t, p, c: mean_iou(t, p, c, first=1),
        "only classes of the truth count; one that is predicted, but nowhere, counts too: as 0.": (
            lambda t, p, c: np.mean([mean_iou(t == k, (p == k) * 1, 2, first=1) for k in np.unique(t)])
        ),
        "this is a sum over the classes, not their mean.": (lambda t, p, c: mean_iou(t, p, c) * len(np.union1d(t, p))),
        "a share lies between 0 and 1; this is a percentage.": lambda t, p, c: 100 * mean_iou(t, p, c),
    }
    random, cases = np.random.default_rng(17), []
    for size, classes, present in (((2, 3), 2, 2), ((4, 5), 3, 3), ((6, 6), 5, 3), ((2, 8, 8), 4, 3)):
        truth = random.integers(0, present, size)
        predicted = np.where(random.uniform(size=size) < 0.6, truth, random.integers(0, present, size))
        cases.append((truth, predicted, classes))
    cases.append((np.array([[0, 0, 1], [1, 1, 0]]), np.array([[0, 2, 1], [1, 1, 2]]), 4))
    return judge(answer, cases, mean_iou, "each class counts the same, however few its pixels.", mistakes)
