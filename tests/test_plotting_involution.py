"""Figures of notebook 02."""

import numpy as np

from involution_utils import plotting


def test_rows_of_kernels_stand_on_one_scale_under_the_columns_of_the_first():
    rows = {"written": {"a": np.zeros((3, 3)), "b": np.ones((3, 3))}, "found": {"a": np.eye(3), "b": np.eye(3)}}
    *axes, _ = plotting.kernel_rows(rows, limit=0.5).axes
    assert [axis.get_title() for axis in axes] == ["a", "b", "", ""]
    assert [axis.get_ylabel() for axis in axes] == ["written", "", "found", ""]
    images = [image for axis in axes for image in axis.get_images()]
    assert [image.get_clim() for image in images] == [(-0.5, 0.5)] * 4
    assert (images[2].get_array() == np.eye(3)).all()
