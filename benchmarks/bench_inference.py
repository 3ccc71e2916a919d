"""Time a trained network in Keras and in ONNX Runtime, side by side: part of `make bench`.

    python benchmarks/bench_inference.py [--quick]

One image and 256, the two runtimes in turn, median over the rounds of the wall time. Writes
involution_utils/results/inference.json, with the sizes of the files.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from involution_utils import export, load_pretrained, save_json
from involution_utils.models import PRETRAINED
from involution_utils.records import provenance

RESULTS = Path(__file__).resolve().parents[1] / "involution_utils" / "results" / "inference.json"
ASSETS = RESULTS.parents[1] / "assets"
BATCHES = (1, 256)


def compare(run_keras, run_onnx, rounds):
    """Return the median seconds of both, run in turn so that both meet the same machine."""
    run_keras(), run_onnx()
    seconds = ([], [])
    for _ in range(rounds):
        for run, found in zip((run_keras, run_onnx), seconds, strict=True):
            begin = time.perf_counter()
            run()
            found.append(time.perf_counter() - begin)
    return [statistics.median(found) for found in seconds]


def measure(name, rounds, folder):
    """Return the rows of one model, and the bytes of its files."""
    model = load_pretrained(name)
    path = export(model, folder / f"{name}.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, rows = session.get_inputs()[0].name, []
    for batch in BATCHES:
        images = np.random.default_rng(0).random((batch, 32, 32, 3), "float32")
        in_keras, in_onnx = compare(
            lambda images=images: model.predict_on_batch(images),
            lambda images=images: session.run(None, {given: images}),
            rounds,
        )
        row = {"model": name, "images": batch, "keras_ms": 1000 * in_keras, "onnx_ms": 1000 * in_onnx}
        rows.append({key: round(value, 3) if key.endswith("_ms") else value for key, value in row.items()})
        print(
            f"{name:24} {batch:4} images   Keras {1000 * in_keras:8.2f} ms   ONNX {1000 * in_onnx:8.2f} ms", flush=True
        )
    return rows, {"keras": (ASSETS / f"{name}.keras").stat().st_size, "onnx": path.stat().st_size}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="three rounds, and no file")
    quick = parser.parse_args().quick
    rows, sizes = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in PRETRAINED:
            found, sizes[name] = measure(name, 3 if quick else 31, Path(folder))
            rows += found
    if not quick:
        how = "wall time, median of 31 rounds of both in turn, with whatever else the machine did"
        record = {"rows": rows, "bytes": sizes, "time_measured": how}
        record |= {"onnxruntime": onnxruntime.__version__, **provenance()}
        save_json(record, RESULTS)


if __name__ == "__main__":
    main()
