"""The screen with four operators: its numbers are Keras's, by hand, by keyboard, by its address; light and dark."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from page_reading import text, wait

import involution_utils as iu
from involution_utils import ParameterError, microscope

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
LABELS = [*microscope.PICTURE_LABELS[:2], None]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def networks(randomized):
    operators = {
        "Convolution": {"operator": "convolution", "width": 0.41},
        "Depthwise": {"operator": "depthwise"},
        "Involution": {},
        "Local attention": {"operator": "attention"},
    }
    return {title: randomized(iu.small_rednet(**arguments)) for title, arguments in operators.items()}


@pytest.fixture(scope="session")
def pages(networks, tmp_path_factory):
    """The files of the page as it is, of one with two other weights, and of one around it as the site has it."""
    folder, pictures = tmp_path_factory.mktemp("pages"), microscope.pictures()[[0, 1, -1]]
    page = microscope.screen(networks, pictures, LABELS, CLASSES, image_names=["boat", "cat", "flower"], about="Four.")
    text = page.save(folder / "screen.html").read_text()
    bias = text.index('"floats": "', text.index('"spanBias"')) + len('"floats": "')
    (folder / "altered.html").write_text(f"{text[:bias]}AACAPwAA{text[bias + 8 :]}")
    block = re.search(r"```\{raw\} html\n(.*?)```", (ROOT / "docs" / "index.md").read_text(), re.DOTALL)[1]
    (folder / "around.html").write_text(f"<!DOCTYPE html><html><body>{block}</body></html>")
    return {path.stem: path for path in folder.iterdir()}


def test_networks_of_other_shapes_are_refused_in_a_sentence(networks):
    one, smaller = microscope.pictures()[:1], keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(10, 3)(smaller))
    for others in ({}, {"other": keras.Model(smaller, pooled)}):
        with pytest.raises(ParameterError, match="`networks` must be networks by title"):
            microscope.screen(others, one)


STILL = {"reduced_motion": "reduce"}
READ = """networks.map((network) => {
  const node = nodeOf(network), { group, channel, output } = network.chosen, seen = nowOf(network);
  const at = positionIn(node.shape, state.point), says = Array.from(network.probabilities(seen.logits));
  const kernel = kernelAt(seen, node, at, group, channel), sum = network.parts.sum.firstChild.textContent;
  const window = windowAt(seen, node, at, channel).map((value) => value || 0);
  return { name: node.name, at, channel, output, kernel, window, sum, says };
})"""


@pytest.mark.browser
@pytest.mark.parametrize("layer", [0, 1])
def test_the_numbers_are_those_of_keras(layer, visit, networks):
    page, image = visit("screen", f"picture=2&layer={layer + 1}&at=4,6", **STILL), microscope.pictures()[1:2]
    assert page.evaluate("[state.picture, state.layer]") == [1, layer]
    for found, model in zip(page.evaluate(READ), networks.values(), strict=True):
        operator = model.get_layer(found["name"])
        values = keras.Model(model.input, [operator.input, operator.output, model.output])(image)
        before, after, logits = (np.asarray(value)[0] for value in values)
        (row, column), channel, output = found["at"], found["channel"], found["output"]
        assert (row, column) == (3, 5)
        assert abs(float(found["sum"].replace("−", "-")) - after[row, column, output]) < 0.051
        assert after[..., output].var() == pytest.approx(after.var((0, 1)).max(), rel=1e-3)
        np.testing.assert_allclose(found["says"], keras.ops.softmax(logits), atol=1e-4)
        up = operator.strides if isinstance(operator.strides, int) else operator.strides[0]
        first = [index * up - (2 if up == 1 else 1) for index in (row, column)]
        padded = np.pad(before[..., channel], 3)
        window = padded[first[0] + 3 : first[0] + 8, first[1] + 3 : first[1] + 8]
        np.testing.assert_allclose(found["window"], window.ravel(), atol=1e-4)
        if "involution" in found["name"] or "attention" in found["name"]:
            kernels = iu.layer_kernels(model, image)[found["name"]][0, row, column]
            group = output // (after.shape[-1] // kernels.shape[-1])
            np.testing.assert_allclose(found["kernel"], kernels[..., group].ravel(), atol=1e-4)
        if "convolution" not in found["name"]:
            assert np.dot(found["kernel"], found["window"]) == pytest.approx(after[row, column, output], abs=1e-3)


@pytest.mark.browser
def test_the_same_kernel_everywhere(visit, networks):
    page, image = visit("screen", **STILL), microscope.pictures()[0]
    page.locator("#same").check()
    found = page.evaluate("networks.map((network) => Array.from(network.probabilities(nowOf(network).logits)))")
    for shares, (title, model) in zip(found, networks.items(), strict=True):
        if title in ("Involution", "Local attention"):
            model = iu.lesioned(model, "image_mean", image[None])
        np.testing.assert_allclose(shares, keras.ops.softmax(model(image[None]))[0], atol=1e-3)
    told = page.locator(".says small").all_inner_texts()
    assert told[:2] == ["unchanged: it was the same already"] * 2
    assert all(words.startswith("before: ") for words in told[2:])
    assert "one kernel, the mean" in text(page, "#story")


@pytest.mark.browser
def test_a_page_with_an_altered_weight_warns(visit):
    page = visit("altered", **STILL)
    wait(page, "byId('warning').textContent !== ''")
    assert "Do not trust this page" in text(page, "#warning")
    page = visit("screen", **STILL)
    page.wait_for_timeout(500)
    assert not page.locator("#warning").is_visible()


@pytest.mark.browser
def test_it_moves_until_a_hand_takes_over(visit):
    page = visit("screen")
    before = page.evaluate("state.point")
    wait(page, f"state.point[1] !== {before[1]}")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.25 * box["height"])
    assert page.evaluate("moving") is None
    assert page.evaluate("positionIn([16, 16], state.point)") == [4, 8]
    page.locator("#play").click()
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.locator("#stage").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("moving") is None
    still = visit("screen", **STILL)
    assert still.evaluate("moving") is None


@pytest.mark.browser
def test_the_tour_by_keyboard(visit):
    page = visit("screen")
    page.locator("#tour").focus()
    stories = []
    for step in range(1, 5):
        page.keyboard.press("Enter")
        assert page.locator(".step[aria-pressed=true]").get_attribute("data-step") == str(step)
        stories.append(text(page, "#story"))
    assert page.locator(".path > .lit").count() == 4
    assert len(set(stories)) == 4
    assert "16 × 16 pixels" in stories[0]
    page.keyboard.press("Enter")
    assert page.locator(".lit").count() == 0
    page.keyboard.press("3")
    assert page.evaluate("state.step") == 3
    page.locator("button.name").nth(2).focus()
    page.keyboard.press("Enter")
    assert text(page, "#story").startswith("Involution reads the pixel")
    assert page.locator(".path.dim").count() == 3


@pytest.mark.browser
def test_a_view_has_an_address(visit):
    view = "picture=3&layer=2&at=3,4&kernels=same&step=2&operator=Involution"
    page = visit("screen", view, permissions=["clipboard-read", "clipboard-write"])
    state = page.evaluate("({ ...state, at: positionIn(nodeOf(networks[0]).shape, state.point) })")
    assert state | {"picture": 2, "layer": 1, "at": [2, 3], "same": True, "step": 2, "operator": 2} == state
    assert "none of the ten classes" in text(page, "#place")
    page.locator("#copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.url.split("#")[0] + "#" + view
    page.keyboard.press("4")
    wait(page, f"location.hash === '#{view.replace('step=2', 'step=4').replace('Involution', 'all')}'")
    other = visit("screen", "picture=9&layer=0&at=x&kernels=1&step=7&operator=none", **STILL)
    assert other.evaluate("[state.picture, state.layer, state.step, state.same]") == [0, 0, 0, False]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "most"), [(1030, 570), (760, 600), (360, 790)])
def test_it_fits_where_it_stands(width, most, visit):
    """In the landing page's frame on a laptop of 1366x768 pixels, on a tablet, on a phone."""
    page = visit("screen", viewport={"width": width, "height": 700}, has_touch=width < 400, **STILL)
    page.evaluate("document.documentElement.classList.add('framed')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".below").bounding_box()["y"] < most - 100
    assert page.evaluate("document.body.scrollHeight") < most + 100
    for row in page.locator(".path").all():  # no column runs into the next
        boxes = [box.bounding_box() for box in row.locator(":scope > :visible").all()]
        right = max(box["x"] + box["width"] for box in boxes)
        assert right <= width
    if width < 400:
        box = page.locator("#stage").bounding_box()
        page.touchscreen.tap(box["x"] + 5, box["y"] + 5)
        assert page.evaluate("positionIn([16, 16], state.point)") == [0, 0]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_of_accessibility(scheme, visit):
    from axe_playwright_python.sync_playwright import Axe

    page = visit("screen", "step=3&kernels=same", color_scheme=scheme, **STILL)
    found = Axe().run(page)
    assert not found.violations_count, found.generate_report()


@pytest.mark.browser
def test_a_picture_dropped_beside_the_frame_goes_into_it(pages, browser):
    page = browser.new_page()
    page.goto(pages["around"].as_uri())
    (frame,) = [frame for frame in page.frames if frame.url.endswith("screen.html")]
    frame.locator("#place").wait_for()
    page.evaluate(
        "async () => { const canvas = new OffscreenCanvas(40, 40); canvas.getContext('2d').fillRect(0, 0, 40, 40);"
        " const file = new File([await canvas.convertToBlob()], 'own.png', { type: 'image/png' });"
        " const dataTransfer = new DataTransfer(); dataTransfer.items.add(file); const drop = new DragEvent('drop',"
        " { bubbles: true, cancelable: true, dataTransfer }); document.body.dispatchEvent(drop);"
        " globalThis.stays = drop.defaultPrevented; }"
    )
    assert page.evaluate("stays")
    wait(frame, "images.length === 4")
    assert "Own.png" in frame.locator("#place").inner_text()
    assert frame.evaluate("document.documentElement.classList.contains('framed')")
    page.close()
