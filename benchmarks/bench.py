"""Speed and memory of involution beside the alternatives: prints a table, writes `results/benchmark.json`.

All times that are compared are taken in turns in one process; a ratio is that of the medians of processor time.
Run it with `make bench`, or with `--quick` for a smoke test that writes nothing. `--before FOLDER`, the root of an
earlier checkout, compares with the operation of that one, too.
"""

import argparse
import functools
import json
import statistics
import time
from pathlib import Path

from forms import (
    OTHER_RANKS,
    SHAPES,
    arrays,
    forward_and_backward,
    of_another_checkout,
    original_classifier,
    ours,
    patches_involution,
    torch_forward_and_backward,
)
from timing import RESULTS, cores, in_new_process, medians, peak_of_tensors, rounded

MEASURED = (
    "processor time, user and system, of one call, median of {repeats} in turns with what it is compared with, on "
    "{cores} core(s); memory: peak of all tensors, as TensorFlow's allocator counts, beyond inputs and results"
)
CLOCK = time.process_time


def bench_operation(shape, repeats, rank=2):
    """All rows of one shape."""
    import numpy as np
    import tensorflow as tf

    from involution_utils import involution

    stride, kernel = shape[-1], shape[3]
    data = arrays(shape, rank)
    tensors = [tf.constant(array) for array in data]
    moved = sum(array.nbytes for array in data)
    large = tf.ones(1 << 25)  # 128 MB, far beyond the caches of most machines
    our_forward, our_both = forward_and_backward(ours, stride)
    patches_forward, patches_both = forward_and_backward(patches_involution, stride)
    functions = {
        "ours, forward": lambda: our_forward(*tensors[:2]),
        "ours, eager forward": lambda: involution(*tensors[:2], strides=stride),
        "patches, forward": lambda: patches_forward(*tensors[:2]),
        "ours, both": lambda: our_both(*tensors),
        "patches, both": lambda: patches_both(*tensors),
        "copy": lambda: tf.raw_ops.Neg(x=large),  # reads and writes every byte once
    }
    if rank == 2 and (torch_functions := torch_forward_and_backward(shape, data)):
        functions |= {"torch, forward": torch_functions[0], "torch, both": torch_functions[1]}
    for ours_, theirs in zip(our_both(*tensors), patches_both(*tensors), strict=True):
        np.testing.assert_allclose(ours_, theirs, rtol=1e-3, atol=1e-3)
    seconds = medians(functions, repeats, CLOCK)

    axes = "" if rank == 2 else f"{rank}-D, "
    rows = []
    for what, name in (("forward", "forward"), ("forward + backward", "both")):
        rows.append(
            row(f"{axes}{what}, times faster than patches", shape, seconds, f"patches, {name}", f"ours, {name}", 10)
        )
        if f"torch, {name}" in seconds:
            rows.append(
                row(f"{what}, times faster than PyTorch's unfold", shape, seconds, f"torch, {name}", f"ours, {name}", 4)
            )
    if rank != 2:
        return rows
    bandwidth = 2 * large.numpy().nbytes / seconds["copy"]
    copying = {"ours, forward": seconds["ours, forward"], "copying": moved / bandwidth}
    return [
        *rows,
        row("eager forward, times faster than patches", shape, seconds, "patches, forward", "ours, eager forward", 1),
        less(
            "forward, times the time that its bytes take to copy",
            shape,
            copying["ours, forward"] / copying["copying"],
            4 if kernel == 3 else 6,
            seconds=copying,
            bandwidth_gb_per_s=bandwidth / 1e9,
        ),
    ]


def measure_before(folder, shapes):
    """Seconds of the operation and of that of an earlier checkout, the two alone in turn."""
    import tensorflow as tf

    both, found = {"ours": ours, "before": of_another_checkout(folder)}, []
    for shape in shapes:
        tensors = [tf.constant(array) for array in arrays(shape)]
        for number in (0, 1):  # forward; forward and backward
            functions = {
                who: functools.partial(forward_and_backward(involve, shape[-1])[number], *tensors[: 2 + number])
                for who, involve in both.items()
            }
            found.append(medians(functions, 30, CLOCK))
    return found


def bench_before(shapes, folder, processes=5):
    """The share of the time before; where a process happens to put its tensors changes it, so take several."""
    found = [in_new_process(__file__, "before", folder, json.dumps(shapes)) for _ in range(processes)]
    rows = []
    for number, measured in enumerate(zip(*found, strict=True)):
        what, shape = ("forward", "forward + backward")[number % 2], shapes[number // 2]
        share = statistics.median(each["ours"] / each["before"] for each in measured)
        seconds = {who: statistics.median(each[who] for each in measured) for who in ("ours", "before")}
        rows.append(less(f"{what}, share of the time before", shape, share, 1.05, seconds=seconds))
    return rows


def row(what, shape, seconds, theirs, ours_, target):
    """How many times faster one is than the other: more is better."""
    found = {name: seconds[name] for name in (ours_, theirs)}
    value = seconds[theirs] / seconds[ours_]
    return {"what": what, "shape": shape, "value": value, "target": target, "better": "more", "seconds": found}


def less(what, shape, value, target, **more):
    """A value of which less is better."""
    return {"what": what, "shape": shape, "value": value, "target": target, "better": "less", **more}


def bench_memory(shape):
    """Peak memory of tensors beyond inputs and results."""
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays(shape)]
    both = {"ours": ours, "patches": patches_involution}
    rows = []
    for number, what in enumerate(("forward", "forward + backward")):
        peaks = {}
        for who, involve in both.items():
            function, arguments = forward_and_backward(involve, shape[-1])[number], tensors[: 2 + number]
            results = tf.nest.flatten(function(*arguments))  # compiles
            results = sum(result.numpy().nbytes for result in results)
            before = peak_of_tensors(lambda: None)
            peaks[who] = peak_of_tensors(lambda f=function, a=arguments: f(*a)) - before - results
        share = peaks["ours"] / peaks["patches"]
        rows.append(less(f"{what}, peak extra memory as a share of that of patches", shape, share, 0.2, bytes=peaks))
    return rows


