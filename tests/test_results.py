"""The committed results: all there, and made with the networks and the budget that the code has today."""

import json
import sys
from pathlib import Path

import pytest

from involution_utils import models

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import ablation, lab  # noqa: E402

RECORDS = {path: json.loads(path.read_text()) for path in sorted((ROOT / "results").glob("*/**/*-seed*.json"))}


def test_every_run_of_the_lab_and_its_ablations_is_there_with_its_budget():
    steps = json.loads((lab.RESULTS / "costs.json").read_text())["seconds_per_step"]
    wanted = {(folder, json.dumps(arguments), epochs, seed) for folder, arguments, epochs, seed in lab.runs(steps)}
    wanted |= {(ablation.RESULTS, json.dumps(arguments), lab.EPOCHS, seed) for arguments, seed in ablation.runs()}
    found = {}
    for path, run in RECORDS.items():
        if lab.RESULTS in path.parents or ablation.RESULTS in path.parents:
            found[path.parent, json.dumps(run["arguments"]), run["epochs"], run["seed"]] = run
    assert found.keys() == wanted
    budgets = {(run["train_images"], run["batch_size"], run["recipe"], run["dataset"]) for run in found.values()}
    assert budgets == {(lab.IMAGES, lab.BATCH_SIZE, "augmented", "cifar10")}


NETWORKS = sorted({(run["model"], json.dumps(run.get("arguments", {}))) for run in RECORDS.values()})


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_the_network_has_the_parameters_that_its_records_state(name, arguments):
    model = getattr(models, name)(**json.loads(arguments))
    for run in RECORDS.values():
        if (run["model"], json.dumps(run.get("arguments", {}))) == (name, arguments):
            assert run["trainable_parameters"] == models.parameters(model)
            assert run.get("multiply_adds", models.multiply_adds(model)) == models.multiply_adds(model)


def test_the_small_rednet_keeps_its_promise():
    """A third of the CNN's parameters, 20 epochs, an epoch in a minute and a half, over 82 of 100 images right."""
    runs = [run for path, run in RECORDS.items() if path.parent.name == "rednet"]
    assert len({run["seed"] for run in runs}) >= 3
    assert all(run["epochs"] == 20 and run["trainable_parameters"] <= 106_000 for run in runs)
    assert all(run["seconds_per_epoch"] <= 90 for run in runs)
    assert sum(run["test_accuracy"] for run in runs) / len(runs) >= 0.82
