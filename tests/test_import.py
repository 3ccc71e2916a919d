"""What `import involution_utils` does: import Keras, register every layer that a saved model may name, no more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import involution_utils

ROOT = Path(__file__).resolve().parents[1]

CODE = """
import json, os, sys, threading
from pathlib import Path
import keras, lazy_loader, numpy as np

def state():
    fds = {n: os.readlink(f"/proc/self/fd/{n}") for n in range(100) if os.path.lexists(f"/proc/self/fd/{n}")}
    children = Path("/proc/self/task").glob("*/children")
    return dict(os.environ), fds, threading.active_count(), [path.read_text() for path in children]

modules, before = set(sys.modules), state()
import involution_utils
changed = before != state()
modules = {name.split(".")[0] for name in set(sys.modules) - modules} - sys.stdlib_module_names
from involution_utils.execution import plain_operations

def output(path):
    model, data = keras.saving.load_model(path), np.load(path.with_suffix(".npz"))
    with plain_operations():
        found = [np.array(each) for each in model([data[f"input_{n}"] for n in range(3)])]
    return [float(abs(found[n] - data[f"output_{n}"]).max()) for n in range(3)]

root = Path(sys.argv[1])
shipped = [keras.saving.load_model(path).name for path in sorted(root.glob("involution_utils/assets/*.keras"))]
print(json.dumps([changed, sorted(modules), shipped, output(root / "tests/data/saved_by_0_2.keras")]))
"""


def test_the_import_does_nothing_but_register_layers_so_that_saved_models_load():
    """In a process of its own. The last model, of all ranks and generators, was saved by version 0.2.0."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CODE, ROOT], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    changed, modules, shipped, errors = json.loads(done.stdout.splitlines()[-1])
    assert not changed
    assert modules == ["involution_utils"]
    assert shipped == ["involution_classifier", "small_rednet"]
    assert max(errors) < 1e-5


def test_every_public_name_can_be_completed_and_is_there_when_used():
    assert set(involution_utils.__all__) <= set(dir(involution_utils))
    for name in involution_utils.__all__:
        assert getattr(involution_utils, name) is not None
