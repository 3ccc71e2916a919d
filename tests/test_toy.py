"""The toy tasks: targets against loops, and each operator's layer can express what it is said to."""

import numpy as np
import pytest

from involution_utils.checks import ParameterError
from involution_utils.experiments.toy import TASKS, ToyRun, apply_rule, copied_taps, draw, execute_toy, start


@pytest.mark.parametrize("task", TASKS)
def test_targets_are_those_of_a_loop(task):
    filters = np.random.default_rng(1).normal(size=(2, 3, 3))
    inputs, targets = draw(task, 2, np.random.default_rng(0), filters)
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


def test_rules_apply_to_images_of_any_size():
    rng = np.random.default_rng(2)
    inputs, filters = rng.normal(size=(1, 5, 7, 6)), rng.normal(size=(2, 3, 3))
    down, across = np.divmod(copied_taps(inputs)[0, 2, 3], 3)
    copied = apply_rule("copy_similar", inputs, filters)
    np.testing.assert_array_equal(copied[0, 2, 3], inputs[0, 1 + down, 2 + across])
    fixed, chosen = (apply_rule(task, inputs, filters) for task in ("fixed_filter", "chosen_filter"))
    positive = inputs[..., 0] > 0
    np.testing.assert_array_equal(chosen[positive], fixed[positive])
    assert not np.isclose(chosen[~positive], fixed[~positive]).any()


def test_a_runs_filters_are_its_first_numbers_and_differ_between_tasks_and_seeds():
    for number, task in enumerate(TASKS):
        rng, filters = start(task, 7)
        again = np.random.default_rng((7, number))
        np.testing.assert_array_equal(filters, again.normal(size=(2, 3, 3)) / 3)
        assert rng.random() == again.random()
    assert not np.allclose(start("fixed_filter", 0)[1], start("fixed_filter", 1)[1])


@pytest.mark.slow
def test_a_filter_chosen_by_the_center_is_learned_by_involution_alone():
    errors = {op: execute_toy(ToyRun(task="chosen_filter", operator=op, seed=50)) for op in ("depthwise", "involution")}
    assert errors["involution"]["relative_error"] < 0.01 < 0.5 < errors["depthwise"]["relative_error"]


def test_a_toy_run_judges_itself():
    with pytest.raises(ParameterError, match="`task` must be"):
        ToyRun(task="paint", operator="involution", seed=0)
