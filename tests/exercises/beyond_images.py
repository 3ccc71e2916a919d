"""Answers to the exercises of notebook 09, right ones and wrong ones."""

import numpy as np
from keras import ops

from exercises import mistake, right, solution


# signal_involution
@solution("signal_involution")
def involve_signal(signal, kernels, start=None, group=None, step=None, tap=None, outside=None):
    (steps, channels), (_, size, groups) = signal.shape, kernels.shape
    start, group = start or (lambda t: t - size // 2), group or (lambda c: c * groups // channels)
    step, tap = step or (lambda t: t), tap or (lambda u: u)
    out = np.zeros((steps, channels))
    for t, c, u in np.ndindex(steps, channels, size):
        at = start(t) + u
        if outside:
            at = outside(at, steps)
        if 0 <= at < steps:
            out[t, c] += signal[at, c] * kernels[step(t), tap(u), group(c)]
    return out


for name, hint, wrong in [
    ("flipped", "flipped", lambda x, k: involve_signal(x, k, tap=lambda u: k.shape[1] - 1 - u)),
    ("interleaved", "interleaved", lambda x, k: involve_signal(x, k, group=lambda c: c % k.shape[2])),
    ("starts", "windows start", lambda x, k: involve_signal(x, k, start=lambda t: t)),
    ("causal", "windows end", lambda x, k: involve_signal(x, k, start=lambda t: t - k.shape[1] + 1)),
    ("convolution", "first step serves every", lambda x, k: involve_signal(x, k, step=lambda t: 0)),
    ("first_group", "group 0 serves all", lambda x, k: involve_signal(x, k, group=lambda c: 0)),
    ("circular", "at its other end", lambda x, k: involve_signal(x, k, outside=lambda i, n: i % n)),
    ("edge", "last value", lambda x, k: involve_signal(x, k, outside=lambda i, n: min(max(i, 0), n - 1))),
    ("averaged", "averaged", lambda x, k: involve_signal(x, k) / k.shape[1]),
    ("valid", "got shape", lambda x, k: involve_signal(x, k)[k.shape[1] // 2 : len(x) - k.shape[1] // 2]),
    ("kernel_of_the_tap", ", got ", lambda x, k: involve_signal(x, k[::-1])),
    ("softmax", ", got ", lambda x, k: involve_signal(x, np.exp(k) / np.exp(k).sum(1, keepdims=True))),
]:
    mistake("signal_involution", hint, name)(wrong)

right("signal_involution", "lists")(lambda x, k: involve_signal(x, k).tolist())


@right("signal_involution")
def shifts(signal, kernels):
    half, spread = kernels.shape[1] // 2, np.repeat(kernels, signal.shape[1] // kernels.shape[2], axis=2)
    padded = np.pad(signal, [(half, half), (0, 0)])
    return sum(padded[u : u + len(signal)] * spread[:, u] for u in range(kernels.shape[1]))


@right("signal_involution")
def tensors(signal, kernels):
    half = kernels.shape[1] // 2
    spread = ops.repeat(ops.cast(kernels, "float32"), signal.shape[1] // kernels.shape[2], axis=2)
    padded = ops.pad(ops.cast(signal, "float32"), [(half, half), (0, 0)])
    windows = ops.stack([padded[u : u + len(signal)] for u in range(kernels.shape[1])], axis=1)
    return ops.sum(windows * spread, axis=1)


# mean_iou
@solution("mean_iou")
def mean_iou(truth, predicted, classes):
    shares = []
    for number in range(classes):
        a, b = truth == number, predicted == number
        if (a | b).any():
            shares.append((a & b).sum() / (a | b).sum())
    return sum(shares) / len(shares)


def per_class(below, absent=None):
    def measure(truth, predicted, classes):
        shares = []
        for number in range(classes):
            a, b = truth == number, predicted == number
            if (a | b).any():
                shares.append((a & b).sum() / max(below(a, b), 1))
            elif absent is not None:
                shares.append(absent)
        return np.mean(shares)

    return measure


def union(a, b):
    return (a | b).sum()


for name, hint, wrong in [
    ("accuracy", "share of right pixels", lambda t, p, c: np.mean(t == p)),
    ("pooled", "classes are pooled", lambda t, p, c: (t == p).sum() / (2 * t.size - (t == p).sum())),
    ("absent_0", "occur nowhere count as 0", per_class(union, 0)),
    ("absent_1", "occur nowhere count as 1", per_class(union, 1)),
    ("added_below", "counted twice below", per_class(lambda a, b: a.sum() + b.sum())),
    ("dice", "Dice coefficient", per_class(lambda a, b: (a.sum() + b.sum()) / 2)),
    ("foreground", "class 0 is left out", lambda t, p, c: mean_iou(t - 1, p - 1, c - 1)),
    ("sum", ", got ", lambda t, p, c: mean_iou(t, p, c) * len(set(t.ravel()) | set(p.ravel()))),
    ("percent", ", got ", lambda t, p, c: 100 * mean_iou(t, p, c)),
    (
        "truth_alone",
        "only classes of the truth",
        lambda t, p, c: np.mean([((t == k) & (p == k)).sum() / ((t == k) | (p == k)).sum() for k in set(t.ravel())]),
    ),
    ("best_class", ", got ", lambda t, p, c: max(mean_iou(t == k, p == k, 2) for k in range(c))),
    (
        "per_class",
        "got shape",
        lambda t, p, c: [((t == k) & (p == k)).sum() / max(union(t == k, p == k), 1) for k in range(c)],
    ),
    ("background_against_rest", ", got ", lambda t, p, c: mean_iou(t > 0, p > 0, 2)),
]:
    mistake("mean_iou", hint, name)(wrong)


@right("mean_iou")
def by_confusion_matrix(truth, predicted, classes):
    table = np.zeros((classes, classes))
    np.add.at(table, (truth.ravel(), predicted.ravel()), 1)
    both, either = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    return (both[either > 0] / either[either > 0]).mean()


@right("mean_iou")
def one_hot(truth, predicted, classes):
    a, b = (ops.one_hot(ops.reshape(x, -1), classes) for x in (truth, predicted))
    both, either = ops.sum(a * b, 0), ops.sum(ops.maximum(a, b), 0)
    occurs = ops.cast(either > 0, "float32")
    return ops.sum(both / ops.maximum(either, 1)) / ops.sum(occurs)


for hint, name, wrong in [
    ("in the truth; divide by", "recall", lambda t, p, c: np.mean([(p == k)[t == k].mean() for k in np.unique(t)])),
    (
        "in the prediction; divide by",
        "precision",
        lambda t, p, c: np.mean([(t == k)[p == k].mean() for k in np.unique(p)]),
    ),
]:
    mistake("mean_iou", hint, name)(wrong)
