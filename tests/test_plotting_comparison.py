"""Figures of networks compared."""

import numpy as np
import pytest

from involution_utils import plotting


def test_trade_offs_put_each_operator_at_its_costs_and_its_mean():
    def runs(accuracies, **costs):
        fixed = {"epochs": 3, "train_images": 130, "batch_size": 64, "seconds_per_step": 2.0}
        return [fixed | costs | {"test_accuracy": accuracy} for accuracy in accuracies]

    first = runs([0.1, 0.3], trainable_parameters=10, multiply_adds=20, peak_memory_mib=30)
    second = runs([0.5, 0.7], trainable_parameters=40, multiply_adds=50, peak_memory_mib=60)
    table = {"width": {"one": first, "two": second}}
    figure = plotting.trade_offs(table, lambda a: (np.mean(a), min(a), max(a)))
    points = [[bar.lines[0].get_xydata()[0].tolist() for bar in axis.containers] for axis in figure.axes]
    expected = [(10, 40), (20, 50), (18, 18), (30, 60)]  # 3 epochs of 3 steps of 2 s
    assert points == [[[x, pytest.approx(0.2)], [other, pytest.approx(0.6)]] for x, other in expected]
