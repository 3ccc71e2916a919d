"""Compare the notebooks with their stored outputs under several arithmetics: `python -m tools.arithmetic [03 04 ...]`.

A processor without AVX, or one core in place of several, sums in another order. What is compared must not tell.
`python -m tools.arithmetic "as it is"` leaves the other arithmetics out.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import papermill
import psutil

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
EPOCHS = ("epochs", "label_epochs", "signal_epochs")
# Sizes that batches divide: each other shape of a batch is compiled anew.
SIZES = {"train_size": 200, "test_size": 100, "batch_size": 100, "label_size": 32, "signal_size": 64}
REDUCED = {"dataset": "shapes", **SIZES, **dict.fromkeys(EPOCHS, 1)}
_SSE4 = {"ONEDNN_MAX_CPU_ISA": "SSE41", "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2", "OPENBLAS_CORETYPE": "Nehalem"}
ARITHMETICS = {"as it is": ([], {}), "SSE4": ([], _SSE4), "one core": (["taskset", "-c", "0"], {})}


def reduced_copy(path, folder):
    """Copy a notebook with its stored outputs into a folder, with parameters that need half a minute, no download."""
    known = papermill.inspect_notebook(str(path))
    parameters = {name: value for name, value in REDUCED.items() if name in known}
    if "output_dir" in known:
        parameters["output_dir"] = f"{folder}/output"
    copy = f"{folder}/{path.name}"
    papermill.execute_notebook(str(path), copy, parameters, prepare_only=True, progress_bar=False)
    return Path(copy)


def compare(copy, start=(), variables=None, seconds=900):
    """Execute a notebook in a fresh kernel; return whether all was as stored, and nbval's report of what was not."""
    command = [*start, sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pipes |= {"env": {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(variables or {})}, "cwd": copy.parent}
    with subprocess.Popen([*command, copy.name], **pipes) as process:
        try:
            report, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for started in [*psutil.Process(process.pid).children(recursive=True), process]:
                started.kill()
            return False, f"{copy.name} took more than {seconds} seconds."
    return process.returncode == 0, report


if __name__ == "__main__":
    found = []  # whether each was as stored
    numbers = tuple(argument for argument in sys.argv[1:] if argument.isdecimal())
    for name in [argument for argument in sys.argv[1:] if argument not in numbers] or ARITHMETICS:
        start, variables = ARITHMETICS[name]
        if start and not shutil.which(start[0]):
            print(f"{name}: left out, since this machine has no {start[0]}.")
            continue
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
            if path.name.startswith(numbers or ""):
                with tempfile.TemporaryDirectory() as folder:
                    same, report = compare(reduced_copy(path, folder), start, variables)
                print(f"{path.stem}, {name}: {'as stored' if same else report}", flush=True)
                found.append(same)
    sys.exit(not all(found))
