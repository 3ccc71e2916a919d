"""The pages of a run: each notebook as HTML that is complete in itself and fetches nothing.

Formulas become MathML, links to notebooks lead to their pages, and the pages to each other.
"""

import html
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, Preprocessor

from involution_utils import checks
from tools.formulas import mathml, style

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = "glossary.html"


def repository() -> str:
    """Return the repository's address, which pyproject.toml alone holds."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def title(notebook: nbformat.NotebookNode) -> str:
    """Return the first heading of a notebook."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


class _MathMarkdown(IPythonRenderer):
    """Markdown whose formulas become MathML."""

    def inline_math(self, body):
        return mathml(body)

    def block_math(self, body):
        return f'<div class="formula" tabindex="0" role="group" aria-label="formula">{mathml(body, "block")}</div>'

    def latex_environment(self, name, body):
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


class _DropEmptyStreams(Preprocessor):
    """Drop what a cell wrote if nothing of it can be seen, such as the end of a progress bar."""

    def preprocess_cell(self, cell, resources, index):
        kept = [o for o in cell.get("outputs", []) if o.output_type != "stream" or o.text.strip()]
        if cell.cell_type == "code":
            cell.outputs = kept
        return cell, resources


class PageExporter(HTMLExporter):
    """nbconvert's exporter with our template, MathML, and without outputs that need scripts from elsewhere."""

    def __init__(self, **kwargs):
        super().__init__(
            template_name="page",
            extra_template_basedirs=[str(ROOT / "tools")],
            preprocessors=[CoalesceStreamsPreprocessor, _DropEmptyStreams],
            **kwargs,
        )

    @property
    def default_config(self):
        """Prefer of an output's forms those that need no script."""
        config = super().default_config
        kinds = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain"]
        config.NbConvertBase.display_data_priority = kinds
        return config

    def markdown2html(self, context, source):
        """Render Markdown as nbconvert does, but for the formulas."""
        attachments = context.get("cell", {}).get("attachments", {})
        return MarkdownWithMath(renderer=_MathMarkdown(escape=False, attachments=attachments)).render(source)

    markdown2html.jinja_pass_arg = HTMLExporter.markdown2html.jinja_pass_arg


def render(notebook: nbformat.NotebookNode, previous=None, following=None) -> str:
    """Render a notebook as a page.

    Args:
        notebook: the notebook; its first heading becomes the page's title.
        previous: (file name, title) of the page before it, or None.
        following: (file name, title) of the page after it, or None.
    """
    page = {"title": title(notebook), "previous": previous, "next": following, "style": style()}
    source, _ = PageExporter().from_notebook_node(notebook, {"page": page})
    soup = BeautifulSoup(source, "html.parser")
    main = soup.find("main")
    _lead_links_to_pages(main)
    for image in main.find_all("img", src=re.compile("^https?:")):  # a badge: its text says what it is
        image.replace_with(image.get("alt") or "picture")
    for table in main.find_all("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "scroll", "tabindex": "0"}))
    for corner in main.find_all("th"):
        if not corner.get_text(strip=True):  # above the names of the rows, it heads nothing
            corner.name = "td"
    for word in main.select("pre span[style*=text-decoration-color]"):  # Keras's summary: colors too light to read
        del word["style"]
    for block in main.find_all("pre"):
        block["tabindex"] = "0"  # one that scrolls must be within a keyboard's reach
    _add_contents(soup, main)
    return str(soup)


def _lead_links_to_pages(main: Tag) -> None:
    for link in main.find_all("a", href=True):
        target = link["href"]
        if page := re.fullmatch(r"(\d\d_\w+)\.ipynb(#.*)?", target):
            link["href"] = f"{page[1]}.html{page[2] or ''}"
        elif target.partition("#")[0] == "README.md":
            link["href"] = target.replace("README.md", GLOSSARY)
        elif not re.match(r"[a-z]+:|#", target):
            link["href"] = f"{repository()}/blob/main/{_below_root(target)}"


def _below_root(target: str) -> str:
    """Return a link of a notebook as a path from the repository's root."""
    path, _, fragment = target.partition("#")
    parts: list[str] = ["notebooks"]
    for part in path.split("/"):
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts) + (f"#{fragment}" if fragment else "")


def _add_contents(soup: BeautifulSoup, main: Tag) -> None:
    """Put a table of contents after the first heading."""
    headings = main.find_all("h2", id=True)
    if not headings:
        return
    items = "".join(
        f'<li><a href="#{html.escape(h["id"])}">{html.escape(h.get_text().removesuffix("¶"))}</a></li>'
        for h in headings
    )
    contents = f'<nav class="contents" aria-label="On this page"><strong>On this page</strong><ol>{items}</ol></nav>'
    main.find("h1").insert_after(BeautifulSoup(contents, "html.parser"))


def write(folder: Path, notebooks: Sequence[Path]) -> list[tuple[str, str]]:
    """Write the pages of executed notebooks, and the glossary's, to `folder`; return (file name, title) of each."""
    read = [nbformat.read(path, as_version=4) for path in notebooks]
    glossary = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    checks.write_whole(folder / "README.md", lambda part: part.write_text(glossary, encoding="utf-8"))
    read.append(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(glossary)]))
    listed = [(f"{path.stem}.html", title(one)) for path, one in zip(notebooks, read, strict=False)]
    listed.append((GLOSSARY, "Notation and glossary"))
    for number, (notebook, (name, _)) in enumerate(zip(read, listed, strict=True)):
        page = render(notebook, listed[number - 1] if number else None, (*listed[number + 1 :], None)[0])
        (folder / name).write_text(page, encoding="utf-8")
    return listed
