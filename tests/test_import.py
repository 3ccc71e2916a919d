"""Importing the package: quiet when all is well, not when it is not; layers registered; names there to complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import involution_utils

ROOT = Path(__file__).resolve().parents[1]


def run(code, tmp_path=None):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, [tmp_path, ROOT])))}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def test_the_import_writes_nothing():
    done = run("import involution_utils")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "ending", ["os.abort()", "raise ImportError('the wheel is broken')", "os._exit(3)", "sys.exit('no such device')"]
)
def test_a_fatal_error_of_keras_is_shown_with_what_was_written_before_it(tmp_path, ending):
    (tmp_path / "keras.py").write_text(f"import os, sys\nos.write(2, b'F0000 the reason, from C++\\n')\n{ending}\n")
    done = run("import involution_utils", tmp_path)
    assert done.returncode != 0
    assert "F0000 the reason, from C++" in done.stderr
    if "ImportError" in ending:
        assert "the wheel is broken" in done.stderr


def test_the_shipped_model_loads_in_a_fresh_process_after_the_import_alone():
    path = ROOT / "involution_utils" / "assets" / "involution_classifier.keras"
    done = run(f"import involution_utils, keras; print(keras.saving.load_model({str(path)!r}).count_params())")
    assert done.stdout.split() == ["13080"], done.stderr


def test_every_public_name_is_there_at_once_and_listed_once():
    names = involution_utils.__all__
    assert len(set(names)) == len(names)
    assert set(names) <= set(vars(involution_utils)), "a name that completion would not show"
