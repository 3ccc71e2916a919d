"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, solution


# dense_parameters
@solution("dense_parameters")
def dense_parameters(height, width, channels, units):
    for _ in range(2):
        height, width = height // 2, width // 2
    return height * width * channels * units + units


for name, hint, wrong in [
    ("no_pooling", "poolings have no effect", lambda h, w, c, n: h * w * c * n + n),
    ("one_pooling", "there should be two", lambda h, w, c, n: (h // 2) * (w // 2) * c * n + n),
    ("no_bias", "biases are missing", lambda h, w, c, n: (h // 4) * (w // 4) * c * n),
    ("rows_only", "halves the height and the width", lambda h, w, c, n: (h // 4) * w * c * n + n),
    ("columns_only", "halves the height and the width", lambda h, w, c, n: h * (w // 4) * c * n + n),
    ("global_pooling", "global pooling", lambda h, w, c, n: c * n + n),
    ("no_floor", "rounded wrongly", lambda h, w, c, n: h / 4 * w / 4 * c * n + n),
    ("rounded_up", "rounded wrongly", lambda h, w, c, n: math.ceil(h / 4) * math.ceil(w / 4) * c * n + n),
]:
    mistake("dense_parameters", hint, name)(wrong)


# interval
T = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}  # by degrees of freedom


def deviation(values, less=1):
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - less))


def around(values, half):
    return sum(values) / len(values) - half, sum(values) / len(values) + half


@solution("interval")
def interval(values):
    return around(values, T[len(values) - 1] * deviation(values) / math.sqrt(len(values)))


def half_width(values):
    return (interval(values)[1] - interval(values)[0]) / 2


for name, hint, wrong in [
    ("population", "for a sample, by n - 1", lambda a: around(a, T[len(a) - 1] * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal_and_population", "two things", lambda a: around(a, 1.96 * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal", "Student", lambda a: around(a, 1.96 * deviation(a) / math.sqrt(len(a)))),
    ("single_runs", "spread of single runs", lambda a: around(a, T[len(a) - 1] * deviation(a))),
    ("no_root", "not by its root", lambda a: around(a, T[len(a) - 1] * deviation(a) / len(a))),
    ("degrees", "degrees of freedom", lambda a: around(a, T[len(a)] * deviation(a) / math.sqrt(len(a)))),
    ("swapped", "swapped", lambda a: interval(a)[::-1]),
    ("half", "this is half the width", half_width),
    ("mean_and_half", "mean and half", lambda a: (np.mean(a), half_width(a))),
]:
    mistake("interval", hint, name)(wrong)


# fair_head
def classifier(
    size=(None, None), same="same", relu="relu", pool="max", pools=(1, 2), head="average", dense=64, last=10
):
    def build():
        from keras import Sequential, layers

        pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pool]
        heads = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D, "flat": layers.Flatten}
        stack = [layers.Input((*size, 3))]
        for number, filters in ((1, 32), (2, 64), (3, 64)):
            stack += [layers.Conv2D(filters, 3, padding=same), layers.Activation(relu)]
            stack += [pooling(2)] if number in pools else []
        stack += [heads[head]()]
        stack += [layers.Dense(abs(dense), activation="relu" if dense > 0 else None)] if dense else []
        return Sequential([*stack, layers.Dense(last) if isinstance(last, int) else layers.Dense(10, activation=last)])

    return build


ANSWERS["fair_head"] = classifier()
for name, hint, wrong in [
    ("flatten", "still flattens", classifier((32, 32), head="flat")),
    ("softmax", "probabilities", classifier(last="softmax")),
    ("global_max", "largest value, not its mean", classifier(head="max")),
    ("no_dense", "before the logits is missing", classifier(dense=0)),
    ("eleven_logits", "ten logits", classifier(last=11)),
    ("valid", "lose their borders", classifier(same="valid")),
    ("linear", "convolutions have no ReLU", classifier(relu="linear")),
    ("average_pooling", "should take the largest", classifier(pool="average")),
    ("third_pooling", "after the third", classifier(pools=(1, 2, 3))),
    ("no_pooling", "there is no pooling", classifier(pools=())),
    ("no_first_pooling", "pooling after the first", classifier(pools=(2,))),
    ("no_second_pooling", "pooling after the second", classifier(pools=(1,))),
    ("linear_dense", "64 has no ReLU", classifier(dense=-64)),
    ("relu_logits", "last layer has an activation", classifier(last="relu")),
]:
    mistake("fair_head", hint, name)(wrong)
