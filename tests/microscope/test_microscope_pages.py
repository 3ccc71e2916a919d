"""What the pages are as files and as a notebook's output: complete, strict, the same bytes every time."""

import base64
import functools
import hashlib
import html
import io
import json
import re

import keras
import numpy as np
import PIL.Image
import pytest

import involution_utils as iu
from involution_utils import microscope
from involution_utils.checks import ParameterError

small_rednet = functools.cache(iu.small_rednet)


def live():
    return microscope.show(small_rednet(), microscope.pictures(), image_names=microscope.PICTURE_NAMES)


PAGES = {
    "microscope": live,
    "convolution": microscope.convolution,
    "handwritten": microscope.handwritten,
}
LIMITS = {"microscope": 1_000_000, "convolution": 60_000, "handwritten": 110_000}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_complete_in_itself(name, tmp_path):
    path = PAGES[name]().save(tmp_path / "new" / "page.html")
    text = path.read_text()
    assert path.stat().st_size < LIMITS[name]
    assert [found.name for found in path.parent.iterdir()] == ["page.html"]  # nothing beside it
    for word in ("http:", "src=", "@import", "url(", "eval(", "new Function", "fetch(", "XMLHttpRequest"):
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


@pytest.mark.parametrize("name", ["convolution", "handwritten"])
def test_the_same_bytes_every_time(name):
    assert PAGES[name]()._repr_mimebundle_() == PAGES[name]()._repr_mimebundle_()


def test_the_same_bytes_for_the_same_model():
    model = small_rednet()
    one, other = (microscope.show(model, microscope.pictures()[:2])._repr_mimebundle_() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("name", PAGES)
def test_a_notebook_gets_the_page_and_a_picture_of_the_same(name):
    page = PAGES[name]()
    data, metadata = page._repr_mimebundle_()
    frame = re.search(r'srcdoc="([^"]*)"', data["text/html"])[1]
    assert html.unescape(frame) == page.html
    assert "<script" not in re.sub(r'srcdoc="[^"]*"', "", data["text/html"])
    assert f'<img alt="{html.escape(page.alt)}"' in data["text/html"]
    assert data["image/png"] in data["text/html"]
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert min(picture.size) > 100
    assert len(np.unique(np.asarray(picture.convert("L")))) > 20
    assert metadata["image/png"]["alt"] == page.alt
    assert page.alt in data["text/plain"]


def test_the_alt_text_says_what_the_network_says():
    model = small_rednet()
    page = microscope.show(model, microscope.pictures(), image_names=microscope.PICTURE_NAMES)
    logits = np.asarray(model(microscope.pictures()[:1]))[0]
    assert "“cat” as the network small_rednet sees it" in page.alt
    assert f"class {logits.argmax()} (" in page.alt
    assert "block_5_involution" in page.alt


def test_text_of_the_readers_cannot_end_an_element(tmp_path):
    names = ["</script><script>alert(1)</script>", "b"]
    model = iu.small_rednet(num_classes=2)
    text = microscope.show(model, microscope.pictures(), class_names=names, title="<b>&").html
    assert "<script>alert" not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert json.loads(data)["classNames"] == names


def test_the_pictures_are_ten_photographs():
    pictures = microscope.pictures()
    assert pictures.shape == (10, 32, 32, 3)
    assert pictures.dtype == "float32"
    assert len(microscope.PICTURE_NAMES) == 10
    assert (pictures.std((1, 2, 3)) > 0.05).all()
    assert microscope.photograph().shape == (192, 192)


def test_kernel_means_are_the_means_of_the_kernels():
    model, images = iu.small_rednet(), np.concatenate([microscope.pictures()] * 30)  # more than a batch
    kernels = iu.layer_kernels(model, microscope.pictures())
    for name, mean in microscope.kernel_means(model, images).items():
        np.testing.assert_allclose(mean, kernels[name].mean((0, 1, 2)), rtol=1e-4, atol=1e-6)


def show(**arguments):
    settings = {"model": small_rednet(num_classes=3), "images": microscope.pictures()[:2]} | arguments
    return microscope.show(**settings)


PHOTO = np.full((9, 9), 0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: show(images=np.zeros((2, 32, 31, 3))), "`images` must be images of shape (N, 32, 32, 3)"),
        (lambda: show(images=np.zeros((0, 32, 32, 3))), "at least one"),
        (lambda: show(images=np.full((1, 32, 32, 3), 255.0)), "Received: float64 from 255.0 to 255.0"),
        (lambda: show(images=np.full((1, 32, 32, 3), np.nan)), "floating point in [0, 1]"),
        (lambda: show(images=np.zeros((1, 32, 32, 3), "int64")), "Received: int64"),
        (lambda: show(labels=[0]), "`labels` must be one label per image, 2 of them"),
        (lambda: show(labels=[0, 3]), "`labels` must be a whole number from 0 to 2"),
        (lambda: show(class_names=["a", "b"]), "`class_names` must be one name per class, 3 of them"),
        (lambda: show(image_names=["a"]), "`image_names` must be one name per image, 2 of them"),
        (lambda: show(dataset_kernels={"block_1_involution": np.zeros((5, 5, 2))}), "`dataset_kernels` must be arrays"),
        (lambda: microscope.page(small_rednet(), microscope.pictures(), "page.txt"), "`path` must be the name of a"),
        (lambda: microscope.page(small_rednet(), microscope.pictures(), 3), "`path` must be the name of a file"),
        (lambda: microscope.handwritten(threshold=1.5), "`threshold` must be a number from 0 to 1"),
        (lambda: microscope.handwritten(width=-1), "`width` must be a number from 0 to 3"),
        (lambda: microscope.handwritten(PHOTO * 9), "`photo` must be a gray picture"),
        (lambda: microscope.handwritten(PHOTO[None]), "`photo` must be a gray picture"),
        (lambda: microscope.convolution(point=(2, 0)), "`point` must be a number from 0 to 1"),
        (lambda: microscope.convolution(kernels={"even": np.ones((2, 2))}), "square kernels of odd size"),
        (lambda: microscope.convolution(kernels={}), "at least one kernel"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(call, words):
    with pytest.raises(ParameterError) as caught:
        call()
    assert words in str(caught.value)


def test_a_network_that_was_built_layer_by_layer_has_its_page(tmp_path):
    """Its layers were called anew with every `add`, which must not look like a network of several branches."""
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for layer in (iu.Involution2D(3), keras.layers.ReLU(), keras.layers.Flatten(), keras.layers.Dense(2)):
        model.add(layer)
    model.save(tmp_path / "model.keras")
    for one in (model, keras.saving.load_model(tmp_path / "model.keras")):
        microscope.page(one, np.zeros((1, 8, 8, 3), "uint8"), tmp_path / "page.html")
        assert (tmp_path / "page.html").exists()
