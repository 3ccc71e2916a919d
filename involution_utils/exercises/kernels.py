"""The checks of notebook 05."""

import functools
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

    def my_share(kernels, *, above=(1, 2), below=(0, 1, 2), spread=np.var):
        return spread(kernels, axis=above).mean() / spread(kernels, axis=below).mean()

    mistakes = {
        "the variance is taken over the taps of a kernel; take it over positions, for each tap.": {"above": (3, 4)},
        "this is the share that lies between the means of the images.": lambda k: 1 - my_share(k),
        "the taps are summed first; take the variance of each tap.": lambda k: my_share(k.sum((3, 4), keepdims=True)),
        "the ratio is inverted.": lambda k: 1 / my_share(k),
        "this is the variance within the images; divide it by the whole.": lambda k: k.var((1, 2)).mean(),
        "the whole variance also mixes the taps; below the line, too, take it for each tap.": {"below": None},
        "this averages ratios; divide the averages.": lambda k: (k.var((1, 2)) / k.var((0, 1, 2))).mean(),
        "these variances divide by the count less one; divide by the count.": {
            "spread": functools.partial(np.var, ddof=1)
        },
        "these are standard deviations, not variances.": {"spread": np.std},
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

    def normalize(kernels, *, axis=(3, 4), careful=True, less=0):
        return softmax(kernels - (less and less(kernels)), axis, careful)

    mistakes = {
        "the softmax goes over the groups; the taps of a kernel should add up to 1.": {"axis": 5},
        "the softmax goes over one axis; all K * K taps of a kernel should add up to 1.": ({"axis": 3}, {"axis": 4}),
        "the softmax goes over the positions; each position has a kernel of its own.": {"axis": (1, 2)},
        "taps and groups share one sum; each group has a kernel of its own.": {"axis": (3, 4, 5)},
        "one sum serves the whole array; each kernel needs its own.": {"axis": None},
        "the weights are divided by their sum, but not their exponentials.": lambda k: k / k.sum((3, 4), keepdims=True),
        "the exponentials are not divided by their sum.": np.exp,
    }
    overflow = "large logits overflow; softmax is the same when each kernel's largest logit is subtracted first."
    careless = tuple({"careful": False, "less": less} for less in (0, np.max, np.min))
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
        "this is the mean over the images at each position; take it over the positions of an image.": {"axes": 0},
        "the weights of a kernel are averaged; each keeps its own mean.": ({"axes": (3, 4)}, {"axes": (1, 2, 3, 4)}),
        "the groups are averaged too; each group has a mean kernel of its own.": {"axes": (1, 2, 5)},
        "the mean goes over the rows or the columns alone; it goes over both.": ({"axes": 1}, {"axes": 2}),
        "this is the mean kernel once per image; repeat it at every position, so that the shape stays.": once,
        "the mean is subtracted; the kernels should be replaced by it.": lambda k: k - mean_kernels(k),
        "this is the kernel of one position; take the mean over all.": lambda k: np.broadcast_to(k[:, :1, :1], k.shape),
    }
    draw = np.random.default_rng(10).normal
    cases = [(draw(size=size),) for size in ((1, 2, 3, 3, 3, 1), (2, 3, 4, 3, 3, 2), (3, 4, 2, 5, 5, 4))]
    return judge(answer, cases, mean_kernels, "the kernels depend on the image, but not on the position.", mistakes)
