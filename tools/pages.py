"""The pages of a run, by the website's renderer: its notebooks, the glossary, the microscope, and a first page."""

import contextlib
import html
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import nbformat

from docs import build
from involution_utils import load_dataset, microscope

GLOSSARY = build.ROOT / "notebooks" / "README.md"
NETWORK = "involution_classifier"  # the one that a run's microscope shows
# What TensorFlow says while it starts, and where Keras says that it wrote.
_LOG = re.compile(r"^(?:WARNING: All log messages|[IWE]\d{4} |\d{4}-\d\d-\d\d .*: [IWE] |INFO:tensorflow:).*\n?", re.M)
_FIGURE = '<a href="figures/{0}" aria-label="figure {1} of {2}">{1}</a>'
_OUTPUT_ALONE = {"tags": ["remove-input"]}
_THUMBNAIL = '<a href="{0}.html"><img class="thumbnail" src="figures/{1}" alt="A figure of {0}"></a>\n'
_OTHER_DATA = """```{note}
This run used the data set `DATASET`. The text speaks of the stored run, on CIFAR-10. Wherever an output differs, the
stored one follows it.
```
"""
_MICROSCOPE = """# The microscope

The involution network of this run, alive. Point at a pixel and see the kernel that is made for it.

```{raw} html
<iframe class="microscope" src="microscope.html" title="Microscope: the network of this run, live"></iframe>
```
"""


def write(folder: Path, sources: Sequence[Path], results: Mapping[str, Any]) -> None:
    """Write the pages of a run, `index.html` first, into the folder with its executed notebooks.

    Args:
        folder: the folder of the run, with `figures/` in it.
        sources: the notebooks as they are stored; those executed have the same names in that folder.
        results: what `results.json` will hold.

    Raises:
        OSError: if the renderer fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "pages")
        source.mkdir()
        shutil.copy(GLOSSARY, source)
        shutil.copy(GLOSSARY, folder)  # for links in a notebook that is opened in JupyterLab
        trained, rows = networks(folder), []
        others = {record["dataset"] for record in trained.values()} - {"cifar10"}
        for path in sources:
            stored = nbformat.read(path, as_version=4)
            executed = _for_a_page(nbformat.read(folder / path.name, as_version=4))
            rows += _row(folder, path, executed, stored)
            if others:
                _show_stored(executed, stored, min(others))
            nbformat.write(executed, source / path.name)
        entries = [*(path.stem for path in sources), "Notation and glossary <README>"]
        if _write_microscope(folder, results):
            (source / "the_microscope.md").write_text(_MICROSCOPE, encoding="utf-8")
            entries.append("the_microscope")
        (source / "index.md").write_text(_index(folder, rows, trained, results, entries), encoding="utf-8")
        if build.sphinx(source, made):
            raise OSError("Sphinx could not make the pages of the run")
        shutil.copytree(made, folder, dirs_exist_ok=True)


def _for_a_page(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out the badge, what is written only to a log, and the second cell of parameters, whose values stay."""
    cells = notebook.cells
    cells[0].source = build.BADGE.sub("", cells[0].source)
    for cell in cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _LOG.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.text.strip()]
    tagged = {tag: cell for cell in cells for tag in cell.metadata.get("tags", [])}
    given = tagged.get("injected-parameters")
    if given and "parameters" in tagged:
        for line in re.findall(r"^\w+ = .*$", given.source, flags=re.M):
            name = line.partition(" = ")[0]
            declared = re.sub(
                rf"^{name} = .*?(?=\s*#|$)", lambda _, to=line: to, tagged["parameters"].source, flags=re.M
            )
            tagged["parameters"].source = declared
        cells.remove(given)
    return notebook


def _shown(cell: nbformat.NotebookNode) -> list[str]:
    """Return what a reader sees of a cell's outputs: text, or a picture's bytes."""
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    texts = "".join(output.get("text", "") for output in cell.get("outputs", []))
    return [texts, *(bundle.get("image/png", bundle.get("text/plain", "")) for bundle in bundles)]


