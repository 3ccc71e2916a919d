"""The pages in a real browser: every interaction by mouse, touch and keyboard; light and dark; wide and on a phone."""

import io

import keras
import numpy as np
import PIL.Image
import pytest
from page_reading import grid, text, wait

import involution_utils as iu
from involution_utils import microscope

pytestmark = pytest.mark.browser

PHOTO = microscope.pictures()[0].mean(-1).repeat(2, 0).repeat(2, 1)
KERNELS = {"blur": np.full((3, 3), 1 / 9), "edges": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])}
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(scope="session")
def model(randomized):
    return randomized(iu.small_rednet())


@pytest.fixture(scope="session")
def pages(model, randomized, tmp_path_factory):
    """The files of all pages, by name."""
    folder = tmp_path_factory.mktemp("pages")
    settings = {"class_names": CLASSES, "labels": microscope.PICTURE_LABELS}
    microscope.show(model, microscope.pictures(), **settings).save(folder / "microscope.html")
    original = randomized(iu.involution_classifier())
    microscope.show(original, microscope.pictures()).save(folder / "involution_classifier.html")
    for operator in ("attention", "static"):
        other = randomized(iu.small_rednet(operator=operator))
        microscope.show(other, microscope.pictures()[:2]).save(folder / f"{operator}.html")
    microscope.convolution(PHOTO, KERNELS).save(folder / "convolution.html")
    microscope.handwritten(PHOTO).save(folder / "handwritten.html")
    return {path.stem: path for path in folder.iterdir()}


def shares(page):
    return page.evaluate("Array.from(network.probabilities(now.logits))")


def keras_shares(model, image):
    return keras.ops.convert_to_numpy(keras.ops.softmax(model(image[None])))[0]


def point_at(page, down, across, click=False):
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + across * box["width"], box["y"] + down * box["height"]
    page.mouse.click(x, y) if click else page.mouse.move(x, y)


def test_words_follow_the_layer_and_the_picture(visit):
    page = visit("microscope")
    assert text(page, "#window-about") == "window, feature 1 of 32"
    assert "share a kernel: here channels 1 to 16" in text(page, "#products-about")
    page.locator("#layers label", has_text="stem").click()
    assert text(page, "#window-about") == "window, color 1 of the picture"
    assert text(page, "#verdict").endswith("Its label is ship.")
    page.locator("#images input").last.check(force=True)
    assert "It shows none of the 10 classes" in text(page, "#verdict")
    page.evaluate("fillGrid(byId('vector'), [1, 2, 3, 4, 5, 6], 4, 6)")  # the last row is not full
    assert page.locator("#vector td").all_inner_texts() == ["1.00", "2.00", "3.00", "4.00", "5.00", "6.00", "", ""]


VIEW = "image=3&layer=block_2_involution&at=3,4&group=2&channel=20&map=sum&kernels=image&in=all"


def test_a_view_has_an_address(visit):
    page = visit("microscope", VIEW, permissions=["clipboard-read", "clipboard-write"])
    state = page.evaluate("({ ...state, layer: layer().name, at: positionAt(layer(), state.point) })")
    assert state["at"] == [2, 3]
    wanted = {"image": 2, "layer": "block_2_involution", "group": 1, "channel": 19, "mode": "sum"}
    assert state | wanted | {"change": "image", "scope": "all"} == state
    assert page.locator("input:checked").evaluate_all("all => all.map((one) => one.value)") == [*"22", "sum", "image"]
    page.locator("#copy").click()
    assert page.evaluate("navigator.clipboard.readText()").split("#") == [page.url.split("#")[0], VIEW]
    page.locator("#stage").focus()
    page.keyboard.press("ArrowDown")
    wait(page, f"location.hash === '#{VIEW.replace('3,4', '4,4')}'")
    page.evaluate("location.hash = 'image=1&layer=stem'")
    wait(page, "state.image === 0 && layer().name === 'stem'")


@pytest.mark.parametrize("view", ["image=99&layer=none&at=1000,0&map=x&kernels=&in=it", "at=NaN,%3Cb%3E", "%%%", "="])
def test_an_address_that_means_nothing_does_no_harm(view, visit):
    page = visit("microscope", view)
    assert page.evaluate("[state.image, state.mode, state.change, state.scope]") == [0, "apart", "trained", "one"]
    assert len(grid(page, "#kernel-grid")) == 25


