"""The arithmetic of the smaller pages, under Node, against SciPy and the package."""

import itertools
import json

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

import involution_utils as iu
from involution_utils.experiments import statistics
from involution_utils.live import microscope

close = np.testing.assert_allclose


@pytest.fixture
def explorer(tmp_path, run_page):
    """A function that evaluates expressions in an explorer of `records`."""

    def evaluate(expressions, records=({"operator": "a", "seed": 0, "accuracy": 0.5},), scripts=2, **arguments):
        page = microscope.explorer(records, **arguments).save(tmp_path / "page.html")
        return run_page(page, expressions, scripts=scripts)

    return evaluate


def test_students_t(explorer):
    cases = list(itertools.product((0.0, 0.03, 0.7, 1.0, 2.5, 9.0, 40.0), (1, 1.7, 2, 5.3, 18, 400)))
    asked = f"{json.dumps(cases)}.map(([t, freedom]) => twoSided(t, freedom))"
    close(explorer([asked])[0], [2 * scipy.stats.t.sf(t, freedom) for t, freedom in cases], rtol=1e-9)
    cases = list(itertools.product((0.5, 0.9, 0.95, 0.999), (1, 1.7, 2, 5.3, 18, 400)))
    asked = f"{json.dumps(cases)}.map(([level, freedom]) => quantile(level, freedom))"
    close(explorer([asked])[0], [scipy.stats.t.ppf((1 + level) / 2, freedom) for level, freedom in cases], rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_welch_paired_and_holm(seed, explorer):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(60, 1, 3 + seed), rng.normal(61, 2, 7)
    pair = rng.normal(61, 1, len(one))
    p_values = rng.uniform(0, 0.2, 6).tolist()
    asked = [
        f"welch({one.tolist()}, {other.tolist()})",
        f"paired({one.tolist()}, {pair.tolist()})",
        f"holm({p_values})",
    ]
    welch, paired, holm = explorer(asked)
    expected = statistics.contrast({"one": one, "other": other}, {"one": 1, "other": -1})
    close([welch[key] for key in ("value", "low", "high", "p")], expected, rtol=1e-9)
    close([paired[key] for key in ("value", "low", "high", "p")], statistics.paired(one, pair), rtol=1e-9)
    close(holm, statistics.holm(p_values))


def test_a_constant_sample(explorer):
    same, apart = explorer(["welch([1, 1], [1, 1])", "welch([2, 2], [1, 1])"])
    assert same == {"value": 0, "low": 0, "high": 0, "p": 1}
    assert apart == {"value": 1, "low": 1, "high": 1, "p": 0}


@pytest.mark.parametrize("operator", ["blur", "sharpen", "edges"])
def test_a_convolution_of_the_photograph(operator, tmp_path, run_page):
    page = microscope.convolution().save(tmp_path / "page.html")
    kernel = np.array(json.loads(json.dumps(run_page(page, ["DATA.kernels"], scripts=3)[0]))[operator])
    found = run_page(page, [f"applied({kernel.ravel().tolist()}, 3, false)", "PHOTO"], scripts=3)
    photo = np.reshape(found[1], (64, 64))
    close(photo, microscope.photograph().reshape(64, 3, 64, 3).mean((1, 3)), atol=1 / 500)
    close(np.reshape(found[0], (64, 64)), scipy.ndimage.correlate(photo, kernel, mode="nearest"), atol=1e-5)


def test_the_rule_written_by_hand(tmp_path, run_page):
    page = microscope.handwritten(threshold=0.4, strength=1.2).save(tmp_path / "page.html")
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
    from involution_utils.live import small_pages

    gray = microscope.photograph()[:40, :50]
    kernels = np.where((gray > 0.5)[..., None, None], small_pages.gaussian(1.5), small_pages.gaussian(0))
    found = small_pages._applied(gray, kernels)
    padded = np.pad(gray, 3, mode="edge")[None, ..., None]
    expected = iu.involution(padded, kernels[None, ..., None].astype("float32"), padding="valid")
    close(found, np.asarray(expected)[0, ..., 0], atol=1e-5)
