"""Figures of trainings."""

import numpy as np
import pytest

from involution_utils import plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_confusion_shows_errors_in_per_cent_of_the_true_class_and_masks_what_is_right():
    counts = np.array([[8, 2], [5, 15]])
    figure = plotting.confusion({"a": counts}, ("cat", "dog"))
    (drawn,) = images_of(figure)[:1]
    np.testing.assert_allclose(drawn.get_array().filled(-1), [[-1, 20], [25, -1]])
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["20", "25", "75", "80"]


def test_draws_shows_every_run_and_writes_those_beyond_the_panel_at_its_edge():
    rows = {"ours": [0.44, 0.45, 0.1], "published": [0.472], "this page": [0.99]}
    figure = plotting.draws({"CNN": ({"ours": [0.7]}, (0.69, 0.71)), "INN": (rows, (0.41, 0.48))}, "accuracy")
    first, second = figure.axes
    assert [text.get_text() for text in second.texts] == ["← 0.100", "0.010 apart", "0.990 →"]
    assert list(first.texts) == []
    assert second.get_title() == "INN, band 0.410 to 0.480"
    assert [float(line.get_xdata()[0]) for line in second.lines] == [0.44, 0.45, 0.472]
    assert np.ptp(first.get_xlim()) == pytest.approx(np.ptp(second.get_xlim()))


def test_curves_name_each_model_beside_its_test_curve():
    history = {"loss": [3, 2], "val_loss": [3, 2.5], "accuracy": [0.1, 0.4], "val_accuracy": [0.1, 0.3]}
    axes = plotting.curves({"A": history, "B": history | {"val_loss": [3, 1]}}).axes
    assert [(text.get_text(), text.xy) for text in axes[0].texts] == [("A", (2, 2.5)), ("B", (2, 1))]


def test_stages_scale_each_picture_to_its_largest_value_which_is_written_above():
    dim, black = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    dim[0, 1, 2] = 0.25
    figure = plotting.stages({"alive": {"image": dim * 4, "behind": dim}, "dead": {"image": dim, "behind": black}})
    assert [axis.get_title() for axis in figure.axes[1::2]] == ["behind\nlargest 0.25", "behind\nlargest 0.00"]
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["alive", "dead"]
    np.testing.assert_array_equal(images_of(figure)[1].get_array(), dim * 4)
    np.testing.assert_array_equal(images_of(figure)[3].get_array(), black)
