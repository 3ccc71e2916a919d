"""A Sphinx extension: formulas as MathML, the alt texts of outputs, links from the text to the glossary.

MathML needs no script and no font from elsewhere, is read aloud by screen readers, and prints.
"""

import re
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import NbElementRenderer
from sphinx import addnodes

from docs import formulas

# What a link to the glossary must not stand in.
LINKLESS = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw, nodes.math, nodes.strong)
_render_image = NbElementRenderer.render_image


def render_image(self, data):
    """Render an output's picture with the alt text in its metadata, which MyST-NB leaves out."""
    images = _render_image(self, data)
    alt = data.output_metadata.get(data.mime_type, {}).get("alt")
    for image in images if alt else ():
        image["alt"] = alt
    return images


def visit_math(self, node):
    """Write a formula within a line."""
    self.body.append(formulas.mathml(node.astext()))
    raise nodes.SkipNode


def visit_displayed_math(self, node):
    """Write a formula of its own. It scrolls on a narrow screen, by keyboard as well."""
    formula = formulas.mathml(node.astext(), "block")
    self.body.append(f'<div class="math" tabindex="0" role="group" aria-label="formula">{formula}</div>\n')
    raise nodes.SkipNode


def glossary_terms(text):
    """Return {term in lower case: (anchor, definition)} of a glossary whose entries read `- **Term**: what it is`."""
    plain = re.sub(r"^- \*\*", "TERM ", text, flags=re.M).replace("^2", "²")
    plain = re.sub(r"[*$]", "", re.sub(r"\\times ?", "×", plain))
    entries = re.findall(r"^TERM (.+?): (.+)", plain, flags=re.M)
    return {term.lower(): (anchor(term), definition) for names, definition in entries for term in names.split(", ")}


def anchor(term):
    """Return the anchor of a glossary's term."""
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")


def mark_terms(document):
    """Give each entry of the glossary its anchor, and its place in the index that the search looks into first."""
    for item in document.findall(nodes.list_item):
        strong = item.next_node(nodes.strong)
        if strong is not None and item.astext().startswith(strong.astext()):
            for term in strong.astext().split(", "):
                strong.parent.insert(0, nodes.target(ids=[anchor(term)]))
                strong.parent.insert(0, addnodes.index(entries=[("single", term, anchor(term), "main", None)]))


def link_terms(document, terms):
    """Link each term's first mention in the text of a page to the glossary; the definition shows under the pointer."""
    left = dict(terms)
    for text in list(document.findall(nodes.Text)):
        if any(isinstance(parent, (*LINKLESS, addnodes.desc)) for parent in _ancestors(text)):
            continue
        words = "|".join(sorted(map(re.escape, left), key=len, reverse=True))
        found = words and re.search(rf"\b({words})s?\b", text, flags=re.I)
        if found:
            name = found[1].lower()
            target, definition = left.pop(name)
            where = {"refuri": f"README.html#{target}", "reftitle": definition}
            link = nodes.reference("", found[0], **where, classes=["glossary-term"])
            parts = [nodes.Text(text[: found.start()]), link, nodes.Text(text[found.end() :])]
            text.parent.replace(text, parts)


def _ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def on_docstring(app, what, name, thing, options, lines):
    """Read a docstring as its authors wrote it: single backticks for code, asterisks for themselves."""
    code = re.compile(r"(?<![`:])`([^`]+)`(?!`)")
    text = code.sub(r"``\1``\\ ", "\n".join(lines))
    parts = re.split(r"(``.+?``)", text, flags=re.S)
    lines[:] = "".join(p if p.startswith("``") else p.replace("*", r"\*") for p in parts).split("\n")


def on_doctree_read(app, document):
    """Work on the notebooks' pages and on the glossary."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.name == "README.md":
        mark_terms(document)
    elif path.suffix == ".ipynb":
        link_terms(document, app.glossary_terms)


def on_builder_inited(app):
    """Read the glossary once."""
    app.glossary_terms = glossary_terms(next(Path(app.srcdir).rglob("README.md")).read_text(encoding="utf-8"))


def setup(app):
    """Register what this extension does."""
    NbElementRenderer.render_image = render_image
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displayed_math, None))
    app.connect("builder-inited", on_builder_inited)
    app.connect("doctree-read", on_doctree_read)
    app.connect("autodoc-process-docstring", on_docstring, priority=400)  # before Napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
