"""How the benchmarks measure, and that what they compare is the same operation."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from loops import EVERY_RANK

from benchmarks import forms, timing
from involution_utils import count_parameters, involution, load_results, multiply_adds, small_rednet
from lab.experiments import OPERATORS

ROOT = Path(__file__).resolve().parent.parent


def test_a_ratio_is_the_median_over_the_rounds_of_what_took_turns():
    now = [0.0]

    def lasts(seconds):
        return lambda: now.__setitem__(0, now[0] + seconds)

    found = timing.side_by_side({"a": lasts(2), "b": lasts(3)}, 4, lambda: now[0])
    assert found == {"a": [2] * 4, "b": [3] * 4}
    assert timing.medians(found) == {"a": 2, "b": 3}
    assert timing.ratio({"a": [1, 4, 30], "b": [2, 4, 5]}, "a", "b") == 1
    assert timing.side_by_side({"sleep": lambda: time.sleep(0.02)}, 1)["sleep"][0] < 0.01


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


@pytest.mark.long
def test_costs_are_those_of_every_operator_of_the_lab():
    table = load_results("costs").set_index("operator")
    assert list(table.index) == list(OPERATORS)
    for name, arguments in OPERATORS.items():
        model = small_rednet(**arguments)
        assert tuple(table.loc[name, ["parameters", "multiply_adds"]]) == (
            count_parameters(model),
            multiply_adds(model),
        )


@EVERY_RANK
def test_patches_are_the_same_operation(rank):
    inputs, kernels, _ = forms.tensors((2, 6, 4, 3, 2, 2), rank)
    assert abs(forms.by_patches(inputs, kernels, 2) - involution(inputs, kernels, 2)).numpy().max() < 1e-5


@pytest.mark.long
def test_every_table_can_be_made_beside_an_earlier_checkout_too():
    command = [sys.executable, "-m", "benchmarks", "--quick", "--before", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {"benchmark", "two_by_two", "costs", "inference"}