def measure_first_call(mode, shape):
    """Seconds of the first call, of a second shape's first call, and of later ones of both."""
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays(shape)]
    forward, both = forward_and_backward(ours, shape[-1])
    function, tensors = (both, tensors) if mode == "both" else (forward, tensors[:2])
    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))  # XLA itself starts up

    def seconds(batch):
        start = CLOCK()
        function(*(tensor[:batch] for tensor in tensors))
        return CLOCK() - start

    batch = shape[0]
    return {
        "first call": seconds(batch),
        "smaller batch": seconds(batch - 1),
        "later calls": max(seconds(b) for b in (batch, batch - 1) * 3),
    }


def bench_first_call(shape):
    """Compilation: what a first call costs, and that two batch sizes in turn do not compile anew."""
    rows = []
    for what, mode in (("forward", "forward"), ("forward + backward", "both")):
        found = in_new_process(__file__, "first", mode, json.dumps(shape))
        share = found["later calls"] / found["first call"]
        again = f"{what}, later calls as a share of the first, two batch sizes in turn"
        rows += [
            less(f"{what}, seconds of the first call", shape, found["first call"], 3, seconds=found),
            less(again, shape, share, 0.5, seconds=found),
        ]
    return rows


def measure_heights(who, shape):
    """Seconds of the first calls for 120 heights of images, by the operation or by one graph for any size."""
    import tensorflow as tf

    from involution_utils.ops import involution, plain_operations

    inputs, kernels, _ = (tf.constant(array) for array in arrays(shape))

    def plain(x, k):
        with plain_operations():
            return involution(x, k)

    specs = [tf.TensorSpec([shape[0], None, *x.shape[2:]]) for x in (inputs, kernels)]
    function = involution if who == "ours" else tf.function(plain, input_signature=specs)
    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))  # XLA itself starts up
    start = CLOCK()
    for height in range(shape[1] - 119, shape[1] + 1):
        function(inputs[:, :height], kernels[:, :height])
    return CLOCK() - start


def bench_heights(shape=(4, 160, 32, 3, 4, 1)):
    """Many sizes: the number of compiled programs is bounded, and so is the time."""
    found = {who: in_new_process(__file__, "heights", who, json.dumps(shape)) for who in ("ours", "a plain graph")}
    value = found["ours"] / found["a plain graph"]
    return [less("120 different heights, times the time of a plain graph", shape, value, 3, seconds=found)]


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
        CLOCK,
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two repetitions, two shapes; writes nothing")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="root of an earlier checkout, to compare with")
    parser.add_argument("--repeats", type=int, default=15, help="calls that are counted")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)  # one measurement, in a process of its own
    options = parser.parse_args()

    import involution_utils  # noqa: F401  # quietens TensorFlow's log

    if options.measure:
        kind, argument, shape = options.measure
        measure = {"first": measure_first_call, "heights": measure_heights, "before": measure_before}[kind]
        print(json.dumps(measure(argument, tuple(json.loads(shape)))))
        return

    repeats, shapes = (2, SHAPES[2:4]) if options.quick else (options.repeats, SHAPES)
    print(f"{'':72} {'shape':19} {'value':>7}    target", flush=True)
    print("shape: batch x height = width x channels x kernel x groups x stride")
    rows = []

    def add(new):
        rows.extend(new)
        for each in new:
            show(each)

    for shape in shapes:
        add(bench_operation(shape, repeats))
    if options.before:
        add(bench_before(shapes, str(options.before.resolve())))
    for rank, shape in OTHER_RANKS:
        add(bench_operation(shape, repeats, rank=rank))
    for shape in shapes:
        if shape[3] == 7:
            add(bench_memory(shape))
    add(bench_heights())
    add(bench_training_steps(repeats))
    for shape in shapes:
        if shape[3] == 7:
            add(bench_first_call(shape))
    print(f"{sum(map(is_met, rows))} of {len(rows)} met")
    if not options.quick:
        from involution_utils.records import provenance, save_json

        record = {
            "command": "make bench",
            "measured": MEASURED.format(repeats=repeats, cores=cores()),
            "shape": "batch, size of every spatial axis, channels, kernel, groups, stride; float32",
            "rows": [{**rounded(each), "shape": list(each["shape"]), "met": is_met(each)} for each in rows],
            **provenance(),
        }
        save_json(record, RESULTS / "benchmark.json")
        print("written to results/benchmark.json")


if __name__ == "__main__":
    main()
