"""The runs behind notebook 06: the small RedNet's operator exchanged under four rules, into results/lab.

    python benchmarks/lab.py             # every run that is not there yet; about an hour
    python benchmarks/lab.py --list      # what belongs to the lab, and what is there

Each run is a process of its own, `python -m involution_utils.training`, resumable; time and memory
of a step are measured once, side by side, into results/lab/costs.json.
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


def networks():
    """List the networks of the lab: (operator, width)."""
    from involution_utils.models import RULES, matched_widths

    return sorted({pair for rule in RULES for pair in matched_widths(rule).items()})


def prepare(operator, width):
    """Build a network ready for training, and a batch of noise."""
    import keras
    import numpy as np

    from involution_utils.data import Batches
    from involution_utils.models import small_rednet
    from involution_utils.training import compile_model

    keras.utils.set_random_seed(0)
    model, rng = small_rednet(operator=operator, width=width), np.random.default_rng(0)
    compile_model(model, "adamw")
    images, labels = rng.integers(0, 256, (BATCH_SIZE, 32, 32, 3), "uint8"), rng.integers(0, 10, BATCH_SIZE)
    return model, Batches(images, labels, BATCH_SIZE)[0]


def measure_steps(networks):
    """Measure a training step of each of the `networks`, in turns in one process: the median in seconds."""
    ready = {f"{operator} {width}": prepare(operator, width) for operator, width in networks}
    seconds = {name: [] for name in ready}
    for turn in range(14):
        for name, (model, batch) in ready.items():
            model.train_on_batch(*batch)  # warms the caches up, uncounted
            begin = time.perf_counter()
            for _ in range(3):
                model.train_on_batch(*batch)
            if turn >= 2:
                seconds[name].append((time.perf_counter() - begin) / 3)
    return {name: round(statistics.median(times), 4) for name, times in seconds.items()}


def measure_memory(operator, width):
    """Measure by how many MiB building a network and ten steps of training raise the peak memory of this process."""
    from involution_utils.training import forget_peak_memory, peak_memory

    model, batch = prepare("depthwise", 0.25)
    model.train_on_batch(*batch)  # TensorFlow's own start
    forget_peak_memory()
    before = peak_memory()
    model, batch = prepare(operator, width)
    for _ in range(10):
        model.train_on_batch(*batch)
    return round(peak_memory() - before)


def measure_costs():
    """Measure the time of a step and the memory of each network; memory in a process of its own."""
    memory, compared = {}, networks()
    for operator, width in compared:
        command = [sys.executable, __file__, "--memory", operator, str(width)]
        memory[f"{operator} {width}"] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "command": "python benchmarks/lab.py",
        "batch_size": BATCH_SIZE,
        "seconds_per_step": measure_steps(compared),
        "peak_memory_mib": memory,
        "machine": f"{os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }


def runs(steps):
    """List every run of the lab: (folder, arguments of the model, epochs, seed)."""
    from involution_utils.models import RULES, matched_widths

    found = []
    for rule in RULES:
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
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(measure_memory(options.memory[0], float(options.memory[1])))
        return
    path = RESULTS / "costs.json"
    if not path.exists():
        save_json(measure_costs(), path)
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
