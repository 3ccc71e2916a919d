"""The runs behind notebook 06: the small RedNet's operator exchanged under four rules, into results/lab.

    python benchmarks/lab.py             # every run that is not there yet; about an hour
    python benchmarks/lab.py --list      # what belongs to the lab, and what is there

Each run is a process of its own, `python -m involution_utils.training`, resumable; the step times, which the rule
"time" needs, are measured once, side by side, into results/lab/steps.json.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
RESULTS = ROOT / "results" / "lab"
SEEDS = 0, 1, 2
EPOCHS, IMAGES, BATCH_SIZE = 5, 10_000, 64


def measure_steps():
    """Measure a training step of every network of the lab, in turns in one process."""
    import keras
    import numpy as np

    import involution_utils  # noqa: F401, before TensorFlow: it silences the start-up lines
    from involution_utils.data import Batches
    from involution_utils.models import RULES, matched_widths, small_rednet
    from involution_utils.training import compile_model

    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (BATCH_SIZE, 32, 32, 3), "uint8"), rng.integers(0, 10, BATCH_SIZE)
    batch, models = Batches(images, labels, BATCH_SIZE)[0], {}
    for operator, width in sorted({pair for rule in RULES for pair in matched_widths(rule).items()}):
        keras.utils.set_random_seed(0)
        models[f"{operator} {width}"] = model = small_rednet(operator=operator, width=width)
        compile_model(model, "adamw")
    seconds = {name: [] for name in models}
    for turn in range(14):
        for name, model in models.items():
            model.train_on_batch(*batch)  # warms the caches up, uncounted
            begin = time.perf_counter()
            for _ in range(3):
                model.train_on_batch(*batch)
            if turn >= 2:
                seconds[name].append((time.perf_counter() - begin) / 3)
    return {
        "command": "python benchmarks/lab.py",
        "batch_size": BATCH_SIZE,
        "seconds_per_step": {name: round(statistics.median(times), 4) for name, times in seconds.items()},
        "machine": f"{os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }


def runs(steps):
    """List every run of the lab: (folder, arguments of the model, epochs, seed)."""
    from involution_utils.models import matched_widths

    found = []
    for rule in ("width", "parameters", "multiply_adds", "time"):
        for operator, width in matched_widths(rule).items():
            epochs = EPOCHS
            if rule == "time":
                epochs = max(1, round(EPOCHS * steps["involution 1.0"] / steps[f"{operator} 1.0"]))
            if operator == "involution" and rule != "width":
                continue  # the same run under every rule: the others are matched to it
            found += [(RESULTS / rule, {"operator": operator, "width": width}, epochs, seed) for seed in SEEDS]
    return found


def main():
    """Make what is missing, one run after the other."""
    from involution_utils.training import record_path, save_json

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="list the runs instead of making them")
    options = parser.parse_args()
    path = RESULTS / "steps.json"
    if not path.exists():
        save_json(measure_steps(), path)
    for folder, arguments, epochs, seed in runs(json.loads(path.read_text())["seconds_per_step"]):
        done = record_path(folder, "small_rednet", arguments, seed).exists()
        if options.list:
            print("done" if done else "to do", folder.name, arguments, f"{epochs} epochs, seed {seed}")
        elif not done:
            command = [sys.executable, "-m", "involution_utils.training", "small_rednet", "--recipe", "augmented"]
            for name, value in arguments.items():
                command += ["--argument", f"{name}={json.dumps(value)}"]
            command += ["--epochs", epochs, "--train-size", IMAGES, "--batch-size", BATCH_SIZE, "--seed", seed]
            command += ["--results", folder.relative_to(ROOT)]
            subprocess.run([str(part) for part in command], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
