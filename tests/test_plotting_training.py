"""Figures of trainings."""

import numpy as np

from involution_utils import plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_confusion_shows_per_cent_of_the_true_class():
    counts = np.array([[8, 2], [5, 15]])
    (drawn,) = images_of(plotting.confusion({"a": counts}, ("cat", "dog")))[:1]
    np.testing.assert_allclose(drawn.get_array(), [[80, 20], [25, 75]])
