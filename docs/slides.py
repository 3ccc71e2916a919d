"""Slides: a reveal.js deck of each notebook whose cells carry slide types. No deck asks another host for anything.

python -m docs.slides [--out slides]
"""

import argparse
import importlib.resources
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter

from docs import build, formulas
from tools import output

_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", flags=re.S)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", flags=re.S)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")


def _mathml(found: re.Match) -> str:
    return formulas.mathml(found[1], "block") if found[1] else formulas.mathml(found[2])


def for_slides(text: str) -> str:
    """Return Markdown with its formulas as MathML, without the badge and without links to other pages."""
    parts = _CODE.split(_LINK.sub(r"\1", build.BADGE.sub("", text)))
    return "".join(part if part.startswith("`") else _FORMULA.sub(_mathml, part) for part in parts)


def write(folder: Path) -> list[Path]:
    """Write the decks, and the files of reveal.js that they need, into `folder`; return the decks' paths."""
    exporter = SlidesExporter(template_name="slides", extra_template_basedirs=[str(build.HERE / "templates")])
    exporter.reveal_url_prefix = "reveal.js"
    exporter.reveal_theme = "white"  # other themes ask for fonts from elsewhere
    paths = []
    for path in sorted((build.ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if not any("slideshow" in cell.metadata for cell in notebook.cells):
            continue
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = for_slides(cell.source)
        paths.append(folder / f"{path.stem}.slides.html")
        paths[-1].write_text(exporter.from_notebook_node(notebook)[0], encoding="utf-8")
    with importlib.resources.as_file(importlib.resources.files("sphinx_revealjs") / "_static/revealjs") as reveal:
        for part in ("dist", "plugin/notes"):
            ignored = shutil.ignore_patterns("*.map", "*.esm.js", "*.mjs")
            shutil.copytree(reveal / part, folder / "reveal.js" / part, ignore=ignored)
        shutil.copy(reveal / "LICENSE", folder / "reveal.js")
    return paths


def main() -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m docs.slides", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=build.ROOT / "slides")
    out = parser.parse_args().out.resolve()
    before = output.earlier(out)
    work = output.begin(out)
    names = [path.name for path in write(work)]
    placed = output.finish(work, out, before)
    print("\n".join(str(placed / name) for name in names))


if __name__ == "__main__":
    main()
