"""Slides: what a lecturer opens without a network."""

import re
from pathlib import Path

import nbformat
import pytest

from docs import build, slides


@pytest.fixture
def decks(tmp_path, monkeypatch):
    """One page with two slides, a formula, code and a note, and one page without slides."""
    (tmp_path / "notebooks").mkdir()
    kinds = {"slide": "# Title", "subslide": "Here $a_1 < b$, `$x$`, [on](02.ipynb).\n\n$$y = 2$$", "notes": "Say it."}
    cells = [nbformat.v4.new_markdown_cell(t, metadata={"slideshow": {"slide_type": k}}) for k, t in kinds.items()]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "01_talk.ipynb")
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# None")])
    nbformat.write(plain, tmp_path / "notebooks" / "02_page.ipynb")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "out").mkdir()
    return slides.write(tmp_path / "out")


def test_a_deck_is_written_of_each_page_that_has_slides(decks):
    (path,) = decks
    text = path.read_text()
    assert path.name == "01_talk.slides.html"
    assert text.count("<math ") == 2
    assert "<code>$x$</code>" in text
    assert ".ipynb" not in text
    assert re.search(r'<aside class="notes">.*Say it\..*</aside>', text, flags=re.S)


def test_a_deck_has_all_its_files_beside_it(decks):
    (path,) = decks
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', path.read_text())
    assert len(loaded) >= 4
    for name in loaded:
        assert (path.parent / name).is_file(), name
    styles = [sheet.read_text() for sheet in path.parent.rglob("*.css") if sheet.name in ("white.css", "reveal.css")]
    assert not any(re.search(r"(?:@import|url\()\s*[\"'(]*https?:", sheet) for sheet in styles)


def test_the_lectures_have_slides():
    for page in ("01_convolution", "02_involution", "03_training", "05_kernels"):
        notebook = nbformat.read(Path(__file__).parent.parent / "notebooks" / f"{page}.ipynb", as_version=4)
        kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells]
        assert kinds.count("slide") + kinds.count("subslide") >= 8, page
