"""The ablations of notebook 06, by papermill, into results/ablation: its live run with one parameter changed at a time.

    python benchmarks/ablation.py    # every run that is not there yet

The budget is that of the lab, whose involution at equal width is the run that the others are compared with.
"""

import sys
from pathlib import Path

import papermill

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.lab import BATCH_SIZE, EPOCHS, IMAGES, SEEDS  # noqa: E402
from involution_utils import record_path  # noqa: E402

BASE = {"kernel_size": 5, "group_channels": 16, "reduction_ratio": 4, "normalization": "batch"}
CHANGES = {"kernel_size": (3, 7), "group_channels": (4, 8), "reduction_ratio": (2, 8), "normalization": ("none",)}


def main():
    """Make what is missing, one run after the other."""
    budget = {"dataset": "cifar10", "live_epochs": EPOCHS, "train_size": IMAGES, "test_size": None}
    folder = ROOT / "results" / "ablation"
    for seed in SEEDS:
        for name, value in ((name, value) for name, values in CHANGES.items() for value in values):
            arguments = BASE | {name: value}
            if record_path(folder, "small_rednet", arguments, seed).exists():
                continue
            print(f"{name} {value}, seed {seed}", flush=True)
            parameters = arguments | budget | {"batch_size": BATCH_SIZE, "seed": seed, "output_dir": str(folder)}
            notebook = str(ROOT / "notebooks" / "06_fair_comparison.ipynb")
            papermill.execute_notebook(notebook, None, parameters, cwd=str(ROOT / "notebooks"), progress_bar=False)


if __name__ == "__main__":
    main()
