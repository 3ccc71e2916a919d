"""Processor time of an epoch: `train` against the original experiment's own `fit`, on the same images.

    python benchmarks/bench_training.py            # prints a table, writes results/benchmark_training.json
    python benchmarks/bench_training.py --epochs 3 --images 10000

Each measurement is a process of its own. User plus system time is counted, from the end of the first epoch, which
traces and compiles, to the end of the last; the pairs take turns. The original's `fit` is run as it was, and once more
with TensorFlow's allocator that keeps freed tensors, which the package sets.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOCATOR = {"TF_CPU_ALLOCATOR_USE_BFC": "true"}
VARIANTS = {"original": {}, "original, same allocator": ALLOCATOR, "train": ALLOCATOR}
LIMITS = {"CNN": {"original": 0.80, "original, same allocator": 1.05}, "INN": {"original": 0.25}}


def images(count):
    """Return noise in place of images: time does not depend on what they show."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 32, 32, 3), "uint8"), rng.integers(0, 10, count)


def original(network, count, epochs, callback):
    """Train as the Keras example does: float images, `tf.data` shuffled within 256, Adam, batches of 256."""
    import keras
    import tensorflow as tf
    from keras import layers

    class Involution(layers.Layer):
        """The example's layer: patches of every window, multiplied by the kernels, added up."""

        def __init__(self, name):
            super().__init__(name=name)
            self.generate = keras.Sequential(
                [layers.Conv2D(1, 1), layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(9, 1)]
            )

        def call(self, x):
            _, height, width, channels = x.shape
            kernels = tf.reshape(self.generate(x), (-1, height, width, 9, 1, 1))
            patches = tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
            patches = tf.reshape(patches, (-1, height, width, 9, channels, 1))
            return tf.reshape(tf.reduce_sum(kernels * patches, axis=3), (-1, height, width, channels))

    filters = iter((32, 64, 64))

    def spatial(number):
        if network == "CNN":
            return [layers.Conv2D(next(filters), 3, padding="same", activation="relu")]
        return [Involution(f"involution_{number}"), layers.ReLU()]

    stack = [keras.Input((32, 32, 3)), *spatial(1), layers.MaxPooling2D(2), *spatial(2), layers.MaxPooling2D(2)]
    stack += [*spatial(3), layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)]
    model = keras.Sequential(stack)
    x, y = images(count)
    x = x / 255.0
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(256).batch(256)
    test = tf.data.Dataset.from_tensor_slices((x[: count // 5], y[: count // 5])).batch(256)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(data, epochs=epochs, validation_data=test, callbacks=[callback], verbose=0)


def ours(network, count, epochs, callback):
    """Train as notebook 03 does."""
    sys.path.insert(0, str(ROOT))
    import keras

    from involution_utils import ImageDataset, conv_classifier, involution_classifier, training

    x, y = images(count)
    names = tuple(map(str, range(10)))
    dataset = ImageDataset(x, y, x[: count // 5], y[: count // 5], class_names=names, name="noise", source="drawn")
    model = {"CNN": conv_classifier, "INN": involution_classifier}[network]()
    fit = keras.Model.fit
    keras.Model.fit = lambda self, *a, callbacks, **k: fit(self, *a, callbacks=[*callbacks, callback], **k)
    training.train(model, dataset, epochs, verbose=0)


def measure(network, variant, count, epochs):
    """Print the processor time, in seconds, of each epoch but the first."""
    if variant == "train":
        sys.path.insert(0, str(ROOT))
        import involution_utils  # noqa: F401
    import keras

    class Epochs(keras.callbacks.Callback):
        times = []  # noqa: RUF012

        def on_epoch_end(self, epoch, logs=None):
            self.times.append(sum(os.times()[:2]))

    (ours if variant == "train" else original)(network, count, epochs, Epochs())
    print(json.dumps([after - before for before, after in zip(Epochs.times, Epochs.times[1:], strict=False)]))


def main():
    """Measure every variant in turns, print and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4, help="per measurement; the first is not counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("NETWORK", "VARIANT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.images, options.epochs)
        return
    seconds = {network: {variant: [] for variant in VARIANTS} for network in LIMITS}
    for _ in range(options.rounds):
        for network, by_variant in seconds.items():
            for variant, found in by_variant.items():
                command = [sys.executable, __file__, "--measure", network, variant]
                command += ["--images", str(options.images), "--epochs", str(options.epochs)]
                clean = {name: value for name, value in os.environ.items() if name not in ALLOCATOR}
                environment = clean | VARIANTS[variant] | {"TF_CPP_MIN_LOG_LEVEL": "3"}
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
                found += json.loads(done.stdout.splitlines()[-1])
    medians = {n: {v: round(statistics.median(found), 3) for v, found in each.items()} for n, each in seconds.items()}
    for network, limits in LIMITS.items():
        for variant, limit in limits.items():
            ratio = medians[network]["train"] / medians[network][variant]
            print(f"{network}: train takes {ratio:.2f} of the processor time of {variant} (to reach: {limit})")
    sys.path.insert(0, str(ROOT))
    from involution_utils.records import RESULTS, provenance, save_json

    result = {"processor_seconds_per_epoch": medians, "images": options.images, "processor": provenance()["processor"]}
    save_json(result | {"command": "python benchmarks/bench_training.py"}, RESULTS / "benchmark_training.json")


if __name__ == "__main__":
    main()
