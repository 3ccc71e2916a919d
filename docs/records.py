"""Write the page of the experiments: what was declared, how much is done, what came out, as readable tables."""

import json
import shutil
import statistics
from pathlib import Path

from involution_utils.experiments import EXPERIMENTS, MissingRecordsError

RESULTS = Path(__file__).resolve().parents[1] / "involution_utils" / "results"
DECLARATION = RESULTS.parent / "experiments" / "DECLARATION.md"


def table(header, rows):
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def setting(record):
    """Describe what was trained, without its seed."""
    arguments = ", ".join(f"{name}={value}" for name, value in (record.get("arguments") or {}).items())
    return f"`{record.get('model', '')}`" + (f" {arguments}" if arguments else "")


def accuracies(records):
    """Return a table with a row per setting: seeds, budget, mean test accuracy and its range."""
    groups = {}
    for record in records:
        key = (setting(record), record["train_images"], record["epochs"], record.get("recipe"))
        groups.setdefault(key, []).append(record)
    rows = []
    for (name, images, epochs, _), group in groups.items():
        found = [record["test_accuracy"] for record in group]
        spread = f"{min(found):.3f}\u2060–\u2060{max(found):.3f}" if len(found) > 1 else ""
        parameters = group[0].get("trainable_parameters")
        rows.append(
            (
                name,
                f"{images:,}\u00a0×\u00a0{epochs}",
                f"{parameters:,}" if parameters else "",
                len(found),
                f"{statistics.mean(found):.3f}",
                spread,
            )
        )
    return table(["network", "images × epochs", "parameters", "seeds", "mean test accuracy", "range"], rows)


def plain(records):
    """Return a table of records that hold other measurements: their plain values."""
    columns = [
        n
        for n, v in records[0].items()
        if isinstance(v, (str, int, float)) and len({str(r.get(n)) for r in records}) > 1
    ]
    rows = [
        [f"{r.get(c):.3g}" if isinstance(r.get(c), float) else r.get(c, "") for c in columns] for r in records[:100]
    ]
    return table(columns, rows)


def section(experiment):
    """Return the section of one experiment."""
    paths = sorted((RESULTS / experiment.name).rglob("*.json"))
    records = [json.loads(path.read_text()) for path in paths]
    try:
        total, missing = len(experiment.runs()), len(experiment.missing(RESULTS))
        done = f"{total - missing} of {total} declared runs are done."
    except MissingRecordsError as error:
        done = f"It waits: {error}."
    lines = [f"## {experiment.name}", "", f"{experiment.title[0].upper()}{experiment.title[1:]}. {done}", ""]
    trained = [r for r in records if isinstance(r, dict) and {"test_accuracy", "epochs", "train_images"} <= r.keys()]
    other = [r for r in records if isinstance(r, dict) and r not in trained]
    if trained:
        lines += [
            accuracies(trained),
            "",
            f"Processor: {one_of(trained, 'processor')}. Images: {one_of(trained, 'source')}.",
            "",
        ]
    elif other:
        lines += [plain(other), ""]
    if records:
        lines += [f"`make results-{experiment.name}` makes the records again.", ""]
    return "\n".join(lines)


def one_of(records, name):
    """Return the values that a field takes, most frequent first."""
    found = [str(record[name]) for record in records if record.get(name)]
    return "; ".join(sorted(set(found), key=found.count, reverse=True)[:3]) or "not recorded"


def write(folder):
    """Write the page of the experiments and their declaration into `folder`."""
    sections = "\n".join(section(experiment) for experiment in EXPERIMENTS.values())
    (folder / "experiments.md").write_text(
        "# Experiments and their records\n\n"
        "Each number in the notebooks comes from a run that was declared before it was made. "
        "The [declaration](declaration.md) says which comparisons are drawn. "
        "A range goes from the worst to the best seed; intervals and tests are in notebook 06.\n\n" + sections
    )
    shutil.copy(DECLARATION, folder / "declaration.md")
