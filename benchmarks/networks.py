"""What whole networks cost: each operator of the lab in a small RedNet, and the trained networks of the package."""

import functools
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import onnxruntime

from benchmarks.timing import in_new_process, medians, peak_of_tensors, resident, side_by_side
from involution_utils import count_parameters, export, involution, load_pretrained, multiply_adds, small_rednet
from involution_utils.exporting import ExportError
from involution_utils.models import PRETRAINED
from involution_utils.training import compile_model
from lab.experiments import OPERATORS

BATCH, INFERENCE = 64, (1, 256)


def images(count):
    """Return noise and labels: time does not depend on what images show."""
    rng = np.random.default_rng(0)
    return rng.random((count, 32, 32, 3), "float32"), rng.integers(0, 10, count)


def training_step(model, count=BATCH):
    """Compile `model` as `train` does; return one step as a function."""
    if not model.compiled:
        compile_model(model)
    batch = [keras.ops.convert_to_tensor(part) for part in images(count)]
    return lambda: model.train_on_batch(*batch)


def inferences(model):
    """Return inference in Keras and in ONNX Runtime, by column; in Keras alone where the export fails."""
    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting would count as work
    found = {f"keras_{n}_ms": functools.partial(model.predict_on_batch, images(n)[0]) for n in INFERENCE}
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = export(model, Path(folder) / "network.onnx")
            session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    except ExportError as problem:
        print(problem)
        return found
    name = session.get_inputs()[0].name
    return found | {f"onnx_{n}_ms": functools.partial(session.run, None, {name: images(n)[0]}) for n in INFERENCE}


def memory(operator):
    """Return MiB of a training step's tensors, and of what the first step leaves in this fresh process."""
    other = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(10, 3), keras.layers.BatchNormalization()])
    other.add(keras.layers.GlobalAveragePooling2D())
    training_step(other, 1)()  # what TensorFlow loads for any network
    keras.ops.convert_to_numpy(involution(np.ones((1, 4, 1), "f"), np.ones((1, 4, 3, 1), "f")))  # XLA
    model = small_rednet(**OPERATORS[operator])
    one, step = training_step(model, 1), training_step(model)
    start = resident()
    one()
    compiled = resident() - start
    step(), step()
    return {"train_memory_mib": peak_of_tensors(step) / 2**20, "compile_memory_mib": compiled / 2**20}


def costs(quick):
    """Yield the costs of each operator of the lab: numbers of the network, times in turns, memory."""
    names, rounds = (["static", "involution"], 1) if quick else (list(OPERATORS), 12)
    models = {name: small_rednet(**OPERATORS[name]) for name in names}
    calls = {name: {"train_step_ms": training_step(model)} | inferences(model) for name, model in models.items()}
    columns = calls[names[0]]
    taken = {}
    for column in columns:
        able = {name: calls[name][column] for name in names if column in calls[name]}
        taken[column] = medians(side_by_side(able, rounds))
    for name, model in models.items():
        counts = {"operator": name, "parameters": count_parameters(model), "multiply_adds": multiply_adds(model)}
        times = {column: 1000 * taken[column][name] if name in taken[column] else None for column in columns}
        yield counts | times | in_new_process(memory, name)


def inference(quick):
    """Yield the wall time of the trained networks in Keras and in ONNX Runtime."""
    for name in PRETRAINED:
        seconds = medians(side_by_side(inferences(load_pretrained(name)), 1 if quick else 15, time.perf_counter))
        for n in INFERENCE:
            times = {f"{runtime}_ms": 1000 * seconds[f"{runtime}_{n}_ms"] for runtime in ("keras", "onnx")}
            yield {"model": name, "images": n} | times
