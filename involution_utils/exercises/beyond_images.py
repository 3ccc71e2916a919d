"""The checks of notebook 09."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import Verdict, judge


def check_signal_involution(answer: Any) -> Verdict:
    """Check `involve_signal(signal, kernels)`, an involution over one axis.

    Args:
        answer: function of a signal (T, C) and kernels (T, K, G) with odd K that returns an array (T, C): step t is the
            sum of the K steps around t, zeros outside the signal, weighted by the kernel of t and of the channel's
            group. Group g owns the channels g * C // G to (g + 1) * C // G - 1.
    """

    def involve_signal(signal, kernels, *, late=0):
        (steps, size, groups), channels = kernels.shape, signal.shape[1]
        padded = np.pad(signal, ((size, size), (0, 0)))
        windows = sliding_window_view(padded, size, axis=0)[size - size // 2 + int(late * size) :][:steps]
        return np.einsum("tcu,tuc->tc", windows, np.repeat(kernels, channels // groups, axis=2))

    f = involve_signal
    mistakes = {
        "the kernels are flipped; use them as they are.": lambda x, k: f(x, k[:, ::-1]),
        "the groups are interleaved; a group's channels are neighbors.": lambda x, k: f(
            x, np.tile(k, x.shape[1] // k.shape[2])
        ),
        "the windows start at their step; they should be centered on it.": {"late": 0.5},
        "the windows end at their step; they should be centered on it.": {"late": -0.5},
    }
    draw, sizes = np.random.default_rng(16).normal, [(4, 1, 3, 1), (6, 4, 3, 2), (9, 6, 5, 3), (7, 4, 1, 4)]
    cases = [(draw(size=(t, channels)), draw(size=(t, size, groups))) for t, channels, size, groups in sizes]
    return judge(answer, cases, involve_signal, "one axis less, and nothing else is new.", mistakes)


def check_mean_iou(answer: Any) -> Verdict:
    """Check `mean_iou(truth, predicted, classes)`.

    Args:
        answer: function of two arrays of numbers of the same shape. For each of the classes 0 to classes - 1 it divides
            the pixels that have the class in both by those that have it in either; it returns the mean over the
            classes that occur in at least one of the two.
    """

    def mean_iou(truth, predicted, classes, *, among=lambda truth, n: range(n), below=np.logical_or, absent=np.nan):
        shares = []
        for number in among(truth, classes):
            one, other = truth == number, predicted == number
            either = below(one, other).sum()
            shares.append((one & other).sum() / either if either else absent)
        return np.nanmean(shares)

    mistakes = {
        "this is the share of right pixels; divide class by class, then take the mean.": lambda t, p, n: np.mean(
            t == p
        ),
        "classes that occur nowhere count, too; leave them out.": ({"absent": 0}, {"absent": 1}),
        "pixels in both are counted twice below the line.": {"below": lambda one, other: one + 1 * other},
        "only classes of the truth count; one that is predicted, but nowhere, counts too: as 0.": {
            "among": lambda t, n: np.unique(t)
        },
    }
    random, cases = np.random.default_rng(17), []
    for size, classes, present in (((2, 3), 2, 2), ((4, 5), 3, 3), ((6, 6), 5, 5), ((2, 8, 8), 4, 3)):
        truth = random.integers(0, present, size)
        predicted = np.where(random.uniform(size=size) < 0.6, truth, random.integers(0, present, size))
        cases.append((truth, predicted, classes))
    two, three = np.array([[0, 0, 1], [1, 1, 0]]), np.array([[0, 2, 1], [1, 1, 2]])
    cases += [(two, three, 4), (three, two, 4)]
    return judge(answer, cases, mean_iou, "each class counts the same, however few its pixels.", mistakes)
