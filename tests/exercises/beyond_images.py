"""Answers to the exercises of notebook 09, right ones and wrong ones."""

import functools

import numpy as np
from keras import ops

from exercises import mistake, right


@right("signal_involution")
def involve_signal(signal, kernels, start=None, group=None, tap=None):
    (steps, channels), (_, size, groups) = signal.shape, kernels.shape
    start, group = start or (lambda t: t - size // 2), group or (lambda c: c * groups // channels)
    out = np.zeros((steps, channels))
    for t, c, u in np.ndindex(steps, channels, size):
        at = start(t) + u
        if 0 <= at < steps:
            out[t, c] += signal[at, c] * kernels[t, tap(u) if tap else u, group(c)]
    return out


for name, hint, wrong in [
    ("flipped", "flipped", lambda x, k: involve_signal(x, k, tap=lambda u: k.shape[1] - 1 - u)),
    ("interleaved", "interleaved", lambda x, k: involve_signal(x, k, group=lambda c: c % k.shape[2])),
    ("causal", "windows end", lambda x, k: involve_signal(x, k, start=lambda t: t - k.shape[1] + 1)),
    ("kernel_of_the_tap", ", got ", lambda x, k: involve_signal(x, k[::-1])),
]:
    mistake("signal_involution", hint, name)(wrong)


@right("signal_involution")
def tensors(signal, kernels):
    half = kernels.shape[1] // 2
    spread = ops.repeat(ops.cast(kernels, "float32"), signal.shape[1] // kernels.shape[2], axis=2)
    padded = ops.pad(ops.cast(signal, "float32"), [(half, half), (0, 0)])
    windows = ops.stack([padded[u : u + len(signal)] for u in range(kernels.shape[1])], axis=1)
    return ops.sum(windows * spread, axis=1)


def iou(truth, predicted, numbers):
    either = [((truth == k) | (predicted == k)).sum() for k in numbers]
    both = [((truth == k) & (predicted == k)).sum() for k in numbers]
    return np.mean([a / b for a, b in zip(both, either, strict=True) if b])


def absent_as(share, truth, predicted, classes):
    masks = [(truth == number, predicted == number) for number in range(classes)]
    return np.mean([(a & b).sum() / (a | b).sum() if (a | b).any() else share for a, b in masks])


for name, hint, wrong in [
    ("accuracy", "share of right pixels", lambda t, p, c: (t == p).mean()),
    ("absent_0", "occur nowhere count", functools.partial(absent_as, 0)),
    (
        "truth_alone",
        "only classes of the truth",
        lambda t, p, c: iou(t, p, np.unique(t)),
    ),
    ("predicted_alone", ", got ", lambda t, p, c: iou(t, p, np.unique(p))),
    ("three_classes", ", got ", lambda t, p, c: iou(t, p, range(3))),
    ("recall", ", got ", lambda t, p, c: np.mean([(p == k)[t == k].mean() for k in np.unique(t)])),
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
