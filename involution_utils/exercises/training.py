"""The checks of notebook 03."""

from typing import Any

import numpy as np
from scipy import stats

from involution_utils.exercises.judge import Verdict, judge


def check_interval(answer: Any) -> Verdict:
    """Check `interval(accuracies)`.

    Args:
        answer: function of a list of 3 to 6 accuracies that returns (low, high), the 95 % Student interval of their
            mean.
    """

    def interval(accuracies, *, t=None, ddof=1, root=np.sqrt):
        n = len(accuracies)
        half = (t or stats.t.ppf(0.975, n - 1)) * np.std(accuracies, ddof=ddof) / root(n)
        return np.mean(accuracies) + half * np.array((-1, 1))

    mistakes = {
        "the standard deviation divides by n; for a sample, by n - 1.": {"ddof": 0},
        "1.96 holds for many runs; for so few, take Student's t.": {"t": 1.96},
        "two things: 1.96 holds for many runs, and `np.std` divides by n unless told.": {"t": 1.96, "ddof": 0},
        "this is the spread of single runs; their mean's is smaller by sqrt(n).": {"root": lambda n: 1},
        "the standard deviation is divided by n, not by its root.": {"root": lambda n: n},
    }
    cases = [([0.41, 0.48, 0.37],), ([0.6, 0.71, 0.52, 0.66],), ([0.1, 0.3, 0.22, 0.17, 0.4],)]
    cases += [([0.5, 0.42, 0.61, 0.33, 0.48, 0.57],)]
    return judge(answer, cases, interval, "mean plus and minus t * s / sqrt(n).", mistakes)


def check_dead_chance(answer: Any) -> Verdict:
    """Check `dead_chance(kernel_size, layers)`.

    Args:
        answer: function that returns the probability that in at least one of `layers` layers all `kernel_size` squared
            numbers of the pattern are negative, each being negative or positive with the same probability.
    """

    def dead_chance(kernel_size, layers):
        return 1 - (1 - 0.5 ** (kernel_size**2)) ** layers

    mistakes = {
        "a pattern has kernel_size * kernel_size numbers.": (
            lambda k, n: 1 - (1 - 0.5**k) ** n,
            lambda k, n: 1 - (1 - 0.5 ** (2 * k)) ** n,
        ),
        "this counts networks twice in which two layers are all negative.": lambda k, n: n * 0.5 ** (k * k),
        "this is the probability that all layers are all negative; one is enough.": lambda k, n: 0.5 ** (k * k * n),
        "this is the probability that no layer is all negative.": lambda k, n: (1 - 0.5 ** (k * k)) ** n,
        "this is one layer's probability; there are several layers.": lambda k, n: 0.5 ** (k * k),
    }
    cases = [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (2, 40)]
    return judge(answer, cases, dead_chance, "it takes one such layer.", mistakes)


def check_confusion(answer: Any) -> Verdict:
    """Check `confusion(labels, predictions, classes)`.

    Args:
        answer: function of two integer arrays, (N,), and a number of classes that returns a (classes, classes) array:
            row i, column j holds the share of the images of class i for which class j is predicted.
    """

    def counts(labels, predictions, classes):
        table = np.zeros((classes, classes))
        np.add.at(table, (labels, predictions), 1)
        return table

    def confusion(labels, predictions, classes):
        table = counts(labels, predictions, classes)
        return table / table.sum(axis=1, keepdims=True)

    def overwritten(labels, predictions, classes):
        table = np.zeros((classes, classes))
        table[labels, predictions] += 1  # an index that is there twice counts once
        return table / table.sum(axis=1, keepdims=True)

    mistakes = {
        "rows and columns are exchanged: a row is what the image shows.": lambda *a: confusion(*a).T,
        "these are counts; divide each row by its sum.": counts,
        "each column is divided by the sum of a row: sum(axis=1) lacks `keepdims=True`.": (
            lambda *a: counts(*a) / counts(*a).sum(axis=1)
        ),
        "with an array of indices, `+=` counts each pair once; `np.add.at` counts all.": overwritten,
    }
    rng = np.random.default_rng(8)
    cases = [(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 2)]
    for classes, images in ((3, 20), (5, 61)):
        labels = np.concatenate([np.arange(classes), rng.integers(0, classes, images)])
        cases.append((labels, rng.integers(0, classes - 1, len(labels)), classes))  # the last is never predicted
        cases.append(
            (labels, np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, classes, len(labels))), classes)
        )
    return judge(answer, cases, confusion, "each row adds up to one.", mistakes)
