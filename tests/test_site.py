"""The website as a reader gets it: built once, read as HTML, opened in a browser from a folder, without a server."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

import involution_utils
from docs import build

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
LIVE = ("microscope.html", "screen.html")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The website, built as `make site` does; a warning of Sphinx fails the build."""
    if os.environ.get("SITE"):  # a site that is there, for work on these tests
        return Path(os.environ["SITE"])
    out = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "docs.build", "--out", out]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    return out


@pytest.fixture(scope="session")
def pages(site):
    """{path below the site: parsed page}, the live pages and the code left out."""
    own = [path.relative_to(site) for path in sorted(site.rglob("*.html")) if path.name not in LIVE]
    return {str(path): parsed(site / path) for path in own if path.parts[0] not in ("_modules", "_static")}


def parsed(path):
    return BeautifulSoup(path.read_text(), "html.parser")


def addresses(page):
    return [tag[name] for name in ("href", "src") for tag in page.find_all(attrs={name: True})]


def test_every_inner_link_leads_somewhere(site, pages):
    anchors = {}
    for name, page in pages.items():
        for address in map(urlsplit, addresses(page)):
            if address.scheme or address.netloc:
                continue
            target = (site / name).parent / unquote(address.path) if address.path else site / name
            assert target.is_file(), f"{name} links to {address.path}"
            if address.fragment and target.suffix == ".html" and not address.fragment.startswith("search"):
                if target not in anchors:
                    anchors[target] = {tag["id"] for tag in parsed(target).find_all(id=True)}
                assert unquote(address.fragment) in anchors[target], (
                    f"{name} links to {address.path}#{address.fragment}"
                )


def test_nothing_is_loaded_from_elsewhere(pages):
    for name, page in pages.items():
        loaded = [tag["src"] for tag in page.find_all(src=True)]
        loaded += [tag["href"] for tag in page.find_all("link", href=True) if "canonical" not in tag.get("rel", [])]
        assert not [address for address in loaded if urlsplit(address).netloc], name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_output_keeps_its_alt_text(path, pages):
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]
    metadata = [o.metadata for o in outputs if "image/png" in o.get("data", {}) and "text/html" not in o.data]
    expected = [m["image/png"]["alt"] for m in metadata]
    article = pages[f"notebooks/{path.stem}.html"]
    shown = [img["alt"] for img in article.select(".cell_output img[src*='_images/']")]
    assert shown == expected
    assert all(img.get("alt") for img in article.find_all("img"))


def test_every_public_name_has_its_docstring_and_its_source(pages):
    api = {name: page for name, page in pages.items() if name.startswith("api/")}
    entries = {dt["id"]: dt for page in api.values() for dt in page.select("dt.sig[id]")}
    for name in involution_utils.__all__:
        if callable(getattr(involution_utils, name)):
            entry = entries[f"involution_utils.{name}"]
            assert entry.select("a[href*='_modules/']"), name
            assert entry.find_next_sibling("dd").get_text(strip=True), name


def test_every_experiment_stands_on_its_page(pages):
    from docs.records import TITLES
    from lab.experiments import EXPERIMENTS

    headings = [h.get_text().rstrip("#").lower() for h in pages["experiments.html"].select("article h2")]
    assert headings == [title.lower() for title in TITLES.values()]
    tables = {path.stem for path in (ROOT / "involution_utils" / "results").glob("*.jsonl")}
    assert tables | set(EXPERIMENTS) == set(TITLES)
    assert len(pages["experiments.html"].select("a.download")) == len(tables)


def test_first_mentions_lead_to_the_glossary(pages):
    links = pages["notebooks/02_involution.html"].select("a.glossary-term")
    assert len(links) >= 5
    assert len({link["href"] for link in links}) == len(links), "a term is linked twice"
    (window,) = [link for link in links if link.get_text().lower().startswith("window")]
    assert window["title"] == "the K×K pixels around a position."


def test_a_notebook_is_one_click_away_from_running(pages):
    for path in NOTEBOOKS:
        links = pages[f"notebooks/{path.stem}.html"].select(".launch a")
        assert [link.get_text() for link in links] == ["Colab", "Kaggle", "Binder", "Download"]
        repository = re.search(r'Repository = "https://github.com/(.+)"', (ROOT / "pyproject.toml").read_text())[1]
        assert all(repository in link["href"] for link in links[:3])
    assert "notebooks/01_convolution.html" in addresses(pages["index.html"])


@pytest.fixture
def opened(site, browser):
    """A function that opens a page of the site from its folder; requests elsewhere and errors are collected."""
    contexts, wrong = [], []

    def open_page(name, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{site.as_uri()}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_phone(scheme, pages, opened):
    from axe_playwright_python.sync_playwright import Axe

    page = opened("index.html", 390, scheme)
    for name in pages:
        page.goto(page.url.rsplit("/site/", 1)[0] + f"/site/{name}")
        # without its own loading of style sheets, which looks for their imports beside the page
        found = Axe().run(page, options={"preload": False}).response["violations"]
        assert found == [], (name, [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found])
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_search_works_from_a_folder(opened):
    page = opened("search.html?q=equivariant")
    page.wait_for_selector("#search-results li a")
    assert "01_convolution" in page.inner_html("#search-results")


def test_the_landing_page_is_alive_above_the_fold(opened):
    page = opened("index.html")
    page.set_viewport_size({"width": 1366, "height": 768})
    frame = page.frame_locator("iframe.screen")
    frame.locator(".path").last.wait_for()
    (live,) = [frame for frame in page.frames if frame.url.endswith("screen.html")]
    titles = live.evaluate("networks.map(({ title }) => title)")
    assert titles == [title for title in build.SCREEN.values() if title in titles]
    assert "Involution" in titles
    assert live.evaluate("byId('warning').textContent") == ""
    last = frame.locator(".path").last.bounding_box()
    assert last["y"] + last["height"] < 768
