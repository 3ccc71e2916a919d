"""The page with a rule written by hand, where the rule looks at something else than the brightness that is drawn."""

import numpy as np
import pytest

from involution_utils import ParameterError, microscope

GRAY = np.linspace(0, 1, 81, dtype="float32").reshape(9, 9)


def test_the_measure_decides_and_the_photograph_is_blurred():
    page = microscope.handwritten(GRAY, measure=1 - GRAY, measure_name="blueness")
    assert "where its blueness is above 0.47" in page.alt
    assert '"measureName": "blueness"' in page.html or '"measureName":"blueness"' in page.html


def test_a_measure_of_another_shape_is_refused():
    with pytest.raises(ParameterError, match=r"`measure` must be of the photograph's shape, \(9, 9\)"):
        microscope.handwritten(GRAY, measure=GRAY[:4])
