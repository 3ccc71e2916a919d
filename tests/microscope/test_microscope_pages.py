"""What the pages are as files and as a notebook's output: complete, strict, the same bytes every time."""

import base64
import hashlib
import html
import io
import json
import re

import keras
import numpy as np
import PIL.Image
import pytest
import scipy.ndimage

import involution_utils as iu
from involution_utils import ParameterError, microscope

GRAY = np.random.default_rng(0).uniform(size=(24, 24)).astype("float32")
IMAGES = np.random.default_rng(1).uniform(size=(2, 8, 8, 3)).astype("float32")
KERNELS = {"edges": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]), "blur": np.full((3, 3), 1 / 9)}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    tail = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((8, 8, 3)), iu.Involution2D(3, name="mixer"), *tail], name="tiny")


@pytest.fixture(scope="module")
def pages(model):
    return {
        "microscope": lambda: microscope.show(model, IMAGES, class_names=["a", "b", "c"], image_names=["one", "two"]),
        "convolution": lambda: microscope.convolution(GRAY, KERNELS),
        "handwritten": lambda: microscope.handwritten(GRAY, 0.4),
    }


@pytest.mark.parametrize("name", ["microscope", "convolution", "handwritten"])
def test_a_page_is_complete_in_itself_and_a_notebook_gets_a_picture_of_the_same(name, pages, tmp_path):
    page = pages[name]()
    path = page.save(tmp_path / "new" / "page.html")
    text = path.read_text()
    assert path.stat().st_size < 100_000
    assert [found.name for found in path.parent.iterdir()] == ["page.html"]  # nothing beside it
    for word in ("http:", "src=", "@import", "url(", "eval(", "new Function", "fetch(", "XMLHttpRequest", "${style"):
        assert word not in text.replace("http://www.w3.org/2000/svg", ""), word
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        hashes = {
            f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
            for code in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        }
        assert set(rules[rule].split()) == hashes

    shown = page._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1]) == page.html
    assert "<script" not in re.sub(r'srcdoc="[^"]*"', "", shown)
    assert f'<img alt="{html.escape(page.alt)}"' in shown
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]*)", shown.split("<img")[1])[1])))
    first = IMAGES[0] if name == "microscope" else GRAY[..., None].repeat(3, -1)
    np.testing.assert_allclose(np.asarray(picture) / 255, first, atol=1 / 500)
    assert page.alt in repr(page)
    assert pages[name]()._repr_html_() == shown  # the same bytes every time


def test_the_alt_text_says_what_the_network_says(model, pages):
    name = "abc"[np.asarray(model(np.round(IMAGES[:1] * 255) / 255))[0].argmax()]
    assert pages["microscope"]().alt == f"The picture “one”. To the network tiny it looks most like {name}."


def test_text_of_the_readers_cannot_end_an_element(model):
    names = ["</script><script>alert(1)</script>", "${data}", "c"]
    text = microscope.show(model, IMAGES, class_names=names, title="<b>&").html
    assert "<script>alert" not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert json.loads(data)["classNames"] == names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"images": np.zeros((2, 8, 7, 3))}, "`images` must be of shape (N, 8, 8, 3)"),
        ({"images": np.zeros((0, 8, 8, 3))}, "at least one"),
        ({"images": np.full((1, 8, 8, 3), 255.0)}, "float64 from 255.0 to 255.0"),
        ({"images": np.full((1, 8, 8, 3), np.nan)}, "floating point in [0, 1]"),
        ({"labels": [0]}, "`labels` must be one per image, 2 of them"),
        ({"labels": [0, 3]}, "`labels` must be a whole number from 0 to 2"),
        ({"class_names": ["a", "b"]}, "`class_names` must be one per class, 3 of them"),
        ({"image_names": ["a"]}, "`image_names` must be one per image, 2 of them"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(arguments, words, model):
    with pytest.raises(ParameterError, match=re.escape(words)):
        microscope.show(**{"model": model, "images": IMAGES} | arguments)


def test_a_page_is_saved_under_the_name_of_a_page_alone(model, tmp_path):
    with pytest.raises(ParameterError, match="`path` must be the name of a file that ends in"):
        microscope.show(model, IMAGES).save(tmp_path / "page.txt")
    assert not list(tmp_path.iterdir())
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ParameterError, match="`path` must be the name of a file, and there is a folder"):
        microscope.show(model, IMAGES).save(tmp_path / "folder.html")


def test_a_network_that_diverged_gets_no_page_that_cannot_open(model):
    diverged = keras.models.clone_model(model)
    diverged.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(ParameterError, match="`model` must be a network whose outputs are finite numbers"):
        microscope.show(diverged, IMAGES)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: microscope.handwritten(GRAY, threshold=1.5), "`threshold` must be a number from 0 to 1"),
        (lambda: microscope.handwritten(GRAY * 9), "`photo` must be of shape (height, width)"),
        (lambda: microscope.handwritten(GRAY, measure=GRAY[:4]), "`measure` must be of shape (24, 24)"),
        (lambda: microscope.convolution(GRAY, {"even": np.ones((2, 2))}), "square kernels of odd size"),
        (lambda: microscope.convolution(GRAY, {}), "at least one"),
    ],
)
def test_bad_input_of_the_pages_by_hand_is_answered_in_a_sentence(call, words):
    with pytest.raises(ParameterError, match=re.escape(words)):
        call()


def test_the_pages_by_hand_compute_what_scipy_computes(pages, tmp_path, run_page):
    kernel = KERNELS["edges"]
    page = pages["convolution"]().save(tmp_path / "page.html")
    found, photo = run_page(page, [f"applied({kernel.ravel().tolist()}, 3, false)", "PHOTO"], scripts=3)
    photo = np.reshape(photo, GRAY.shape)
    np.testing.assert_allclose(photo, GRAY, atol=1 / 500)
    expected = scipy.ndimage.correlate(photo, kernel, mode="nearest")
    np.testing.assert_allclose(np.reshape(found, GRAY.shape), expected, atol=1e-5)

    page = microscope.handwritten(GRAY, 0.4, measure=GRAY[::-1]).save(tmp_path / "page.html")
    code = page.read_text().split('"use strict";')[-1]
    code = code[: code.index("/** How much neighbors")].replace("const ", "var ").replace("let ", "var ")
    ruled, blurred, photo = run_page(page, [f"{code}; compute(); ruled", "blurred", "PHOTO"], scripts=3)
    photo, ruled, blurred = (np.reshape(values, GRAY.shape) for values in (photo, ruled, blurred))
    expected = scipy.ndimage.gaussian_filter(photo.astype("float64"), 1.5, mode="nearest", radius=3)
    np.testing.assert_allclose(blurred, expected, atol=1e-5)
    np.testing.assert_allclose(ruled, np.where(photo[::-1] > 0.4, expected, photo), atol=1e-5)
