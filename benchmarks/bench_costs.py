"""What each operator of the lab costs in a small RedNet, side by side: part of `make bench`.

    python benchmarks/bench_costs.py [--quick]

Parameters and multiply-adds, a training step, inference in Keras and in ONNX Runtime, memory. Writes
involution_utils/results/costs.json, which notebook 07 shows.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from timing import RESULTS, cores, in_new_process, medians, peak_of_tensors, resident, rounded

import involution_utils
from involution_utils import count_parameters, export, multiply_adds, small_rednet
from involution_utils.exporting import ExportError
from involution_utils.records import provenance, save_json
from involution_utils.training import compile_model
from lab.experiments import OPERATORS

import keras  # isort: skip  # after the package, which quietens TensorFlow's log
import numpy as np  # isort: skip

BATCH, BATCHES = 64, (1, 256)
MEASURED = (
    "times: processor time, user and system, of one call, median of {rounds} calls of all operators in turn, "
    "on {cores} core(s); a training step has 64 images. Memory, each operator in a process of its own: "
    "train_memory_mib is the peak of all tensors in a later step, weights and optimizer included, as TensorFlow's "
    "allocator counts; compile_memory_mib is what the process grew by in its first step, of one image"
)


def images(count):
    """Return noise: time does not depend on what images show."""
    rng = np.random.default_rng(0)
    return rng.random((count, 32, 32, 3), "float32"), rng.integers(0, 10, count)


def training_step(model, count=BATCH):
    """Compile `model` as `train` does; return one step as a function."""
    if not model.compiled:
        compile_model(model)
    batch = [keras.ops.convert_to_tensor(part) for part in images(count)]
    return lambda: model.train_on_batch(*batch)


def inferences(model, folder):
    """Return functions by the names of their columns; None where the network cannot be exported."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cores()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting would count as work
    try:
        path = export(model, Path(folder) / "network.onnx")
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
    except ExportError as problem:
        print(problem)
        session = None
    found = {}
    for count in BATCHES:
        x, _ = images(count)
        found[f"keras_{count}_ms"] = lambda x=x: model.predict_on_batch(x)
        found[f"onnx_{count}_ms"] = session and (lambda x=x: session.run(None, {name: x}))
    return found


def measure_times(names, rounds):
    """Return, by operator, the milliseconds of each column that is a time."""
    functions, found = {}, {name: {} for name in names}
    for name in names:
        model = small_rednet(**OPERATORS[name])
        functions[name, "train_step_ms"] = training_step(model)
        with tempfile.TemporaryDirectory() as folder:
            functions |= {(name, column): each for column, each in inferences(model, folder).items()}
    for column in dict.fromkeys(column for _, column in functions):
        able = {name: functions[name, column] for name in names if functions[name, column]}
        seconds = medians(able, rounds, time.process_time)
        for name in names:
            found[name][column] = 1000 * seconds[name] if name in able else None
        print(column, {name: round(1000 * value, 2) for name, value in seconds.items()}, flush=True)
    return found


def measure_memory(name):
    """Return MiB of a training step's tensors, and of what the first step leaves in this fresh process."""
    first = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(10, 3), keras.layers.BatchNormalization()])
    first.add(keras.layers.GlobalAveragePooling2D())
    training_step(first, 1)()  # what TensorFlow loads for any network
    keras.ops.convert_to_numpy(involution_utils.involution(np.ones((1, 4, 1), "f"), np.ones((1, 4, 3, 1), "f")))  # XLA
    model = small_rednet(**OPERATORS[name])
    one, step = training_step(model, 1), training_step(model)
    before = resident()
    one()
    compiled = resident() - before
    step(), step()
    return {
        "train_memory_mib": round(peak_of_tensors(step) / 2**20, 1),
        "compile_memory_mib": round(compiled / 2**20, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="two operators, three rounds, and no file")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # the memory of one operator, in a process of its own
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_memory(options.measure)))
        return
    names, rounds = (["static", "involution"], 3) if options.quick else (list(OPERATORS), 12)
    times = measure_times(names, rounds)
    rows = []
    for name in names:
        model = small_rednet(**OPERATORS[name])
        counts = {"parameters": count_parameters(model), "multiply_adds": multiply_adds(model)}
        row = {"operator": name, **counts, **rounded(times[name]), **in_new_process(__file__, name)}
        rows.append(row)
        print(row, flush=True)
    if not options.quick:
        how = MEASURED.format(rounds=rounds, cores=cores())
        save_json({"rows": rows, "measured": how, "command": "make bench", **provenance()}, RESULTS / "costs.json")


if __name__ == "__main__":
    main()
