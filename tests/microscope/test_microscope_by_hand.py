"""The arithmetic of the smaller pages, under Node, against SciPy and the package."""

import json

import numpy as np
import pytest
import scipy.ndimage

import involution_utils as iu
from involution_utils import microscope
from involution_utils.microscope import by_hand

close = np.testing.assert_allclose


@pytest.mark.parametrize("operator", ["blur", "sharpen", "edges"])
def test_a_convolution_of_the_photograph(operator, tmp_path, run_page):
    page = microscope.convolution().save(tmp_path / "page.html")
    kernel = np.array(json.loads(json.dumps(run_page(page, ["DATA.kernels"], scripts=3)[0]))[operator])
    found = run_page(page, [f"applied({kernel.ravel().tolist()}, 3, false)", "PHOTO"], scripts=3)
    photo = np.reshape(found[1], (64, 64))
    close(photo, microscope.photograph().reshape(64, 3, 64, 3).mean((1, 3)), atol=1 / 500)
    close(np.reshape(found[0], (64, 64)), scipy.ndimage.correlate(photo, kernel, mode="nearest"), atol=1e-5)


def test_the_rule_written_by_hand(tmp_path, run_page):
    page = microscope.handwritten(threshold=0.4, width=1.2).save(tmp_path / "page.html")
    html = page.read_text()
    code = html[html.index("const SIZE = 7") : html.index("/** How much neighbors")]
    code = code.replace("const ", "var ").replace("let ", "var ")
    ruled, blurred, photo = run_page(page, [f"{code}; compute(); ruled", "blurred", "PHOTO"], scripts=3)
    photo, ruled, blurred = (np.reshape(values, (192, 192)) for values in (photo, ruled, blurred))
    expected = scipy.ndimage.gaussian_filter(photo.astype("float64"), 1.2, mode="nearest", radius=3)
    close(blurred, expected, atol=1e-5)
    close(ruled, np.where(photo > 0.4, expected, photo), atol=1e-5)


def test_the_rule_is_an_involution():
    """The page's static picture shows what `involution` computes with the same kernels."""
    gray = microscope.photograph()[:40, :50]
    kernels = np.where((gray > 0.5)[..., None, None], by_hand.gaussian(1.5), by_hand.gaussian(0))
    found = by_hand._applied(gray, kernels)
    padded = np.pad(gray, 3, mode="edge")[None, ..., None]
    expected = iu.involution(padded, kernels[None, ..., None].astype("float32"), padding="valid")
    close(found, np.asarray(expected)[0, ..., 0], atol=1e-5)


GRAY = np.linspace(0, 1, 81, dtype="float32").reshape(9, 9)


def test_the_measure_decides_and_the_photograph_is_blurred():
    page = microscope.handwritten(GRAY, measure=1 - GRAY, measure_name="blueness")
    assert "where its blueness is above 0.47" in page.alt
    assert '"measureName": "blueness"' in page.html


def test_a_measure_of_another_shape_is_refused():
    with pytest.raises(iu.ParameterError, match=r"`measure` must be of the photograph's shape, \(9, 9\)"):
        microscope.handwritten(GRAY, measure=GRAY[:4])