def _show_stored(notebook: nbformat.NotebookNode, stored: nbformat.NotebookNode, dataset: str) -> None:
    """Put after each output that differs from the stored one that one, and say so at the top of the page."""
    before, cells = {cell.id: cell for cell in stored.cells}, []
    for cell in notebook.cells:
        cells.append(cell)
        twin = before.get(cell.id, {})
        if any(_shown(twin)) and _shown(twin) != _shown(cell):
            cells.append(nbformat.v4.new_markdown_cell("*Stored, on CIFAR-10:*"))
            cells.append(nbformat.v4.new_code_cell(twin.source, outputs=twin.outputs, metadata=_OUTPUT_ALONE))
    if len(cells) > len(notebook.cells):
        cells.insert(1, nbformat.v4.new_markdown_cell(_OTHER_DATA.replace("DATASET", dataset)))
    notebook.cells = cells


def _answer(notebook: nbformat.NotebookNode) -> str:
    """Return as HTML what the cell tagged `answer` shows."""
    outputs = [o for cell in notebook.cells if "answer" in cell.metadata.get("tags", []) for o in cell.outputs]
    bundles = [{"text/plain": output.get("text", ""), **output.get("data", {})} for output in outputs]
    return "".join(b.get("text/html") or f"<pre>{html.escape(b['text/plain'])}</pre>" for b in bundles)


def _row(folder: Path, path: Path, executed: nbformat.NotebookNode, stored: nbformat.NotebookNode) -> list[str]:
    """Return what the first page says of a notebook: its title, a figure, its answers here and as stored, its files."""
    figures = sorted(figure.name for figure in (folder / "figures").glob(f"{path.stem}-*.png"))
    answers = {"This run": _answer(executed), "Stored, on CIFAR-10": _answer(stored)}
    if len(set(answers.values())) == 1:
        answers = {"This run, as stored": _answer(stored)}
    shown = [f"<div><b>{whose}</b>{answer}</div>" for whose, answer in answers.items() if answer]
    links = " ".join(_FIGURE.format(name, number, path.stem[:2]) for number, name in enumerate(figures, 1))
    lines = [f"\n## [](./{path.name})\n", '```{raw} html\n<div class="answer">']
    lines += [_THUMBNAIL.format(path.stem, figures[0])] if figures else []
    lines += [*shown, "</div>\n```\n", f'<a href="{path.name}">{path.name}</a> · figures {links or "none"}']
    return lines


def _write_microscope(folder: Path, results: Mapping[str, Any]) -> bool:
    """Write the microscope of the involution network that the run trained, if it did."""
    path = folder / f"{NETWORK}.keras"
    if not path.exists() or NETWORK not in results:
        return False
    data = load_dataset(results[NETWORK]["dataset"], train_size=10, test_size=12)
    title = "The involution network of this run"
    network = keras.saving.load_model(path)
    microscope.show(network, data.x_test, data.y_test, data.class_names, title=title).save(folder / "microscope.html")
    return True


def networks(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records of trained networks that notebooks left in a folder, by the names of their files."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, RecursionError):  # a notebook may leave what it likes
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    known = {"test_accuracy", "dataset", "train_images", "epochs", "history"}
    return {name: record for name, record in found.items() if isinstance(record, dict) and known <= record.keys()}


def _index(
    folder: Path, rows: Sequence[str], trained: Mapping[str, Any], results: Mapping[str, Any], entries: Sequence[str]
) -> str:
    chosen = ", ".join(f"`{name}={value!r}`" for name, value in results["parameters"].items())
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        "# A run of the series\n",
        f"Made on {results['date']} with {chosen or 'the default parameters'}, in {results['seconds']} s on "
        f"{results['processor']}. Versions: {versions}.\n",
        *rows,
    ]
    if trained:
        lines.append("\n## What was trained\n\n| network | test accuracy | images | epochs | seconds |")
        lines.append("|---|---|---|---|---|")
    for name, record in trained.items():
        model = f'<a href="{name}.keras">{name}</a>' if (folder / f"{name}.keras").exists() else name
        images = f"{record['train_images']:,} of {record['dataset']}"
        seconds = round(sum(record["history"].get("seconds", [])))
        lines.append(f"| {model} | {record['test_accuracy']:.3f} | {images} | {record['epochs']} | {seconds} |")
    lines.append('\nAll numbers: <a href="results.json">results.json</a>.\n\n```{toctree}\n:hidden:\n')
    return "\n".join([*lines, *entries, "```\n"])
