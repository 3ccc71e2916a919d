"""Answers to the exercises of notebook 03, right ones and wrong ones."""

import math

import numpy as np

from exercises import mistake, right

# interval
T = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}  # by degrees of freedom


def deviation(values, less=1):
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - less))


def around(values, half):
    return sum(values) / len(values) - half, sum(values) / len(values) + half


def interval(values):
    return around(values, T[len(values) - 1] * deviation(values) / math.sqrt(len(values)))


for name, hint, wrong in [
    ("population", "for a sample, by n - 1", lambda a: around(a, T[len(a) - 1] * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal_and_population", "two things", lambda a: around(a, 1.96 * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal", "Student", lambda a: around(a, 1.96 * deviation(a) / math.sqrt(len(a)))),
    ("single_runs", "spread of single runs", lambda a: around(a, T[len(a) - 1] * deviation(a))),
    ("no_root", "not by its root", lambda a: around(a, T[len(a) - 1] * deviation(a) / len(a))),
    ("five_as_six", ", got ", lambda a: around(a, (T | {4: T[5]})[len(a) - 1] * deviation(a) / math.sqrt(len(a)))),
    ("mean_and_half", ", got ", lambda a: (np.mean(a), interval(a)[1] - np.mean(a))),
]:
    mistake("interval", hint, name)(wrong)


# dead_chance
def dead_chance(kernel_size, layers):
    alive = 1.0
    for _ in range(layers):
        alive *= 1 - 0.5 ** (kernel_size * kernel_size)
    return 1 - alive


@right("dead_chance")
def counted(kernel_size, layers):  # each layer may be the first that is all negative
    one = 2.0 ** -(kernel_size**2)
    return sum((1 - one) ** before * one for before in range(layers))


for name, hint, wrong in [
    ("one_side", "kernel_size * kernel_size numbers", lambda k, n: 1 - (1 - 0.5**k) ** n),
    ("two_sides", "kernel_size * kernel_size numbers", lambda k, n: 1 - (1 - 0.25**k) ** n),
    ("sum", "counts networks twice", lambda k, n: n / 2 ** (k * k)),
    ("all", "one is enough", lambda k, n: (0.5 ** (k * k)) ** n),
    ("none", "that no layer is all negative", lambda k, n: (1 - 0.5 ** (k * k)) ** n),
    ("one_layer", "one layer's probability", lambda k, n: 0.5 ** (k * k)),
    ("nine", "got ", lambda k, n: 1 - (1 - 0.5**9) ** n),
    ("rounded", "got ", lambda k, n: round(dead_chance(k, n), 3) if k == 3 else dead_chance(k, n)),
]:
    mistake("dead_chance", hint, name)(wrong)


# confusion
def confusion(labels, predictions, classes):
    rows = [[np.mean(predictions[labels == i] == j) for j in range(classes)] for i in range(classes)]
    return np.array(rows)


@right("confusion")
def crosstab(labels, predictions, classes):
    import pandas as pd

    table = pd.crosstab(labels, predictions, normalize="index")
    return table.reindex(index=range(classes), columns=range(classes), fill_value=0)


def counts(labels, predictions, classes):
    return np.array([[np.sum((labels == i) & (predictions == j)) for j in range(classes)] for i in range(classes)])


def once(labels, predictions, classes):
    table = np.zeros((classes, classes))
    table[labels, predictions] += 1
    return table / table.sum(axis=1, keepdims=True)


for name, hint, wrong in [
    ("transposed", "rows and columns are exchanged", lambda *a: confusion(*a).T),
    ("counts", "these are counts", counts),
    ("no_keepdims", "lacks `keepdims=True`", lambda *a: counts(*a) / counts(*a).sum(axis=1)),
    ("one_each", "counts each pair once", once),
    ("right_ones", "got ", lambda *a: np.diag(np.diag(confusion(*a)))),
    ("errors_only", "got ", lambda a, b, n: confusion(a, b, n) - np.diag(np.diag(confusion(a, b, n)))),
    ("seen_classes", "expected numbers", lambda a, b, n: confusion(a, b, b.max() + 1)),
    ("swallowed", "expected numbers", lambda *a: confusion(*a).diagonal()),
]:
    mistake("confusion", hint, name)(wrong)
