"""The texts that stand beside figures."""

import numpy as np
import pytest

from involution_utils import ParameterError, plotting


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([1.0, 2.0], [1.0, 2.0], "largest difference: 0"),
        ([1.0], [1.0 + 4e-7], "largest difference: below 1e-06"),
        ([0.0], [-30.0], "largest difference: below 1e+02"),
        ([0.0, 1.0], [0.0, 1.5], "largest difference: below 1e+00"),
    ],
)
def test_difference_names_a_power_of_ten_that_is_never_too_small(one, other, words):
    assert plotting.difference(np.array(one), np.array(other)).data == words


def test_difference_refuses_arrays_of_different_shapes():
    with pytest.raises(ParameterError, match=r"shape.*\(2,\).*\(2, 1\)"):
        plotting.difference(np.zeros(2), np.zeros((2, 1)))


def test_table_formats_numbers_for_readers():
    lines = plotting.table("a | b | c", [[12345, 0.123456, True]]).data.splitlines()
    assert lines == ["| a | b | c |", "| --- | --- | --- |", "| 12,345 | 0.123 | yes |"]


def test_table_refuses_a_row_that_does_not_fit():
    with pytest.raises(ParameterError, match="`rows` must be lists of 2 values"):
        plotting.table("a | b", [[1, 2, 3]])


def test_a_folded_table_opens_from_its_line():
    text = plotting.table("a | b", [[1, 2]], folded="All numbers").data
    assert text.startswith("<details><summary>All numbers</summary>\n\n| a | b |")
    assert text.endswith("\n\n</details>")
