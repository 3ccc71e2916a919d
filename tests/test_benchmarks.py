"""How the benchmarks measure, and that the records they left are whole."""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import involution_utils
from involution_utils import count_parameters, multiply_adds, small_rednet
from lab.experiments import OPERATORS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
timing, forms = map(importlib.import_module, ("timing", "forms"))
RESULTS = Path(involution_utils.__file__).parent / "results"


def test_medians_are_those_of_each_function_and_of_the_clock():
    now = [0.0]

    def lasts(seconds):
        return lambda: now.__setitem__(0, now[0] + seconds)

    assert timing.medians({"a": lasts(2), "b": lasts(3)}, 4, lambda: now[0]) == {"a": 2, "b": 3}
    assert timing.medians({"sleep": lambda: time.sleep(0.02)}, 3, time.process_time)["sleep"] < 0.01


def test_peak_of_tensors_counts_those_that_are_freed_again_and_the_buffers_of_xla():
    import tensorflow as tf

    mib = tf.ones((512, 512))

    def plain():
        return tf.reduce_sum(tf.sort(mib) + 1)

    compiled = tf.function(lambda: tf.reduce_sum(tf.sort(mib @ mib, axis=0) @ mib), jit_compile=True)
    for function in (plain, compiled):
        function()
        before = timing.peak_of_tensors(lambda: None)
        assert 2**20 <= timing.peak_of_tensors(function) - before < 2**23


def test_costs_are_there_for_every_operator_of_the_lab():
    record = json.loads((RESULTS / "costs.json").read_text())
    assert {"processor", "command", "date", "measured", "versions"} <= record.keys()
    assert [row["operator"] for row in record["rows"]] == list(OPERATORS)
    for row in record["rows"]:
        model = small_rednet(**OPERATORS[row["operator"]])
        assert (row["parameters"], row["multiply_adds"]) == (count_parameters(model), multiply_adds(model))
        times = [row[f"{name}_ms"] for name in ("train_step", "keras_1", "keras_256")]
        assert 0 < times[1] < times[2] < 10_000
        assert times[0] > 0
        assert row["onnx_1_ms"] is None or 0 < row["onnx_1_ms"] < row["onnx_256_ms"]
        assert min(row["train_memory_mib"], row["compile_memory_mib"]) > 1
    memory = {row["operator"]: row["train_memory_mib"] for row in record["rows"]}
    assert memory["involution"] <= 1.5 * memory["depthwise"]


def test_the_benchmark_holds_what_is_promised_of_the_operation():
    rows = json.loads((RESULTS / "benchmark.json").read_text())["rows"]
    faster = "forward + backward, times faster than patches"
    by_rank = [sum(row["what"] == prefix + faster for row in rows) for prefix in ("", "1-D, ", "3-D, ")]
    assert by_rank == [6, 1, 1]
    for row in rows:
        assert row["met"] == (
            row["value"] <= row["target"] if row["better"] == "less" else row["value"] >= row["target"]
        )
        if row["what"].endswith(faster):
            assert row["value"] >= 10
        if row["what"].startswith("120 different heights"):
            assert row["value"] <= 3


def test_an_earlier_checkout_stands_beside_this_one():
    # In a process of its own: a second copy of the layers takes their names in Keras's registry.
    code = f"""
import sys
sys.path[:0] = [{str(ROOT / "benchmarks")!r}, {str(ROOT)!r}]
import forms
import involution_utils
def ours():
    return {{name: module for name, module in sys.modules.items() if name.startswith("involution_utils")}}
before = ours()
other = forms.of_another_checkout({str(ROOT)!r})
assert ours() == before and other is not involution_utils.involution
inputs, kernels, _ = forms.arrays((2, 5, 4, 3, 2, 2))
assert (other(inputs, kernels, 2).numpy() == forms.ours(inputs, kernels, 2).numpy()).all()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_patches_are_the_same_operation(rank):
    inputs, kernels, _ = forms.arrays((2, 6, 4, 3, 2, 2), rank)
    found = forms.patches_involution(inputs, kernels, 2)
    assert abs(found - forms.ours(inputs, kernels, 2)).numpy().max() < 1e-5
