"""Write the page of the experiments: what each is, what was declared, and what came out, a row per network."""

import shutil

from docs.build import ROOT
from involution_utils import records
from lab.experiments import EXPERIMENTS

RESULTS = "test_accuracy"


def table(rows):
    """Return a Markdown table of lists of cells, the first of them its header."""
    header, *others = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([header, "|" + "---|" * len(rows[0]), *others])


def section(experiment):
    """Return the section of one experiment: its title, its rows by name and budget."""
    lines = [f"## {experiment.title[0].upper()}{experiment.title[1:]}", ""]
    if not (records.RESULTS / f"{experiment.name}.jsonl").exists():
        return "\n".join([*lines, f"Declared; no run is finished yet (`{experiment.name}`).", ""])
    frame = records.load_results(experiment.name)
    rows = [["network", "images × epochs", "seeds", "mean test accuracy", "lowest and highest"]]
    if RESULTS in frame and frame[RESULTS].notna().any():
        groups = frame.dropna(subset=[RESULTS]).groupby(["name", "train_images", "epochs"], sort=False)
        for (name, images, epochs), group in groups:
            found = group[RESULTS].astype(float)
            spread = f"{found.min():.3f} to {found.max():.3f}" if len(found) > 1 else ""
            rows.append(
                [name, f"{images:,}\u00a0×\u00a0{epochs}", group["seed"].nunique(), f"{found.mean():.3f}", spread]
            )
        lines += [table(rows), ""]
    lines += [
        f'{len(frame)} runs: `load_results("{experiment.name}")`. `make results-{experiment.name}` adds rows.',
        "",
    ]
    return "\n".join(lines)


def write(folder):
    """Write the page of the experiments and their declaration into `folder`."""
    sections = "\n".join(map(section, EXPERIMENTS.values()))
    (folder / "experiments.md").write_text(
        "# Experiments and their records\n\nThe [declaration](declaration.md) says, by date, what was declared before "
        "which runs, and what was not. Intervals and tests are in the notebooks.\n\n" + sections
    )
    shutil.copy(ROOT / "lab" / "DECLARATION.md", folder / "declaration.md")
