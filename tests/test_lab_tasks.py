"""The lab's toy tasks and labels: targets and scores against loops, and networks that are what they are said to be."""

import keras
import numpy as np
import pytest

from involution_utils.checks import ParameterError
from involution_utils.records import read_rows
from lab import labels, toys


@pytest.mark.parametrize("task", toys.TASKS)
def test_targets_are_those_of_a_loop(task):
    filters = np.random.default_rng(1).normal(size=(2, 3, 3))
    inputs, targets = toys.draw(task, 2, np.random.default_rng(0), filters)
    x = np.pad(inputs.astype(float), [(0, 0), (1, 1), (1, 1), (0, 0)])
    for n, i, j in [(0, 0, 0), (0, 5, 7), (1, 11, 4), (1, 3, 11)]:
        window, center = x[n, i : i + 3, j : j + 3], inputs[n, i, j]
        if task == "copy_similar":
            near = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
            near = [(i + a, j + b) for a, b in near if 0 <= i + a < 12 and 0 <= j + b < 12]
            expected = inputs[n][max(near, key=lambda p: inputs[n][p][:4] @ center[:4])]
        else:
            chosen = filters[1] if task == "chosen_filter" and center[0] < 0 else filters[0]
            expected = np.einsum("uvc,uv->c", window, chosen)
        np.testing.assert_allclose(targets[n, i, j], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["two heads", "two heads, no positions"])
def test_two_heads_are_kerass_own_attention_over_the_window(name):
    model = toys.build(name)
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.shape[-1]).normal(size=weight.shape) / 2)
    x = np.random.default_rng(0).normal(size=(2, 12, 12, 8)).astype("float32")
    generators = [layer.kernel_generator for layer in model.layers if hasattr(layer, "kernel_generator")]
    value = [layer.kernel.numpy() for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    *values, output = value
    heads, place = [], np.stack(np.meshgrid(range(12), range(12), indexing="ij"), -1).reshape(-1, 2)
    step = place[None] - place[:, None]  # (from, to, 2)
    inside = (np.abs(step) <= 1).all(-1)
    flat = x.reshape(2, 144, 8)
    for generator, mix in zip(generators, values, strict=True):
        query, key = (flat @ layer.kernel.numpy().reshape(8, 8) for layer in (generator.query, generator.key))
        scores = np.einsum("nqc,nkc->nqk", query, key) / 8**0.5
        if name == "two heads":
            scores += generator.position_bias.numpy()[..., 0][tuple(np.clip(step, -1, 1).transpose(2, 0, 1) + 1)]
        weights = np.where(inside, np.exp(scores), 0)
        heads.append(weights / weights.sum(-1, keepdims=True) @ (flat @ mix))
    expected = np.concatenate(heads, -1) @ output
    np.testing.assert_allclose(model(x).numpy().reshape(2, 144, 8), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.long
def test_a_run_of_the_table_comes_out_again():
    """Processors round differently, so the error need not be the same to the last digit."""
    (row,) = [r for r in read_rows("toy") if (r["task"], r["name"], r["seed"]) == ("chosen_filter", "depthwise", 0)]
    found, _ = toys.ToyRun(experiment="toy", task=row["task"], name=row["name"]).execute(None, None)
    assert found["relative_error"] == pytest.approx(row["relative_error"], rel=0.02)
    assert found["trainable_parameters"] == row["trainable_parameters"]


def test_scores_are_those_of_loops():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.integers(0, 3, (2, 4, 5)), 3, axis=1), 3, axis=2)
    found = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 4, truth.shape))
    both, either, right = np.zeros(7), np.zeros(7), []
    for n, i, j in np.ndindex(truth.shape):
        a, b = truth[n, i, j], found[n, i, j]
        both[a] += a == b
        either[a] += 1
        either[b] += a != b
        near = truth[n, max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        if (near != a).any():
            right.append(a == b)
    iou = np.mean(both[either > 0] / either[either > 0])
    np.testing.assert_allclose(labels.scores(truth, found), (iou, np.mean(right)), atol=1e-6)


def test_the_labels_operators_differ_in_their_kernels_alone():
    count = {operator: labels.build(operator).count_params() for operator in labels.LABEL_OPERATORS}
    rest, hidden = count["depthwise"] - 3 * 24 * (25 + 1), 24 // 4
    assert count["convolution"] == rest + 3 * (24 * 24 * 25 + 24)
    for operator, groups in (("involution", 3), ("involution per channel", 24)):
        span = hidden * 25 * groups + 25 * groups
        assert count[operator] == rest + 3 * (24 * hidden + 5 * hidden + span), operator


def test_runs_judge_themselves():
    with pytest.raises(ParameterError, match="`name` must be"):
        labels.LabelRun(experiment="x", name="attention", learning_rate=0.01)
    with pytest.raises(ParameterError, match="`task` must be"):
        toys.ToyRun(experiment="x", task="paint", name="involution")
