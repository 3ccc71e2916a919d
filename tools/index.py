"""The first page of a run: what came out, in one picture and one table, and the way to everything else."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from involution_utils import load_dataset, microscope, plotting

PICTURE = "figures/training.png"
MICROSCOPE = "microscope.html"
_NETWORK = "involution_classifier"


def summary(results: Mapping[str, Any]) -> list[str]:
    """Return what came out of a run, one line per trained model."""
    return [
        f"{name}: test accuracy {r['test_accuracy']:.3f} after {r['epochs']} epochs on {r['dataset']} "
        f"({r['train_images']:,} images), {sum(r['history']['seconds']):.0f} s of training"
        for name, r in _records(results).items()
    ]


def write(folder: Path, listed: Sequence[tuple[str, str]], results: Mapping[str, Any]) -> None:
    """Write `index.html` to a run's folder.

    Args:
        folder: the folder of the run.
        listed: (file name, title) of each page, in their order.
        results: the records by name, as `tools.run.run` returns them.
    """
    pages = "".join(f'<li><a href="{name}">{html.escape(title)}</a></li>' for name, title in listed)
    page = _PAGE.format(
        css=(Path(__file__).parent / "page" / "page.css").read_text(encoding="utf-8"),
        pages=pages,
        outcome=_outcome(folder, _records(results)),
        microscope=_microscope(folder, results),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def _microscope(folder: Path, results: Mapping[str, Any]) -> str:
    """Write the microscope of the involution network that the run trained, if it did, and return the link to it."""
    path = folder / f"{_NETWORK}.keras"
    if not path.exists() or _NETWORK not in results:
        return ""
    data = load_dataset(results[_NETWORK]["dataset"], train_size=10, test_size=12)
    title = "The involution network of this run"
    network = keras.saving.load_model(path)
    microscope.page(network, data.x_test, folder / MICROSCOPE, data.y_test, data.class_names, title=title)
    return _MICROSCOPE


def _records(results: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record for name, record in results.items() if isinstance(record, Mapping) and "history" in record}


def _outcome(folder: Path, records: dict[str, Any]) -> str:
    if not records:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th>"
        + "".join(f"<td>{cell}</td>" for cell in _cells(record))
        + "</tr>"
        for name, record in records.items()
    )
    return _TABLE.format(picture=_picture(folder, records), rows=rows)


def _cells(record: Mapping[str, Any]) -> list[str]:
    parameters = record.get("trainable_parameters")
    return [
        f"{record['test_accuracy']:.3f}",
        "" if parameters is None else f"{parameters:,}",
        html.escape(f"{record['train_images']:,} of {record['dataset']}"),
        f"{record['epochs']}",
        f"{sum(record['history']['seconds']):.0f}",
    ]


def _picture(folder: Path, records: dict[str, Any]) -> str:
    """Draw the training curves and return the `img` element, with what they show as its text."""
    drawn = {name: record["history"] for name, record in records.items() if "val_loss" in record["history"]}
    if not drawn:
        return ""
    ends = (f"{name} {h['val_accuracy'][0]:.2f} to {h['val_accuracy'][-1]:.2f}" for name, h in drawn.items())
    alt = f"Loss and accuracy over the epochs, training dashed, test solid. Test accuracy: {'; '.join(ends)}."
    (folder / PICTURE).parent.mkdir(exist_ok=True)
    (folder / PICTURE).write_bytes(plotting.show(plotting.curves(drawn), alt=alt).data)
    return f'<img src="{PICTURE}" alt="{html.escape(alt)}">'


_MICROSCOPE = f"""<p><a href="{MICROSCOPE}">The microscope</a>: the involution network of this run, alive.
Point at a pixel and see the kernel that is made for it.</p>"""
_TABLE = """<h2>What came out</h2>
{picture}
<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">network</th><th scope="col">test accuracy</th><th scope="col">trainable parameters</th>
<th scope="col">training images</th><th scope="col">epochs</th><th scope="col">seconds of training</th></tr></thead>
<tbody>{rows}</tbody></table></div>
<p>The records, with all that made them, are in <a href="results.json">results.json</a>; every figure is in
<code>figures/</code>, the trained networks (<code>.keras</code>) and the notebooks are beside this page.</p>"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A run of the series · Involution</title>
<style>
{css}
</style>
</head>
<body>
<main>
<h1>Involution: a run of the series</h1>
<ol>{pages}</ol>
{microscope}
{outcome}
</main>
</body>
</html>
"""
