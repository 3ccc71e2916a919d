"""The checks of notebook 05."""

from typing import Any

import numpy as np

from involution_utils.exercises.judge import Verdict, judge


def check_spatial_share(answer: Any) -> Verdict:
    """Check `my_share(kernels)`.

    Args:
        answer: function of kernels (N, H, W, K, K) of one group that returns which share of their variance lies across
            the positions within an image: the variance of each tap over the positions of an image, averaged over images
            and taps, over the variance of each tap over all positions of all images, averaged over taps.
    """

    def my_share(kernels, *, above=(1, 2), below=(0, 1, 2)):
        return kernels.var(above).mean() / kernels.var(below).mean()

    mistakes = {
        "the variance is taken over the taps of a kernel; take it over positions, for each tap.": {"above": (3, 4)},
        "the taps are summed first; take the variance of each tap.": lambda k: my_share(k.sum((3, 4), keepdims=True)),
        "the whole variance also mixes the taps; below the line, too, take it for each tap.": {"below": None},
        "this averages ratios; divide the averages.": lambda k: (k.var((1, 2)) / k.var((0, 1, 2))).mean(),
    }
    draw, cases = np.random.default_rng(5).normal, []
    for images, height, width, size in ((2, 2, 3, 3), (4, 3, 5, 3), (3, 6, 4, 5)):
        taps = np.linspace(0.5, 2, size * size).reshape(size, size)  # taps differ in mean and spread, images in mean
        places, means = draw(size=(images, height, width, size, size)), draw(size=(images, 1, 1, size, size))
        cases.append((taps * (1 + 0.8 * means + places),))
    return judge(answer, cases, my_share, "the variance within images over the total.", mistakes)


def softmax(values, axis, careful=True):
    """Return the softmax over some axes; a careless one lets its exponentials overflow."""
    powers = np.exp(values - values.max(axis, keepdims=True) if careful else values)
    return powers / powers.sum(axis, keepdims=True)


def check_softmax_kernels(answer: Any) -> Verdict:
    """Check `normalize(kernels)`.

    Args:
        answer: function of logits (batch, H, W, K, K, G) that returns the softmax over the K * K taps of each kernel.
    """

    def normalize(kernels, *, axis=(3, 4)):
        return softmax(kernels, axis)

    mistakes = {
        "the softmax goes over the groups; the taps of a kernel should add up to 1.": {"axis": 5},
        "the softmax goes over one axis; all K * K taps of a kernel should add up to 1.": ({"axis": 3}, {"axis": 4}),
        "taps and groups share one sum; each group has a kernel of its own.": {"axis": (3, 4, 5)},
    }
    overflow = "large logits overflow; softmax is the same when each kernel's largest logit is subtracted first."
    careless = tuple(
        lambda k, less=less: softmax(k - less(k), (3, 4), careful=False) for less in (np.zeros_like, np.max)
    )
    random = np.random.default_rng(6)  # quarters and thousands are exact in float32, too
    small = [(random.integers(-8, 9, size) / 4,) for size in ((1, 2, 3, 3, 3, 2), (2, 4, 3, 3, 3, 4))]
    large = random.choice((-2000.0, -1000.0, 0.0, 1000.0, 2000.0), (2, 3, 4, 3, 3, 2))
    first = judge(answer, small, normalize, "the taps of every kernel add up to 1.", mistakes)
    return first and judge(answer, [(large,)], normalize, "the taps of every kernel add up to 1.", {overflow: careless})


def check_mean_kernels(answer: Any) -> Verdict:
    """Check `mean_kernels(kernels)`, the lesion that lets no kernel look at its position.

    Args:
        answer: function of kernels (N, H, W, K, K, G) that returns an array of the same shape, in which each kernel is
            replaced by the mean, over all positions, of the kernels of its image and group.
    """

    def mean_kernels(kernels, *, axes=(1, 2)):
        return np.broadcast_to(kernels.mean(axes, keepdims=True), kernels.shape)

    once = lambda k: k.mean((1, 2)), lambda k: k.mean((1, 2), keepdims=True)
    mistakes = {
        "this is the mean over all images; each image keeps a mean of its own.": {"axes": (0, 1, 2)},
        "the weights of a kernel are averaged; each keeps its own mean.": ({"axes": (3, 4)}, {"axes": (1, 2, 3, 4)}),
        "the groups are averaged too; each group has a mean kernel of its own.": {"axes": (1, 2, 5)},
        "this is the mean kernel once per image; repeat it at every position, so that the shape stays.": once,
    }
    draw = np.random.default_rng(10).normal
    cases = [(draw(size=size),) for size in ((1, 2, 3, 3, 3, 1), (2, 3, 4, 3, 3, 2), (3, 4, 2, 5, 5, 4))]
    return judge(answer, cases, mean_kernels, "the kernels depend on the image, but not on the position.", mistakes)
