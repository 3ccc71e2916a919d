"""Write the page of the experiments: what each is, what was declared, and what came out, a row per network."""

import shutil

from docs.build import ROOT
from involution_utils import records
from lab.experiments import EXPERIMENTS

TITLES = {name: experiment.title for name, experiment in EXPERIMENTS.items()} | {
    "training": "the two classifiers of the Keras example",
    "lab": "ten operators, 10,000 images, 5 epochs",
    "full_budget": "five operators and the repaired INN, 45,000 images, 20 epochs",
    "learning_rates": "learning rates of the ten operators",
    "rate_checks": "operators at a second learning rate",
    "ablation": "involution with other settings",
    "generators": "three kernel generators that see more than the pixel",
    "rednet": "the small RedNet on all 50,000 images",
    "lesions": "kernels that may not look at their place",
    "toy": "three toy tasks of one layer",
    "labels": "labels for every pixel, all layers at one rate",
}
BY = {"task": "task", "model": "network", "network": "operator", "layer": "layer", "name": "variant"}
BY |= {"reestimated": "normalization anew", "recipe": "recipe", "learning_rate": "rate"}
BY |= {"train_images": "images", "epochs": "epochs"}
OUTCOMES = ("test_accuracy", "validation_accuracy", "mean IoU, trained", "relative_error", "spatial_share")


def table(rows):
    """Return a Markdown table of lists of cells, the first of them its header."""
    header, *others = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([header, "|" + "---|" * len(rows[0]), *others])


def section(name, title):
    """Return the section of one experiment: its title, its rows by what was varied, and where all numbers are."""
    lines = [f"## {title[0].upper()}{title[1:]}", ""]
    if not (records.RESULTS / f"{name}.jsonl").exists():
        return "\n".join([*lines, f"Declared; no run is finished yet (`{name}`).", ""])
    frame = records.load_results(name)
    if "network" in frame:
        frame["network"] = [network and network["name"] for network in frame["network"]]
    by = [column for column in BY if column in frame and frame[column].notna().any()]
    outcome = next(column for column in OUTCOMES if column in frame and frame[column].notna().any())
    rows = [[*(BY[column] for column in by), "runs", f"{outcome.replace('_', ' ')}: mean", "lowest and highest"]]
    for key, found in frame.explode(outcome).groupby(by, sort=False, dropna=False)[outcome]:
        low, mean, high = (f"{value:#.3g}" for value in (found.min(), found.mean(), found.max()))
        rows.append([*key, found.index.nunique(), mean, f"{low} to {high}" if len(found) > 1 else ""])
    more = f" `make results-{name}` adds rows." if name in EXPERIMENTS else ""
    raw = f"{{download}}`Every number <results/{name}.jsonl>`"
    return "\n".join([*lines, table(rows), "", f'{raw}, or `load_results("{name}")`.{more}', ""])


def write(folder):
    """Write the page of the experiments, their rows and their declaration into `folder`."""
    sections = "\n".join(section(name, title) for name, title in TITLES.items())
    (folder / "experiments.md").write_text(
        "# Experiments and their records\n\nThe [declaration](declaration.md) says, by date, what was declared before "
        "which runs, and what was not. Intervals and tests are in the notebooks.\n\n" + sections
    )
    shutil.copytree(records.RESULTS, folder / "results")
    shutil.copy(ROOT / "lab" / "DECLARATION.md", folder / "declaration.md")
