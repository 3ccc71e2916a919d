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

RESULTS = ROOT / "results" / "ablation"
BASE = {"kernel_size": 5, "group_channels": 16, "reduction_ratio": 4, "normalization": "batch"}
CHANGES = {"kernel_size": (3, 7), "group_channels": (4,), "reduction_ratio": (2,), "normalization": ("none",)}


def runs():
    """List every ablation: (arguments of the model, seed)."""
    changes = [(name, value) for name, values in CHANGES.items() for value in values]
    return [(BASE | {name: value}, seed) for seed in SEEDS for name, value in changes]


def main():
    """Make what is missing, one run after the other."""
    notebook = ROOT / "notebooks" / "06_fair_comparison.ipynb"
    budget = {"dataset": "cifar10", "live_epochs": EPOCHS, "train_size": IMAGES, "test_size": None}
    budget |= {"batch_size": BATCH_SIZE, "output_dir": str(RESULTS)}
    for arguments, seed in runs():
        path = record_path(RESULTS, "small_rednet", arguments, seed)
        if not path.exists():
            print(path.relative_to(ROOT), flush=True)
            parameters = arguments | budget | {"seed": seed}
            papermill.execute_notebook(str(notebook), None, parameters, cwd=str(notebook.parent), progress_bar=False)


if __name__ == "__main__":
    main()
