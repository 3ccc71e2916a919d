"""The arithmetic of the smaller pages, under Node, against SciPy and the package."""

import itertools
import json
import pathlib

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

import involution_utils as iu
from involution_utils.experiments import statistics
from involution_utils.live import microscope, small_pages

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
def test_contrast_paired_and_holm(seed, explorer):
    rng = np.random.default_rng(seed)
    weights = {2: [1, -1], 3: [0.5, 0.5, -1], 4: [1, -1, -1, 1]}[2 + seed % 3]
    samples = [rng.normal(60, 1 + i, 3 + seed + i) for i in range(len(weights))]
    alike = [values[: 3 + seed] for values in samples]
    p_values = rng.uniform(0, 0.2, 6).tolist()
    listed = [json.dumps([values.tolist() for values in each]) for each in (samples, alike)]
    found = explorer([f"contrast({listed[0]}, {weights})", f"paired({listed[1]}, {weights})", f"holm({p_values})"])
    names = "abcd"[: len(weights)]
    expected = statistics.contrast(dict(zip(names, samples, strict=True)), dict(zip(names, weights, strict=True)))
    close([found[0][key] for key in ("value", "low", "high", "p")], expected, rtol=1e-9)
    sums = sum(weight * values for weight, values in zip(weights, alike, strict=True))
    close([found[1][key] for key in ("value", "low", "high", "p")], statistics.paired(sums, 0 * sums), rtol=1e-9)
    close(found[2], statistics.holm(p_values))


def test_a_constant_sample(explorer):
    same, apart = explorer(["contrast([[1, 1], [1, 1]], [1, -1])", "contrast([[2, 2], [1, 1]], [1, -1])"])
    assert same == {"value": 0, "low": 0, "high": 0, "p": 1}
    assert apart == {"value": 1, "low": 1, "high": 1, "p": 0}


CELLS = ("static", "depthwise", "involution", "involution per channel")


@pytest.fixture
def lab_explorer(explorer):
    """An explorer of made-up runs: four cells of ten seeds, one more network of five, two rules and two families."""
    rng = np.random.default_rng(7)
    accuracies = {name: rng.normal(0.6 + 0.01 * i, 0.01, 10) for i, name in enumerate(CELLS)}
    accuracies["pooling"] = rng.normal(0.55, 0.01, 5)
    records = [
        {"operator": name, "seed": seed, "accuracy": value, "rule": ["all", "some"] if name in CELLS[:3] else "all"}
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    effects = {
        "generation": {"static": -0.5, "depthwise": -0.5, "involution": 0.5, "involution per channel": 0.5},
        "sharing": {"static": -0.5, "depthwise": 0.5, "involution": -0.5, "involution per channel": 0.5},
        "interaction": {"static": 1, "depthwise": -1, "involution": -1, "involution per channel": 1},
    }
    families = {"effects": effects, "contrasts": [("involution", "static"), ("involution", "pooling")]}
    code = (pathlib.Path(small_pages.__file__).parent / "web" / "explorer.js").read_text()
    code = code[: code.index("/** A chart with")].replace("const ", "var ").replace('"use strict";', "")

    def evaluate(*settings):
        """The comparisons under each of `settings`, JavaScript that changes `setting`."""
        asked = [f"{code}; {setting}; compare()" for setting in settings]
        return explorer(asked, records=records, comparisons=families)

    return evaluate, accuracies


def test_the_explorer_finds_what_the_package_finds(lab_explorer):
    evaluate, accuracies = lab_explorer
    effects, three, contrasts = evaluate(
        'setting.against = "effects"',
        'setting.against = "effects"; setting.seeds = new Set([0, 1, 2]); setting.correction = "none"',
        'setting.against = "contrasts"',
    )
    expected = statistics.factorial_effects(accuracies)
    adjusted = statistics.holm([each.p for each in expected.values()])
    for found, (name, estimate), p in zip(effects, expected.items(), adjusted, strict=True):
        assert found["name"] == name
        close([found["value"], found["low"], found["high"]], 100 * np.array(estimate[:3]), rtol=1e-9)
        close(found["adjusted"], p, rtol=1e-9)
        assert found["finding"] == (p < 0.05)
    expected = statistics.factorial_effects({name: accuracies[name][:3] for name in CELLS})
    close([found["adjusted"] for found in three], [each.p for each in expected.values()], rtol=1e-9)
    pairs = [{"involution": 1, "static": -1}, {"involution": 1, "pooling": -1}]
    p_values = statistics.holm([statistics.contrast(accuracies, pair).p for pair in pairs])
    close([found["adjusted"] for found in contrasts], p_values, rtol=1e-9)
    assert [found["name"] for found in contrasts] == ["involution − static", "involution − pooling"]


def test_the_explorer_offers_what_a_rule_leaves_and_says_what_is_missing(lab_explorer):
    evaluate, accuracies = lab_explorer
    offered, some, paired, missing = evaluate(
        'setting.rule = "some"; compare = choices',
        'setting.rule = "some"; setting.against = "all with static"',
        'setting.against = "contrasts"; setting.test = "paired"',
        'setting.against = "contrasts"; setting.seeds = new Set([3, 7, 8])',
    )
    assert list(offered) == ["contrasts", "all with static", "all with depthwise", "all with involution"]
    assert [each["name"] for each in offered["contrasts"]] == ["involution − static"]
    assert [each["name"] for each in some] == ["depthwise − static", "involution − static"]
    expected = statistics.paired(accuracies["involution"][:5], accuracies["pooling"])
    close(paired[1]["p"], expected.p, rtol=1e-9)
    assert set(missing[1]) == {"name"}
    assert missing[0]["p"] == missing[0]["adjusted"], "one comparison is left, so nothing is corrected"


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
    kernels = np.where((gray > 0.5)[..., None, None], small_pages.gaussian(1.5), small_pages.gaussian(0))
    found = small_pages._applied(gray, kernels)
    padded = np.pad(gray, 3, mode="edge")[None, ..., None]
    expected = iu.involution(padded, kernels[None, ..., None].astype("float32"), padding="valid")
    close(found, np.asarray(expected)[0, ..., 0], atol=1e-5)
