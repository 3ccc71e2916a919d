"""Answers to the exercises of the notebook, right ones and wrong ones."""

import math

import numpy as np

from exercises import ANSWERS, mistake, right, solution


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
    ("rows_only", "quarters", lambda h, w, c, n: (h // 4) * w * c * n + n),
    ("columns_only", "quarters", lambda h, w, c, n: h * (w // 4) * c * n + n),
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
    ("population", "divides by n - 1", lambda a: around(a, T[len(a) - 1] * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal_and_population", "two things", lambda a: around(a, 1.96 * deviation(a, 0) / math.sqrt(len(a)))),
    ("normal", "Student", lambda a: around(a, 1.96 * deviation(a) / math.sqrt(len(a)))),
    ("single_runs", "single runs", lambda a: around(a, T[len(a) - 1] * deviation(a))),
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


# Thought up afresh from the text of the exercises
for name, hint, wrong in [
    ("three_poolings", ", got ", lambda h, w, c, n: (h // 8 * (w // 8) * c + 1) * n),
    ("channels_pooled", ", got ", lambda h, w, c, n: (h // 4 * (w // 4) * (c // 4) + 1) * n),
    ("bias_per_feature", ", got ", lambda h, w, c, n: h // 4 * (w // 4) * c * (n + 1)),
    ("one_bias", ", got ", lambda h, w, c, n: h // 4 * (w // 4) * c * n + 1),
    ("no_channels", ", got ", lambda h, w, c, n: (h // 4 * (w // 4) + 1) * n),
    ("added_sides", ", got ", lambda h, w, c, n: ((h // 4 + w // 4) * c + 1) * n),
    ("features", ", got ", lambda h, w, c, n: h // 4 * (w // 4) * c),
    ("square", ", got ", lambda h, w, c, n: ((h // 4) ** 2 * c + 1) * n),
    ("fixed", ", got ", lambda h, w, c, n: (8 * 8 * c + 1) * n),
]:
    mistake("dense_parameters", hint, name)(wrong)

right("dense_parameters", "quarters")(lambda h, w, c, n: n + n * c * (h // 4) * (w // 4))


@right("dense_parameters")
def counted_by_keras(height, width, channels, units):
    import keras

    model = keras.Sequential([keras.Input((height, width, channels)), keras.layers.MaxPooling2D()])
    for layer in (keras.layers.MaxPooling2D(), keras.layers.Flatten(), keras.layers.Dense(units)):
        model.add(layer)
    return model.count_params()


for name, hint, wrong in [
    ("range", ", got ", lambda a: (min(a), max(a))),
    ("median", ", got ", lambda a: (np.median(a) - half_width(a), np.median(a) + half_width(a))),
    ("one_sided", ", got ", lambda a: (np.mean(a), np.mean(a) + half_width(a))),
    ("variance", ", got ", lambda a: around(a, T[len(a) - 1] * deviation(a) ** 2 / math.sqrt(len(a)))),
    ("no_t", ", got ", lambda a: around(a, deviation(a) / math.sqrt(len(a)))),
    ("twice_corrected", ", got ", lambda a: around(a, T[len(a) - 1] * deviation(a) / math.sqrt(len(a) - 1))),
    ("whole_width_each_side", ", got ", lambda a: around(a, 2 * half_width(a))),
    ("per_cent", ", got ", lambda a: [100 * end for end in interval(a)]),
    ("rounded", ", got ", lambda a: np.round(interval(a), 2)),
    ("fixed_t", ", got ", lambda a: around(a, 4.303 * deviation(a) / math.sqrt(len(a)))),
]:
    mistake("interval", hint, name)(wrong)

right("interval", "list")(lambda a: list(interval(a)))
right("interval", "array")(lambda a: np.mean(a) + np.array([-1, 1]) * half_width(a))


@right("interval")
def scipy_interval(accuracies):
    from scipy import stats

    return stats.t.interval(0.95, len(accuracies) - 1, np.mean(accuracies), stats.sem(accuracies))


@right("interval")
def by_statistics(accuracies):
    import statistics

    n = len(accuracies)
    half = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}[n] * statistics.stdev(accuracies) / n**0.5
    return statistics.fmean(accuracies) - half, statistics.fmean(accuracies) + half


@right("interval")
def tensors(accuracies):
    from keras import ops

    a = ops.convert_to_tensor(accuracies, "float32")
    n = len(accuracies)
    half = T[n - 1] * ops.sqrt(ops.sum((a - ops.mean(a)) ** 2) / (n - 1) / n)
    return ops.mean(a) - half, ops.mean(a) + half


def stacked(change, size=(None, None), functional=False):
    """Return a function that builds the right classifier after `change` has worked on the list of its layers."""

    def build():
        import keras
        from keras import layers

        stack = [layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
        stack += [layers.Conv2D(64, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
        stack += [layers.Conv2D(64, 3, padding="same", activation="relu"), layers.GlobalAveragePooling2D()]
        stack += [layers.Dense(64, activation="relu"), layers.Dense(10)]
        change(stack, layers)
        inputs = keras.Input((*size, 3))
        if not functional:
            return keras.Sequential([inputs, *stack])
        x = inputs
        for layer in stack:
            x = layer(x)
        return keras.Model(inputs, x)

    return build


def put(at, make):
    return lambda stack, layers: stack.__setitem__(slice(at, at + 1), make(layers))


def insert(at, make):
    return lambda stack, layers: stack.insert(at, make(layers))


def mean_over_positions(x):
    from keras import ops

    return ops.mean(x, axis=(1, 2))


def pooled_for_32(layers):
    return [layers.AveragePooling2D(8), layers.Flatten()]


for name, hint, change, size in [
    ("dropout", "in training alone", insert(7, lambda layers: layers.Dropout(0.5)), (None, None)),
    ("noise", "in training alone", insert(0, lambda layers: layers.GaussianNoise(0.1)), (None, None)),
    ("flipped_images", "in training alone", insert(0, lambda layers: layers.RandomFlip()), (32, 32)),
    ("pooled_for_32", "but for no other", put(5, pooled_for_32), (32, 32)),
    ("pooled_for_40", "but for no other", put(5, lambda a: [a.AveragePooling2D((10, 12)), a.Flatten()]), (40, 48)),
    ("reshaped", "but for no other", put(5, lambda a: [a.AveragePooling2D(8), a.Reshape((64,))]), (32, 32)),
    ("batch_norm", "expected 61,130", insert(5, lambda layers: layers.BatchNormalization()), (None, None)),
    ("fourth_convolution", "expected 61,130", insert(5, lambda a: a.Conv2D(64, 3, padding="same")), (None, None)),
    ("kernel_of_five", "expected 61,130", put(0, lambda a: [a.Conv2D(32, 5, padding="same")]), (None, None)),
    ("strides", "same layers", put(0, lambda a: [a.Conv2D(32, 3, 2, "same", activation="relu")]), (None, None)),
    ("rescaled", "same layers", insert(0, lambda layers: layers.Rescaling(1 / 255)), (None, None)),
    ("sigmoid", "same layers", put(7, lambda layers: [layers.Dense(10, "sigmoid")]), (None, None)),
    ("pooled_after_dense", "same layers", lambda s, layers: s.insert(6, s.pop(5)), (None, None)),
    ("hundred_classes", "ten logits", put(7, lambda layers: [layers.Dense(100)]), (None, None)),
    ("no_logits", "ten logits", lambda s, layers: s.pop(), (None, None)),
]:
    mistake("fair_head", hint, name)(stacked(change, size))

for name, change, size, functional in [
    ("functional", lambda s, layers: None, (None, None), True),
    ("keepdims", put(5, lambda a: [a.GlobalAveragePooling2D(keepdims=True), a.Flatten()]), (None, None), False),
    ("keepdims_fixed", put(5, lambda a: [a.GlobalAveragePooling2D(keepdims=True), a.Flatten()]), (32, 32), True),
    ("by_hand", put(5, lambda layers: [layers.Lambda(mean_over_positions)]), (32, 32), True),
    ("odd_size", lambda s, layers: None, (45, 31), True),
    ("relu_layers", put(0, lambda a: [a.Conv2D(32, 3, padding="same"), a.ReLU()]), (None, None), False),
    ("no_op", insert(7, lambda layers: layers.Dropout(0.0)), (None, None), False),
]:
    right("fair_head", name)(stacked(change, size, functional))


@right("fair_head")
def means_by_ops():
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.MaxPooling2D()(keras.ops.relu(keras.layers.Conv2D(32, 3, padding="same")(inputs)))
    x = keras.layers.MaxPooling2D()(keras.ops.relu(keras.layers.Conv2D(64, 3, padding="same")(x)))
    x = keras.ops.relu(keras.layers.Conv2D(64, 3, padding="same")(x))
    x = keras.layers.Dense(64, activation="relu")(keras.ops.mean(x, axis=(1, 2)))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


@right("fair_head")
def convolutions_for_dense():
    import keras
    from keras import layers

    model = keras.Sequential(classifier()().layers[:-3])
    model.add(layers.GlobalAveragePooling2D(keepdims=True))
    model.add(layers.Conv2D(64, 1, activation="relu"))
    model.add(layers.Conv2D(10, 1))
    model.add(layers.Flatten())
    return model


@right("fair_head")
def subclassed():
    import keras
    from keras import layers

    class Fair(keras.Model):
        def __init__(self):
            super().__init__()
            self.logits, self.dense = layers.Dense(10), layers.Dense(64, activation="relu")
            self.pool, self.mean = layers.MaxPooling2D(), layers.GlobalAveragePooling2D()
            self.convolutions = [layers.Conv2D(n, 3, padding="same", activation="relu") for n in (32, 64, 64)]

        def call(self, x):
            first, second, third = self.convolutions
            x = third(self.pool(second(self.pool(first(x)))))
            return self.logits(self.dense(self.mean(x)))

    return Fair()


@right("fair_head")
def nested():
    import keras

    whole = classifier()()
    return keras.Sequential([keras.Input((None, None, 3)), keras.Sequential(whole.layers[:5]), *whole.layers[5:]])


@mistake("fair_head", "but for no other")
def subclassed_for_32():
    import keras
    from keras import layers

    class Unfair(keras.Model):
        def __init__(self):
            super().__init__()
            stack = classifier((32, 32))().layers[:-3]
            self.stack = [*stack, layers.AveragePooling2D(8), layers.Flatten()]
            self.stack += [layers.Dense(64, activation="relu"), layers.Dense(10)]

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return x

    return Unfair()


@mistake("fair_head", "one batch (None, height, width, 3); it takes (None, 3)")
def of_rank_two():
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(10)])


@mistake("fair_head", "it takes (None, 8, 8, 3) and (None, 8, 8, 3)")
def of_two_inputs():
    import keras

    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.add(inputs))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


@mistake("fair_head", "your model raised ")
def broken():
    import keras

    class Broken(keras.Model):
        def call(self, x):
            return x @ x

    return Broken()


mistake("fair_head", "expected a Keras model or a function that builds one, got a list", "list")(lambda: [1, 2])

# The remaining variants of the hints
for check, hint, name, wrong in [
    ("dense_parameters", "quarters", "quarter_of_the_height_alone", lambda h, w, c, n: (h // 4 * w * c + 1) * n),
    ("dense_parameters", "rounded wrongly", "rounded_at_the_end", lambda h, w, c, n: (h * w // 16 * c + 1) * n),
    (
        "dense_parameters",
        "rounded wrongly",
        "first_rounded_up",
        lambda h, w, c, n: (-(-h // 2) // 2 * (-(-w // 2) // 2) * c + 1) * n,
    ),
    ("interval", "around 0", "around_zero", lambda a: (-half_width(a), half_width(a))),
]:
    mistake(check, hint, name)(wrong)