def test_what_is_printed_is_light_and_keeps_its_colors(visit):
    page = visit("microscope", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("palette.middle") == [244, 244, 242]
    page.emulate_media(media="print", color_scheme="dark")
    colors = "element => [getComputedStyle(element).printColorAdjust, getComputedStyle(element).backgroundColor]"
    assert page.locator("#kernel-grid td").first.evaluate(colors)[0] == "exact"
    assert page.locator("body").evaluate(colors)[1] == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen", color_scheme="dark")
    wait(page, "palette.middle[0] === 38")


def test_moving_over_the_image_shows_the_kernel_there(visit, model):
    page, image = visit("microscope"), microscope.pictures()[0]
    kernels = iu.layer_kernels(model, image[None])["block_1_involution"][0]
    point_at(page, 0.99, 0.01)
    assert "Row 16 of 16, column 1 of 16 of block_1_involution" in text(page, "#place")
    np.testing.assert_allclose(grid(page, "#kernel-grid"), kernels[15, 0, :, :, 0].ravel(), atol=0.051)
    window, products = grid(page, "#window-grid"), grid(page, "#product-grid")
    assert np.isnan(np.reshape(window, (5, 5))[3:]).all()  # below the image
    assert np.isnan(np.reshape(window, (5, 5))[:, :2]).all()  # left of it
    assert not np.isnan(np.reshape(window, (5, 5))[:3, 2:]).any()
    layer = model.get_layer("block_1_involution")
    inside = keras.Model(model.input, [layer.input, layer.output])(image[None])
    seen, output = (np.asarray(value)[0] for value in inside)
    np.testing.assert_allclose(np.reshape(window, (5, 5))[:3, 2:], seen[13:, :3, 0], atol=0.051)
    exact = np.reshape(kernels[15, 0, :3, 2:, 0] * seen[13:, :3, 0], (3, 3))
    np.testing.assert_allclose(np.reshape(products, (5, 5))[:3, 2:], exact, atol=0.051)
    total = float(text(page, "#total strong").replace("−", "-"))
    assert abs(total - output[15, 0, 0]) < 0.051
    generator = layer.kernel_generator
    hidden = keras.ops.relu(generator.normalize(generator.reduce(seen[None])))[0, 15, 0]
    np.testing.assert_allclose(grid(page, "#vector"), np.asarray(hidden), atol=0.051)
    frame = page.locator("#stage rect.window").first
    assert [frame.get_attribute(name) for name in ("x", "y", "width", "height")] == ["0", "13", "3", "3"]


@pytest.mark.parametrize(
    ("choice", "lesion", "scope"),
    [("Mean over the image", "image_mean", "one"), ("Mean over many images", "dataset_mean", "all")],
)
def test_what_if_kernels_are_frozen(choice, lesion, scope, visit, model):
    page, images = visit("microscope"), microscope.pictures()
    page.locator("#changes label", has_text=choice).click()
    page.select_option("#scope", scope)
    lesioned = iu.lesioned(model, lesion, images, names=None if scope == "all" else ["block_1_involution"])
    expected = keras_shares(lesioned, images[0])
    np.testing.assert_allclose(shares(page), expected, atol=1e-3)
    assert f"{CLASSES[expected.argmax()]} ({100 * expected.max():.0f} %)" in text(page, "#changed")
    assert page.locator("#classes .track b").count() == 10  # what it says as trained
    page.locator("#changes label", has_text="As trained").click()
    np.testing.assert_allclose(shares(page), keras_shares(model, images[0]), atol=1e-4)
    assert page.locator("#classes .track b").count() == 0


def test_comparing_two_positions(visit, model):
    page = visit("microscope")
    made = iu.layer_kernels(model, microscope.pictures()[:1])["block_1_involution"][0, ..., 0]
    point_at(page, 1.5 / 16, 2.5 / 16, click=True)
    page.locator("#pin").click()
    point_at(page, 12.5 / 16, 9.5 / 16, click=True)
    here, pinned = made[12, 9].ravel(), made[1, 2].ravel()
    np.testing.assert_allclose(grid(page, "#here-grid"), here, atol=0.051)
    np.testing.assert_allclose(grid(page, "#pinned-grid"), pinned, atol=0.051)
    np.testing.assert_allclose(grid(page, "#difference-grid"), here - pinned, atol=0.051)
    cosine = here @ pinned / np.linalg.norm(here) / np.linalg.norm(pinned)
    stated = text(page, "#pair-about").split("similarity ")[1].split(" ")[0]
    assert abs(float(stated.replace("−", "-")) - cosine) < 0.006
    assert page.locator("#stage rect.pinned").count() == 2
    page.locator("#unpin").click()
    assert page.locator("#stage rect.pinned").count() == 0


def test_everything_by_keyboard_alone(visit):
    page = visit("microscope")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        state = page.evaluate(
            "(() => { const one = document.activeElement, shown = one.matches('.choice input') ? one.nextElementSibling"
            " : one.type === 'file' ? one.parentElement : one; return [one.id || one.name || one.className ||"
            " one.closest('[id]')?.id, getComputedStyle(shown).outlineStyle, one === document.body]; })()"
        )
        if state[2]:
            break
        reached.append(state[0])
        assert state[1] != "none", f"no visible focus on {state[0]}"
    assert {"image", "file", "layer", "stage", "mode", "kernels", "group", "channel", "change", "scope", "pin"} <= set(
        reached
    )

    page.locator("#images input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("state.image") == 1
    page.locator("#layers input:checked").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("layer().name") == "block_2_involution"
    page.locator("#stage").focus()
    before = page.evaluate("positionAt(layer(), state.point)")
    for key in ("ArrowDown", "ArrowRight", "p", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("positionAt(layer(), state.point)") == [before[0] - 1, before[1] + 1]
    assert page.evaluate("positionAt(layer(), state.pin)") == [before[0] + 1, before[1] + 1]
    page.locator("#kernels button").nth(2).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("state.group") == 2
    page.locator("#changes input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("state.change") == "image"
    page.locator("#unpin").focus()
    page.keyboard.press("Space")
    assert page.evaluate("state.pin") is None
    page.wait_for_timeout(600)
    said = text(page, "#said")
    assert "Row" in said
    assert "The network says" in said


def test_a_picture_of_ones_own(visit, model, tmp_path):
    page = visit("microscope")
    wide = np.zeros((64, 128, 3), "uint8")
    wide[:, 32:96] = np.repeat(np.repeat(np.round(microscope.pictures()[3] * 255), 2, 0), 2, 1)
    PIL.Image.fromarray(wide).save(tmp_path / "my boat.png")
    page.set_input_files("#file", tmp_path / "my boat.png")
    wait(page, "images.length === 11")
    pixels = page.evaluate("Array.from(images[10].pixels)")
    np.testing.assert_allclose(
        np.reshape(pixels, (32, 32, 3)), microscope.pictures()[3], atol=0.01
    )  # the middle square
    np.testing.assert_allclose(shares(page), keras_shares(model, np.reshape(pixels, (32, 32, 3))), atol=1e-4)
    assert "“my boat.png”" in text(page, "#verdict")
    assert page.locator("#images input:checked").get_attribute("aria-label") == "my boat.png"


GIVE = """([how, content, name]) => {
  const file = new File([Uint8Array.from(content)], name, { type: "image/png" }), transfer = new DataTransfer();
  transfer.items.add(file);
  if (how === "message") return postMessage(file, "*");
  const drag = (kind) => new DragEvent(kind, { bubbles: true, dataTransfer: transfer });
  const paste = () => new ClipboardEvent("paste", { bubbles: true, clipboardData: transfer });
  const events = how === "drop" ? [drag("dragover"), drag("drop")] : [paste()];
  for (const event of events) document.body.dispatchEvent(event);
}"""


def png(*shape):
    file = io.BytesIO()
    PIL.Image.fromarray(np.full(shape, 200, "uint8")).save(file, "png")
    return list(file.getvalue())


@pytest.mark.parametrize("how", ["drop", "paste", "message"])
def test_a_picture_dropped_pasted_or_sent_by_the_page_around(how, visit):
    page = visit("microscope")
    page.evaluate(
        "(() => { const real = createImageBitmap; globalThis.createImageBitmap ="
        " (file) => { globalThis.busy = byId('busy').textContent; return real(file); }; })()"
    )
    page.evaluate(GIVE, [how, png(40, 40), "gray.png"])
    wait(page, "images.length === 11")
    np.testing.assert_allclose(page.evaluate("Array.from(images[10].pixels)"), 200 / 255, atol=1e-6)
    assert page.locator("main.dropping").count() == 0
    wait(page, "byId('busy').textContent === ''")
    assert page.evaluate("busy") == "Reading “gray.png” …"
    page.locator("#remove").click()
    assert page.evaluate("[images.length, state.image]") == [10, 0]
    assert not page.locator("#remove").is_visible()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"no picture", "“notes.txt” is not a picture"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "“drawing.svg” is not a picture that this page"),
        ("broken.png", b"\x89PNG\r\n\x1a\n and nothing else", "“broken.png” could not be read"),
        ("empty.jpg", b"", "“empty.jpg” could not be read"),
    ],
)
def test_a_file_that_is_no_picture(name, content, words, visit, tmp_path):
    page = visit("microscope")
    (tmp_path / name).write_bytes(content)
    before = text(page, "#verdict")
    page.set_input_files("#file", tmp_path / name)
    wait(page, "document.getElementById('problem').textContent !== ''")
    assert words in text(page, "#problem")
    assert text(page, "#verdict") == before


ALL = ("microscope", "involution_classifier", "attention", "static")
SMALL = ("convolution", "handwritten")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*ALL, *SMALL])
def test_no_violation_of_accessibility(name, scheme, visit):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name, color_scheme=scheme, reduced_motion="reduce")
    if name in ALL:
        page.locator("#pin").click()
        page.locator("#layers label").last.click()
        if page.locator("#asking").is_visible():
            page.locator("#changes label").nth(1).click()
    found = Axe().run(page)
    assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize("name", [*ALL, *SMALL])
