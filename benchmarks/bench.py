"""Speed and memory of involution beside the alternatives: prints a table, writes `results/benchmark.json`.

All times that are compared are taken in turns in one process; a ratio is that of the medians.
Run it with `make bench`, or with `--quick` for a smoke test that writes nothing.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
RESULTS = ROOT / "involution_utils" / "results" / "benchmark.json"
COMMAND = "make bench"

# (batch, height = width, channels, kernel, groups, stride)
SHAPES = [
    (256, 32, 3, 3, 1, 1),
    (8, 56, 64, 7, 4, 1),
    (8, 28, 128, 7, 8, 1),
    (32, 32, 32, 3, 4, 1),
    (8, 56, 64, 7, 4, 2),
    (8, 28, 128, 7, 8, 2),
]


def arrays(shape):
    """Inputs, kernels and upstream gradient for one of SHAPES, as NumPy arrays."""
    import numpy as np

    batch, size, channels, kernel, groups, stride = shape
    places = -(-size // stride)
    rng = np.random.default_rng(0)
    shapes = (
        (batch, size, size, channels),
        (batch, places, places, kernel, kernel, groups),
        (batch, places, places, channels),
    )
    return [rng.standard_normal(s, dtype="float32") for s in shapes]


def patches_involution(inputs, kernels, stride):
    """The original's arithmetic: every pixel's neighbourhood copied out, multiplied by the kernels, added up."""
    import tensorflow as tf

    _, rows, columns, size, _, groups = kernels.shape
    channels = inputs.shape[-1]
    window, step = [1, size, size, 1], [1, stride, stride, 1]
    neighbourhoods = tf.image.extract_patches(inputs, window, step, [1, 1, 1, 1], "SAME")
    split = tf.reshape(neighbourhoods, (-1, rows, columns, size * size, groups, channels // groups))
    weights = tf.reshape(kernels, (-1, rows, columns, size * size, groups, 1))
    return tf.reshape(tf.reduce_sum(split * weights, axis=3), (-1, rows, columns, channels))


def ours(inputs, kernels, stride):
    from involution_utils import involution

    return involution(inputs, kernels, strides=stride)


def forward_and_backward(involve, stride):
    """Return functions of (inputs, kernels) and (inputs, kernels, upstream), each a plain tf.function."""
    import tensorflow as tf

    @tf.function
    def forward(inputs, kernels):
        return involve(inputs, kernels, stride)

    @tf.function
    def both(inputs, kernels, upstream):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = involve(inputs, kernels, stride)
        return outputs, *tape.gradient(outputs, [inputs, kernels], upstream)

    return forward, both


def torch_forward_and_backward(shape, data):
    """PyTorch's `unfold` formulation on the same numbers, as functions without arguments; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    batch, size, channels, kernel, groups, stride = shape
    places = -(-size // stride)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    inputs = torch.from_numpy(data[0]).permute(0, 3, 1, 2).contiguous().requires_grad_()
    kernels = torch.from_numpy(data[1]).permute(0, 5, 3, 4, 1, 2).contiguous()
    kernels = kernels.reshape(batch, groups, 1, kernel * kernel, places, places).requires_grad_()
    upstream = torch.from_numpy(data[2]).permute(0, 3, 1, 2).contiguous()
    unfold = torch.nn.Unfold(kernel, padding=(kernel - 1) // 2, stride=stride)

    def involve():
        columns = unfold(inputs).view(batch, groups, channels // groups, kernel * kernel, places, places)
        return (columns * kernels).sum(3).view(batch, channels, places, places)

    def forward():
        with torch.no_grad():
            return involve()

    return forward, lambda: torch.autograd.grad(involve(), (inputs, kernels), upstream)


def medians(functions, repeats):
    """Median seconds of each function, called in turns of four.

    A turn's first call does not count: it pays for the caches and the memory that the function before it took.
    """
    for function in functions.values():
        function(), function()
    times = {name: [] for name in functions}
    for _ in range(-(-repeats // 3)):
        for name, function in functions.items():
            function()
            for _ in range(3):
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def bench_operation(shape, repeats):
    """All rows of one shape."""
    import numpy as np
    import tensorflow as tf

    stride, kernel = shape[-1], shape[3]
    data = arrays(shape)
    tensors = [tf.constant(array) for array in data]
    moved = sum(array.nbytes for array in data)
    large = tf.ones(1 << 25)  # 128 MB, far beyond the caches of most machines
    our_forward, our_both = forward_and_backward(ours, stride)
    patches_forward, patches_both = forward_and_backward(patches_involution, stride)
    from involution_utils import involution

    functions = {
        "ours, forward": lambda: our_forward(*tensors[:2]),
        "ours, eager forward": lambda: involution(*tensors[:2], strides=stride),
        "patches, forward": lambda: patches_forward(*tensors[:2]),
        "ours, both": lambda: our_both(*tensors),
        "patches, both": lambda: patches_both(*tensors),
        "copy": lambda: tf.raw_ops.Neg(x=large),  # reads and writes every byte once, on all cores
    }
    if torch_functions := torch_forward_and_backward(shape, data):
        functions |= {"torch, forward": torch_functions[0], "torch, both": torch_functions[1]}

    for ours_, theirs in zip(our_both(*tensors), patches_both(*tensors), strict=True):
        np.testing.assert_allclose(ours_, theirs, rtol=1e-3, atol=1e-3)
    seconds = medians(functions, repeats)

    bandwidth = 2 * large.numpy().nbytes / seconds["copy"]
    rows = [
        row("forward, times faster than patches", shape, seconds, "patches, forward", "ours, forward", 10),
        row("eager forward, times faster than patches", shape, seconds, "patches, forward", "ours, eager forward", 1),
        row("forward + backward, times faster than patches", shape, seconds, "patches, both", "ours, both", 6),
        {
            "what": "forward, times the time that its bytes take to copy",
            "shape": shape,
            "value": seconds["ours, forward"] / (moved / bandwidth),
            "target": 4 if kernel == 3 else 6,
            "better": "less",
            "seconds": {"ours, forward": seconds["ours, forward"], "copying": moved / bandwidth},
            "bandwidth_gb_per_s": bandwidth / 1e9,
        },
    ]
    if torch_functions:
        rows += [
            row("forward, times faster than PyTorch's unfold", shape, seconds, "torch, forward", "ours, forward", 4),
            row("forward + backward, times faster than unfold", shape, seconds, "torch, both", "ours, both", 4),
        ]
    return rows


def row(what, shape, seconds, theirs, ours_, target):
    return {
        "what": what,
        "shape": shape,
        "value": seconds[theirs] / seconds[ours_],
        "target": target,
        "better": "more",
        "seconds": {name: seconds[name] for name in (ours_, theirs)},
    }


def bench_memory(shape):
    """Peak memory beyond inputs and outputs, each formulation in a process of its own."""
    rows = []
    for what, mode, target in (("forward", "forward", 0.2), ("forward + backward", "both", 0.2)):
        peaks = {
            who: json.loads(in_new_process("peak", who, mode, json.dumps(shape)))["bytes"]
            for who in ("ours", "patches")
        }
        rows.append(
            {
                "what": f"{what}, peak extra memory as a share of that of patches",
                "shape": shape,
                "value": peaks["ours"] / peaks["patches"],
                "target": target,
                "better": "less",
                "bytes": peaks,
            }
        )
    return rows


def measure_peak(who, mode, shape):
    """The rise of this process's resident memory in the first call of the full batch, sampled by a thread.

    A call with one image comes before, so that the compiler is loaded; what it needs for the new shape counts. Later
    calls would show nothing: the process keeps what it once had.
    """
    import threading

    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays(shape)]
    function = forward_and_backward({"ours": ours, "patches": patches_involution}[who], shape[-1])[mode == "both"]
    arguments = tensors if mode == "both" else tensors[:2]
    for batch in (1, 2):
        function(*(tensor[:batch] for tensor in arguments))
    before, samples, done = resident(), [], threading.Event()

    def sample():
        while not done.is_set():
            samples.append(resident())
            time.sleep(1e-4)

    sampler = threading.Thread(target=sample)
    sampler.start()
    results = function(*arguments)
    done.set()
    sampler.join()
    results = sum(result.numpy().nbytes for result in tf.nest.flatten(results))
    return {"bytes": max([*samples, resident()]) - before - results, "results": results}


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure_first_call(mode, shape):
    """Seconds of the first call, of a second shape's first call, and of later ones of both."""
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays(shape)]
    forward, both = forward_and_backward(ours, shape[-1])
    function, tensors = (both, tensors) if mode == "both" else (forward, tensors[:2])
    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))  # XLA itself starts up

    def seconds(batch):
        start = time.perf_counter()
        function(*(tensor[:batch] for tensor in tensors))
        return time.perf_counter() - start

    batch = shape[0]
    return {
        "first call": seconds(batch),
        "smaller batch": seconds(batch - 1),
        "later calls": max(seconds(b) for b in (batch, batch - 1) * 3),
    }


def bench_first_call(shape):
    rows = []
    for what, mode in (("forward", "forward"), ("forward + backward", "both")):
        found = json.loads(in_new_process("first", mode, json.dumps(shape)))
        common = {"shape": shape, "better": "less", "seconds": found}
        rows += [
            {"what": f"{what}, seconds of the first call", "value": found["first call"], "target": 3, **common},
            {
                "what": f"{what}, later calls as a share of the first, two batch sizes in turn",
                "value": found["later calls"] / found["first call"],
                "target": 0.5,
                **common,
            },
        ]
    return rows


def in_new_process(*arguments):
    """Run one measurement of this file in a process of its own; return the last line it prints."""
    command = [sys.executable, __file__, "--measure", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def original_classifier():
    """The original experiment's network with the original layer's arithmetic, fixed to its sizes when built."""
    import keras
    import tensorflow as tf

    class PatchesInvolution(keras.layers.Layer):
        def build(self, shape):
            self.average = keras.layers.AveragePooling2D(1, padding="same")
            channels = shape[-1]
            self.generator = keras.Sequential(
                [
                    keras.Input(shape[1:]),
                    keras.layers.Conv2D(channels // 2, 1),
                    keras.layers.BatchNormalization(),
                    keras.layers.ReLU(),
                    keras.layers.Conv2D(9, 1),
                ]
            )
            self.places = shape[1:3]

        def call(self, inputs):
            rows, columns = self.places
            kernels = self.generator(self.average(inputs))
            kernels = tf.reshape(kernels, (-1, rows, columns, 3, 3, 1))
            return patches_involution(inputs, kernels, 1)

    layers = [keras.Input((32, 32, 3))]
    for number in (1, 2, 3):
        layers += [PatchesInvolution(), keras.layers.ReLU()]
        layers += [keras.layers.MaxPooling2D(2)] if number < 3 else []
    layers += [keras.layers.Flatten(), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    return keras.Sequential(layers)


def bench_training_steps(repeats):
    """One step of each classifier, batch 256: as `training.train` compiles it, and as Keras does by default."""
    import keras
    import numpy as np

    from involution_utils import conv_classifier, involution_classifier

    rng = np.random.default_rng(0)
    batch = rng.random((256, 32, 32, 3), dtype="float32"), rng.integers(0, 10, 256)
    batch = tuple(keras.ops.convert_to_tensor(part) for part in batch)

    def step(model, jit_compile):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit_compile)
        return lambda: model.train_on_batch(*batch)

    seconds = medians(
        {
            "involution_classifier": step(involution_classifier(), False),
            "original layer, Keras's default": step(original_classifier(), "auto"),
            "conv_classifier": step(conv_classifier(), False),
            "conv_classifier, Keras's default": step(conv_classifier(), "auto"),
            "involution_classifier, all by XLA": step(involution_classifier(), True),
            "conv_classifier, all by XLA": step(conv_classifier(), True),
        },
        repeats,
    )
    pairs = [
        (
            "training step, involution_classifier: times faster than the original",
            "original layer, Keras's default",
            "involution_classifier",
            4,
        ),
        (
            "training step, with jit_compile=True: times faster than the original",
            "original layer, Keras's default",
            "involution_classifier, all by XLA",
            1,
        ),
        (
            # Keras 3.15's default on a machine without a GPU is jit_compile=False: the very same program.
            "training step, conv_classifier: times faster than by default",
            "conv_classifier, Keras's default",
            "conv_classifier",
            1.4,
        ),
        (
            # What "auto" meant on a CPU in earlier versions of Keras 3.
            "training step, conv_classifier: times faster than with jit_compile=True",
            "conv_classifier, all by XLA",
            "conv_classifier",
            1.4,
        ),
    ]
    return [row(what, (256, 32, 3), seconds, theirs, ours_, target) for what, theirs, ours_, target in pairs]


def is_met(row):
    return row["value"] <= row["target"] if row["better"] == "less" else row["value"] >= row["target"]


def show(row):
    shape = "x".join(map(str, row["shape"]))
    sign = "<=" if row["better"] == "less" else ">="
    verdict = "met" if is_met(row) else "NOT MET"
    print(f"{row['what']:72} {shape:19} {row['value']:7.2f} {sign} {row['target']:<4} {verdict}", flush=True)


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def cpu_model():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two repetitions, two shapes; writes nothing")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)  # one measurement, in a process of its own
    options = parser.parse_args()
    if options.measure:
        kind, *arguments, shape = options.measure
        measure = {"peak": measure_peak, "first": measure_first_call}[kind]
        print(json.dumps(measure(*arguments, tuple(json.loads(shape)))))
        return

    repeats, shapes = (2, SHAPES[2:4]) if options.quick else (15, SHAPES)
    print(f"{'':72} {'shape':19} {'value':>7}    target", flush=True)
    print("shape: batch x height = width x channels x kernel x groups x stride")
    rows = []

    def add(new):
        rows.extend(new)
        for each in new:
            show(each)

    for shape in shapes:
        add(bench_operation(shape, repeats))
    add(bench_training_steps(repeats))
    for shape in shapes:
        if shape[3] == 7:
            add(bench_memory(shape))
            add(bench_first_call(shape))
    print(f"{sum(map(is_met, rows))} of {len(rows)} met")
    if not options.quick:
        record = {
            "command": COMMAND,
            "date": datetime.date.today().isoformat(),
            "cpu": cpu_model(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy", "torch")},
            "repeats": repeats,
            "shape": "batch, height = width, channels, kernel, groups, stride; float32",
            "rows": [{**rounded(each), "shape": list(each["shape"]), "met": is_met(each)} for each in rows],
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        print(f"written to results/{RESULTS.name}")


if __name__ == "__main__":
    main()
