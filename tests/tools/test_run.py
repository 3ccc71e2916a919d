"""The run of the series, on a folder of tiny notebooks: what it leaves, and what it leaves alone."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import papermill
import pytest

from involution_utils.checks import ParameterError
from tools import index, run
from tools.output import WORK

PICTURE = """
from IPython.display import Image
import base64
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
Image(base64.b64decode(png), format="png")
"""
RECORD = """
import json, pathlib
record = dict(test_accuracy=0.5, epochs=epochs, dataset="shapes", train_images=10, history=dict(seconds=[1.0]))
pathlib.Path(output_dir, "tiny_classifier.json").write_text(json.dumps(record))
"""


def write(folder, name, *sources, parameters=""):
    cells = [nbformat.v4.new_markdown_cell(f"# {name}\n[next](02_b.ipynb)")]
    cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(folder, "01_a", PICTURE, parameters="seed = 0")
    write(folder, "02_b", RECORD, "epochs", parameters='epochs = 1\noutput_dir = "."')
    return folder


def test_a_run_leaves_notebooks_pages_figures_and_results(folder, tmp_path):
    out = tmp_path / "out"
    results = run.run(out, {"epochs": 3, "seed": 5}, folder)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    own = {"index.html", "glossary.html", "README.md", "results.json"}
    notebooks = {"01_a.html", "01_a.ipynb", "02_b.html", "02_b.ipynb", "tiny_classifier.json"}
    assert names == own | notebooks | {"figures", "figures/01_a-01.png"}
    written = json.loads((out / "results.json").read_text())
    assert set(written.pop("files")) == names - {"results.json", "figures"}
    assert written == results
    assert results["tiny_classifier"]["epochs"] == 3
    assert "tiny_classifier: test accuracy 0.500 after 3 epochs" in index.summary(results)[0]


def test_executed_notebooks_can_be_run_again_as_they_lie(folder, tmp_path):
    out = tmp_path / "out"
    run.run(out, {"epochs": 3}, folder)
    for path in out.glob("*.*"):
        assert WORK not in path.read_text(), f"{path.name} names a folder that is gone"
        assert str(tmp_path) not in path.read_text(), f"{path.name} names a folder of this machine"
    (out / "tiny_classifier.json").unlink()
    papermill.execute_notebook(out / "02_b.ipynb", tmp_path / "again.ipynb", cwd=out, progress_bar=False)
    assert json.loads((out / "tiny_classifier.json").read_text())["epochs"] == 3


def test_a_failing_notebook_is_named_with_its_cell_and_leaves_the_last_run_whole(folder, tmp_path):
    out = tmp_path / "out"
    run.run(out, {}, folder)
    before = {path.name: path.read_bytes() for path in out.glob("*.*")}
    write(folder, "03_c", "1 + 1", "raise ValueError('the sentence that helps')")
    with pytest.raises(SystemExit) as stop:
        run.run(out, {}, folder)
    message = str(stop.value)
    assert "03_c.ipynb, cell In [2], failed" in message
    assert "ValueError: the sentence that helps" in message
    assert (out / WORK / "03_c.ipynb").exists()
    assert str(out / WORK / "03_c.ipynb") in message
    assert {path.name: path.read_bytes() for path in out.glob("*.*") if path.is_file()} == before


def test_a_notebook_whose_python_dies_is_named(folder, tmp_path):
    write(folder, "03_c", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(SystemExit, match=r"03_c\.ipynb: its Python ended"):
        run.run(tmp_path / "out", {}, folder)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epoch": 3}, "there is no parameter `epoch`. Did you mean `epochs`?"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"seed": 2**32}, "`seed` must be"),
    ],
)
def test_wrong_parameters_stop_before_anything_starts(parameters, words, folder, tmp_path):
    with pytest.raises(ParameterError) as error:
        run.run(tmp_path / "out", parameters, folder)
    assert words in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_of_a_page_stops_before_anything_starts(folder, tmp_path):
    out = tmp_path / "out"
    run.run(out, {}, folder)
    write(folder, "03_c", "1 + 1")
    (out / "03_c.html").write_text("mine")
    before = (out / "results.json").read_bytes()
    with pytest.raises(ParameterError, match=r"03_c\.html"):
        run.run(out, {}, folder)
    assert (out / "results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "`epochs` must be None (the data set's default) or a whole number of at least 1"),
        (["--epochs", "ten"], "Received: epochs='ten'"),
        (["--seed", "4294967296"], "`seed` must be a whole number from 0 to 4,294,967,295"),
        (["--dataset", "mnist"], '`dataset` must be "auto", "cifar10" or "shapes". Received: dataset=\'mnist\''),
        (["--out", "README.md"], "`OUT` must be a folder, and README.md is a file. Received: OUT='README.md'"),
        (["--out", "/proc/runs"], "`OUT` must be a folder that can be written to"),
        (["--out", ""], "`OUT` must be the name of a folder"),
        (["--out", "."], "holds files that are not from a run"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, words, monkeypatch):
    monkeypatch.chdir(run.NOTEBOOKS.parent)
    monkeypatch.setattr(run, "_execute", lambda *_: pytest.fail("a notebook was started"))
    with pytest.raises(SystemExit) as stop:
        run.main(arguments)
    assert words in str(stop.value)
    assert "\n" not in str(stop.value)


START = """
import sys, pathlib
from tools import run
run.run.__defaults__ = (pathlib.Path(sys.argv[1]),)
run.main(sys.argv[2:])
"""


def start(folder, out, **options):
    """Start the command line in a process of its own, on the notebooks in `folder`."""
    command = [sys.executable, "-c", START, str(folder), "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=run.NOTEBOOKS.parent, **pipes, **options)


@pytest.fixture
def slow(folder):
    """The folder, with a notebook that says where it is and goes on for long."""
    write(folder, "03_c", "print('here', flush=True)", "import time; time.sleep(600)", parameters='dataset = "auto"')
    return folder


@pytest.mark.parametrize("earlier", [True, False])
def test_ctrl_c_ends_in_a_sentence_and_leaves_what_was_there(earlier, slow, tmp_path):
    out = tmp_path / "out"
    if earlier:
        (slow / "03_c.ipynb").rename(tmp_path / "03_c.ipynb")
        run.run(out, {}, slow)
        (tmp_path / "03_c.ipynb").rename(slow / "03_c.ipynb")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    process = start(slow, out, start_new_session=True)
    for line in process.stdout:
        if "here" in line:
            break
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1] == f"Interrupted. {out} is as it was."
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert out.exists() == earlier


def test_a_full_disk_ends_in_a_sentence_and_leaves_the_earlier_run(folder, tmp_path):
    out = tmp_path / "out"
    run.run(out, {}, folder)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write(folder, "03_c", "'much' * 100_000", parameters='dataset = "auto"')

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = start(folder, out, preexec_fn=small_files)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1].startswith("File too large: ")
    assert said.strip().endswith(f"{out} is as it was.")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_refuses_a_misspelt_variable():
    command = ["make", "--dry-run", "run"]
    options = {"cwd": run.NOTEBOOKS.parent, "capture_output": True, "text": True}
    refused = subprocess.run([*command, "EPOCH=3"], **options)
    assert refused.returncode == 2
    assert "There is no variable EPOCH. Known: " in refused.stderr
    accepted = subprocess.run([*command, "EPOCHS=3", "SEED=1", "OUT=x", "DATASET=shapes"], **options, check=True)
    assert '-m tools.run --dataset "shapes" --epochs "3" --seed "1" --out "x"' in accepted.stdout