def test_on_a_phone(name, visit):
    """At 360 pixels nothing sticks out, and a finger does what a mouse does."""
    page = visit(name, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches") is False
    stage = page.locator("#stage, #photo").first
    if name in ALL:
        assert stage.bounding_box()["width"] < 0.8 * 360  # room beside it for the thumb that scrolls
    stage.scroll_into_view_if_needed()
    box, before = stage.bounding_box(), text(page, "#place")
    page.touchscreen.tap(box["x"] + 0.1 * box["width"], box["y"] + 0.15 * box["height"])
    assert text(page, "#place") != before


def test_a_convolution_by_hand(visit):
    page = visit("convolution")
    box = page.locator("#photo").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"] + 1, box["y"] + 0.25 * box["height"] + 1, steps=4)
    page.mouse.up()
    assert "Row 17, column 33" in text(page, "#place")
    window = np.array(grid(page, "#window-grid"))
    np.testing.assert_allclose(float(text(page, "#total strong")), window.mean(), atol=0.01)
    page.locator("#kernels label", has_text="edges").click()
    edges = (window.reshape(3, 3)[:, 0] - window.reshape(3, 3)[:, 2]) @ [1, 2, 1]
    assert abs(float(text(page, "#total strong").replace("−", "-")) - edges) < 0.06
    assert "Gray is zero" in text(page, "#scale")
    page.locator("#weights-grid input").nth(4).fill("2")
    total = float(text(page, "#total strong").replace("−", "-"))
    assert abs(total - edges - 2 * window[4]) < 0.08
    assert page.locator("#kernels input:checked").count() == 0
    page.locator("#photo").focus()
    page.keyboard.press("ArrowLeft")
    assert "Row 17, column 32" in text(page, "#place")


def test_the_rule_written_by_hand(visit):
    page = visit("handwritten")
    darkest = ((np.array(np.unravel_index(PHOTO.argmin(), PHOTO.shape)) + 0.5) / 64).tolist()
    page.evaluate(f"around.point = around.rest = {darkest}; update()")
    assert "the rule makes the identity" in text(page, "#rule")
    page.locator("#threshold").fill("0")
    assert "the rule makes a blur" in text(page, "#rule")
    assert page.evaluate("ruled.every((value, i) => value === (PHOTO[i] > 0 ? blurred[i] : PHOTO[i]))")
    page.locator("#threshold").fill("1")
    assert page.evaluate("ruled.every((value, i) => Math.abs(value - PHOTO[i]) < 1e-6)")
    page.locator("#threshold").focus()
    page.keyboard.press("Home")
    assert text(page, "#threshold-value") == "0"
    page.locator("#threshold").fill("0.47")
    kept = text(page, "#ruled-about")
    assert "100 % where it is dark" in kept
    page.locator("#width").fill("0")
    assert "100 % where it is bright" in text(page, "#ruled-about")
    assert "100 % where it is dark" in text(page, "#blurred-about")


# ----------------------------------------------------------------------------------------------- in a notebook's output


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_rendered_page(theme, browser, tmp_path):
    """The output in a page that says its theme as Sphinx does; the frame takes the theme and its height from there."""
    output = microscope.handwritten(PHOTO)._repr_html_()
    html = f'<!DOCTYPE html><html data-theme="{theme}"><body>{output}</body></html>'
    (tmp_path / "page.html").write_text(html)
    page, problems = browser.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.goto((tmp_path / "page.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#rule").wait_for()
    assert not page.locator("img").is_visible()
    colors = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}
    paper = "element => getComputedStyle(element).backgroundColor"
    assert frame.locator("body").evaluate(paper) == colors[theme]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(200)
    assert frame.locator("body").evaluate(paper) == colors["dark"]
    page.wait_for_timeout(300)
    assert frame.locator("html").evaluate("element => element.scrollHeight - element.clientHeight") <= 4
    page.close()
    assert not problems
