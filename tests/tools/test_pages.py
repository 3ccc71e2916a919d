"""The pages of a run: complete in themselves, with titles, alt texts, formulas, contents, and links that lead on."""

import itertools
import re
import urllib.parse

import nbformat
import pytest
from bs4 import BeautifulSoup

from involution_utils.models import involution_classifier
from tools import formulas, index, pages, run

RECORD = {
    "test_accuracy": 0.5,
    "epochs": 2,
    "dataset": "shapes",
    "train_images": 10_000,
    "trainable_parameters": 13_074,
    "history": {
        "loss": [2.0, 1.5],
        "val_loss": [2.1, 1.6],
        "accuracy": [0.2, 0.6],
        "val_accuracy": [0.25, 0.5],
        "seconds": [1.0, 2.0],
    },
}
RESULTS = {"conv_classifier": RECORD, "involution_classifier": RECORD, "seconds": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The pages of the series as it is stored, with a network and records beside them."""
    folder = tmp_path_factory.mktemp("run")
    involution_classifier().save(folder / "involution_classifier.keras")
    listed = pages.write(folder, run.notebooks())
    index.write(folder, listed, RESULTS)
    (folder / "results.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def soups(folder):
    return {path.name: BeautifulSoup(path.read_text(), "html.parser") for path in sorted(folder.glob("*.html"))}


def page(*cells, **neighbors):
    """Render a page of Markdown sources and code cells."""
    made = [nbformat.v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in ("# Title", *cells)]
    return BeautifulSoup(pages.render(nbformat.v4.new_notebook(cells=made), **neighbors), "html.parser")


def code(source, *outputs):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def test_every_page_has_its_title_language_and_viewport(soups):
    assert {"index.html", "glossary.html", "microscope.html", "01_convolution.html"} <= soups.keys()
    titles = [soup.title.get_text() for soup in soups.values()]
    assert len(set(titles)) == len(titles)
    assert soups["01_convolution.html"].title.get_text().startswith("01 · ")
    for name, soup in soups.items():
        assert soup.html["lang"] == "en", name
        assert "width=device-width" in soup.find("meta", attrs={"name": "viewport"})["content"], name


def test_every_output_picture_keeps_its_alt_text(soups):
    for path in run.notebooks():
        outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]
        shown = [o for o in outputs if "image/png" in o.get("data", {}) and "text/html" not in o.data]
        texts = [o.metadata["image/png"]["alt"] for o in shown]
        found = [img["alt"] for img in soups[f"{path.stem}.html"].select(".output_png img")]
        assert texts == found
        assert all(texts)


def test_no_formula_is_left_as_tex(soups):
    for path in run.notebooks():
        soup = soups[f"{path.stem}.html"]
        prose = " ".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
        prose = re.sub(r"```.*?```|`[^`]*`", "", prose, flags=re.S)
        count = len(re.findall(r"\$\$.+?\$\$|(?<![\\$])\$(?!\$).+?(?<!\\)\$", prose, flags=re.S))
        assert len(soup.select(".text_cell math")) == count
        assert "$$" not in " ".join(cell.get_text() for cell in soup.select(".text_cell"))
        assert not any("\\" in math.get_text() or "&" in math.get_text() for math in soup.select("math"))


def test_headings_descend_in_order_from_one_title(soups):
    for name, soup in soups.items():
        levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1
        assert levels.count(1) == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name


def test_every_link_within_a_run_leads_somewhere(folder, soups):
    for name, soup in soups.items():
        for link in soup.find_all("a", href=True):
            target = urllib.parse.urlsplit(link["href"])
            if target.scheme:
                assert target.scheme == "https"
                continue
            assert not target.path or (folder / target.path).exists(), f"{name}: {link['href']}"
            if target.fragment and (target.path or name) in soups:
                where = soups[target.path or name]
                ids = [target.fragment, urllib.parse.unquote(target.fragment)]  # a browser tries both, in this order
                assert where.find(id=ids), f"{name}: {link['href']}"


def test_each_page_leads_to_its_neighbors_and_lists_its_sections(soups):
    names = [f"{path.stem}.html" for path in run.notebooks()] + ["glossary.html"]
    for number, name in enumerate(names):
        before = {a["href"] for a in soups[name].find_all("a", rel="prev")}
        after = {a["href"] for a in soups[name].find_all("a", rel="next")}
        assert before == ({names[number - 1]} if number else set())
        assert after == set(names[number + 1 : number + 2])
        sections = [h.get_text().removesuffix("¶") for h in soups[name].main.find_all("h2")]
        assert [a.get_text() for a in soups[name].select(".contents a")] == sections
    assert [a["href"] for a in soups["index.html"].select("ol a")] == names


def test_nothing_is_fetched_from_elsewhere(soups):
    for name, soup in soups.items():
        for tag in soup.find_all(["script", "img", "link", "iframe", "source"]):
            assert not (tag.get("src") or tag.get("href") or "").startswith(("http", "//")), f"{name}: {tag.name}"
        rules = " ".join(style.get_text() for style in soup.find_all("style"))
        assert not re.search(r"@import|url\((?![\"']?data:)", rules), name


def test_the_index_shows_what_came_out(folder, soups):
    soup = soups["index.html"]
    (picture,) = soup.find_all("img")
    assert (folder / picture["src"]).stat().st_size > 5000
    assert "conv_classifier 0.25 to 0.50" in picture["alt"]
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]
    assert rows[2] == ["involution_classifier", "0.500", "13,074", "10,000 of shapes", "2", "3"]
    assert soup.find("a", href="microscope.html")


def test_the_microscope_holds_the_network_of_the_run(folder, soups):
    assert soups["microscope.html"].title.get_text() == "The involution network of this run"
    text = (folder / "microscope.html").read_text()
    assert all(f'"{word}"' in text for word in ("involution_1", "involution_3", "spiral"))


def test_an_index_without_trained_networks_promises_nothing(tmp_path):
    index.write(tmp_path, [("01_a.html", "<b>")], {"seconds": 1})
    soup = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser")
    assert [a.get_text() for a in soup.find_all("a")] == ["<b>"]
    assert not soup.find(["img", "table"])


def test_links_of_a_notebook_lead_to_pages_or_to_the_repository():
    soup = page("[a](02_x.ipynb#b) [b](README.md#c) [c](../CONTRIBUTING.md) [d](https://e.f/g) [e](#h) [f](text/a.md)")
    repository = f"{pages.repository()}/blob/main"
    links = [a["href"] for a in soup.main.select("p a")]
    assert links[:3] == ["02_x.html#b", "glossary.html#c", f"{repository}/CONTRIBUTING.md"]
    assert links[3:] == ["https://e.f/g", "#h", f"{repository}/notebooks/text/a.md"]


def test_a_badge_from_elsewhere_becomes_its_text():
    soup = page("[![Open in Colab](https://colab.example/badge.svg)](https://colab.example/x)")
    assert not soup.find("img")
    assert soup.find("a", href="https://colab.example/x").get_text() == "Open in Colab"


def test_titles_and_alt_texts_are_escaped():
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    picture.metadata = {"image/png": {"alt": '"><script>alert(1)</script>'}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1 < 2 & <script>3</script>")])
    notebook.cells.append(code("x", picture))
    text = pages.render(notebook, previous=("a.html", "<script>4</script>"))
    soup = BeautifulSoup(text, "html.parser")
    assert soup.title.get_text().startswith("1 < 2 & <script>3</script>")
    assert soup.find("img")["alt"] == '"><script>alert(1)</script>'
    assert not soup.header.find("script")


def test_a_progress_bar_shows_its_last_state_and_an_empty_stream_nothing():
    bar = nbformat.v4.new_output("stream", name="stdout", text="10 %\r50 %\r100 %")
    empty = nbformat.v4.new_output("stream", name="stderr", text="\n  ")
    soup = page(code("train()", bar, empty))
    assert [pre.get_text().strip() for pre in soup.select(".output_area pre")] == ["100 %"]


def test_an_output_that_needs_scripts_from_elsewhere_is_shown_in_another_form():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "a slider"}
    soup = page(code("slider", nbformat.v4.new_output("display_data", data)))
    assert not soup.find("script")
    assert soup.select_one(".output_text").get_text().strip() == "a slider"


@pytest.mark.parametrize(
    ("tex", "holds"),
    [
        (r"x < y \& z", "&lt;"),
        (r"\lfloor K/2 \rfloor", '<mo stretchy="false">&#x0230A;</mo>'),
        (r"\begin{aligned}a&=1\\&+2\end{aligned}", 'class="aligned"'),
        (r"a\cdot(-1)", '<mo form="prefix">&#x02212;</mo>'),
        (r"a - 1", "<mo>&#x02212;</mo>"),
        (r"\begin{array}{lr}1&2\end{array}", 'style="text-align: right"'),
    ],
)
def test_formulas(tex, holds):
    element = formulas.mathml(tex)
    assert holds in element
    math = BeautifulSoup(element, "html.parser").math
    assert math["alttext"] == tex
    assert math["display"] == "inline"


VIEWS = {"phone": (390, "light"), "wide": (1400, "light"), "dark": (1400, "dark")}
PAGES = [*(f"{path.stem}.html" for path in run.notebooks()), "index.html", "glossary.html"]


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_in_a_browser_nothing_is_clipped_fetched_or_out_of_reach(name, view, folder, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    width, scheme = VIEWS[view]
    with browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme) as context:
        tab = context.new_page()
        requests, errors = [], []
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto((folder / name).as_uri())
        foreign = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
        assert (foreign, errors) == ([], [])
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        clipped = """[...document.querySelectorAll("pre, .formula, .scroll")].filter(block => block.checkVisibility() &&
            block.scrollWidth > block.clientWidth + 1 && getComputedStyle(block).overflowX !== "auto").length"""
        assert tab.evaluate(clipped) == 0
        assert tab.evaluate("document.fonts.check('16px Formulas')")
        found = axe.run(tab)
        assert {v["id"]: [n["html"] for n in v["nodes"]][:3] for v in found.response["violations"]} == {}


@pytest.mark.browser
def test_formulas_are_drawn_with_their_own_font(tmp_path, browser):
    """Brackets and braces stretch: a font without a table for formulas would leave them as high as a letter."""
    matrix = formulas.mathml(r"\begin{bmatrix} a \\ b \\ c \end{bmatrix}", "block")
    page = tmp_path / "matrix.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><style>{formulas.style()}</style>{matrix}")
    tab = browser.new_page()
    tab.goto(page.as_uri())
    heights = tab.evaluate(
        """[...document.querySelectorAll("math")].filter(f => f.querySelector("mtable")).map(f =>
        [f.querySelector("mtable").getBoundingClientRect().height,
         Math.max(...[...f.querySelectorAll("mo")].map(mo => mo.getBoundingClientRect().height))])"""
    )
    assert heights
    for table, bracket in heights:
        assert bracket > 0.8 * table
    tab.close()
