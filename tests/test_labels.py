"""The labels of every pixel: scores against loops, and networks that take any size."""

import numpy as np
import pytest

from involution_utils.checks import ParameterError
from involution_utils.experiments.labels import OPERATORS, LabelRun, build, scores


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
    np.testing.assert_allclose(scores(truth, found), (iou, np.mean(right)), atol=1e-6)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_network_labels_images_of_any_size(operator):
    model = build(operator)
    assert model.compute_output_shape((2, 20, 36, 3)) == (2, 20, 36, 7)
    assert np.isfinite(model(np.zeros((1, 11, 6, 3), "float32"))).all()


def test_the_operators_differ_in_their_kernels_alone():
    count = {operator: build(operator).count_params() for operator in OPERATORS}
    rest = build("depthwise").count_params() - 3 * 24 * (25 + 1)
    hidden = 24 // 4
    assert count["convolution"] == rest + 3 * (24 * 24 * 25 + 24)
    for operator, groups in (("involution", 3), ("involution per channel", 24)):
        span = hidden * 25 * groups + 25 * groups
        assert count[operator] == rest + 3 * (24 * hidden + 5 * hidden + span), operator


def test_a_run_judges_itself():
    with pytest.raises(ParameterError, match="`operator` must be"):
        LabelRun(operator="attention", seed=0)
