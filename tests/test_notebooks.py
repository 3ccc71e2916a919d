"""The notebooks: executed anew and compared with their stored outputs, and the rules that each must keep."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from involution_utils import notebook_parameters

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.stem for path in PATHS]
# What CI overrides so that a whole notebook runs in a minute and needs no download.
EPOCHS = ("epochs", "live_epochs", "label_epochs", "signal_epochs")
REDUCED = {"dataset": "shapes", "train_size": 1000, "test_size": 500} | dict.fromkeys(EPOCHS, 1)
# Percentages of others, as prose may cite them: none so far.
CITED = set()

each = pytest.mark.parametrize("path", PATHS, ids=NAMES)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output for output in outputs if "image/png" in output.get("data", {})]


def reduced_copy(path, folder):
    """Copy the notebook with its stored outputs and with CI's parameters."""
    known = papermill.inspect_notebook(str(path))
    parameters = {name: value for name, value in REDUCED.items() if name in known}
    if "output_dir" in known:
        parameters["output_dir"] = str(folder / "output")
    copy = folder / path.name
    papermill.execute_notebook(str(path), str(copy), parameters, prepare_only=True, progress_bar=False)
    return copy


def compare(copy):
    """Execute a notebook in a fresh kernel and compare its outputs with those stored, as nbval does."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    return subprocess.run([*command, copy.name], cwd=copy.parent, capture_output=True, text=True)


@pytest.mark.slow
@each
def test_outputs_are_those_stored(path, tmp_path):
    run = compare(reduced_copy(path, tmp_path))
    assert run.returncode == 0, run.stdout[-6000:]


@pytest.mark.slow
def test_the_comparison_bites(tmp_path):
    copy = reduced_copy(PATHS[0], tmp_path)
    notebook = read(copy)
    (cell,) = [cell for cell in code_cells(notebook) if cell.source.endswith("int((window * kernel).sum())")]
    assert cell.outputs[0].data["text/plain"] == "-3"
    cell.outputs[0].data["text/plain"] = "-4"
    del notebook.cells[notebook.cells.index(cell) + 1 :]
    nbformat.write(notebook, copy)
    run = compare(copy)
    assert run.returncode == 1
    assert "-4" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        (
            "03_training",
            {"epochs": 0},
            "`epochs` must be None (the data set's default) or a whole number of at least 1. Received: epochs=0",
        ),
        ("03_training", {"epochs": "ten"}, "Received: epochs='ten'"),
        ("03_training", {"dataset": "imagenet"}, "`dataset` must be"),
        ("04_kernels", {"dataset": "shapes", "test_size": 5000}, "test_size"),
        ("03_training", {"dataset": "shapes", "train_size": 20_000}, "train_size"),
        ("06_fair_comparison", {"operator": "flops"}, '`operator` must be "involution", "depthwise", "static"'),
        ("01_convolution", {"sede": 3}, "there is no parameter `sede`. Did you mean `seed`?"),
        ("03_training", {"epoch": 3}, "there is no parameter `epoch`. Did you mean `epochs`?"),
        ("03_training", {"output_dir": "out.ipynb"}, "`output_dir` must be a folder, and out.ipynb is a file"),
        ("05_self_attention", {"seed": 2**32}, "`seed` must be a whole number from 0 to 4,294,967,295"),
        ("06_fair_comparison", {"group_channels": 7}, "`group_channels` must be"),
        ("06_fair_comparison", {"kernel_size": "5"}, "`kernel_size` must be an odd whole number"),
    ],
)
def test_wrong_parameters_stop_in_the_first_cells_with_one_sentence(name, parameters, sentence, tmp_path):
    source, copy = ROOT / "notebooks" / f"{name}.ipynb", tmp_path / "out.ipynb"
    with pytest.raises(papermill.PapermillExecutionError) as error:
        papermill.execute_notebook(str(source), str(copy), parameters, progress_bar=False, cwd=tmp_path)
    assert sentence in error.value.evalue
    assert error.value.exec_count <= 4
    assert len(error.value.traceback) == 1, "a stack trace is shown where a sentence would do"
    assert list(tmp_path.iterdir()) == [copy]


@each
def test_opening_and_closing(path):
    notebook = read(path)
    first = notebook.cells[0].source
    assert first.startswith(f"# {path.stem[:2]} · ")
    assert f"/blob/main/notebooks/{path.name}" in first
    for heading in ("**You will learn**", "**You need**", "**Time**"):
        assert heading in first
    assert "parameters" in notebook.cells[1].metadata.tags
    assert all("  # " in line for line in notebook.cells[1].source.splitlines()), "a parameter without a comment"
    assert 'find_spec("involution_utils") is None' in notebook.cells[2].source
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "## What you have seen" in text
    assert re.search(r"\]\((\d\d_\w+\.ipynb|README\.md)\)", notebook.cells[-1].source), "no link on to the next"


@each
def test_the_second_code_cell_checks_every_parameter(path):
    declared = notebook_parameters.declared_parameters(path)
    (call,) = re.findall(r"^check_parameters\((.*?)\)$", read(path).cells[2].source, flags=re.M | re.S)
    arguments = [argument.strip() for argument in call.split(",")]
    assert [argument for argument in arguments if argument] == [f"{name}={name}" for name in declared]
    notebook_parameters.check_overrides(path, {})


@each
def test_links_lead_somewhere(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target


@each
def test_at_least_three_exercises_with_solution_and_check(path):
    notebook = read(path)
    checks = [cell for cell in code_cells(notebook) if "exercises.check_" in cell.source]
    solutions = [cell for cell in notebook.cells if "<details><summary>Solution" in cell.source]
    assert len(checks) >= 3
    assert len(solutions) == len(checks)
    assert all("Not answered yet" in str(cell.outputs) for cell in checks)


@each
def test_cells_are_short_and_explained(path):
    notebook = read(path)
    lengths = sorted(sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code_cells(notebook))
    assert lengths[-1] <= 25
    assert lengths[len(lengths) // 2] <= 7
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells[3:])
    assert "ccc" not in kinds, "three code cells without a word between them"


@each
def test_outputs_are_stored_in_order_without_errors_or_paths(path):
    notebook = read(path)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = json.dumps([cell.outputs for cell in code_cells(notebook)])
    assert '"output_type": "error"' not in outputs
    assert not re.search(r"/(home|root|tmp|work|Users)/|site-packages|[A-Z]:\\\\\\\\", outputs)
    assert "warning" not in outputs.lower()


@each
def test_every_picture_has_a_text(path):
    figures = pictures(read(path))
    assert figures
    for picture in figures:
        assert len(picture.metadata["image/png"]["alt"]) > 30


@each
def test_prose_carries_no_result_by_hand(path):
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    found = {number for text in texts for number in re.findall(r"\d+(?:\.\d+)?(?= ?%| ?per cent)", text)}
    assert found - CITED - {"95"} == set(), "print it in a cell, from results/ or computed; 95 is the interval's level"


def test_the_readmes_picture_is_a_figure_of_notebook_02():
    figures = pictures(read(ROOT / "notebooks" / "02_involution.ipynb"))
    assert (ROOT / "notebooks" / "cover.png").read_bytes() in [base64.b64decode(f.data["image/png"]) for f in figures]


def test_readmes_carry_no_result_by_hand():
    for path in (ROOT / "README.md", ROOT / "notebooks" / "README.md"):
        assert not re.search(r"\d ?%", path.read_text())


def test_ignored_cells_are_those_that_depend_on_data_training_or_time():
    """Guard the list: a new ignored cell must be argued for here."""
    ignored = {
        path.stem: sum("nbval-ignore-output" in cell.metadata.get("tags", []) for cell in code_cells(read(path)))
        for path in PATHS
    }
    assert ignored == {
        "01_convolution": 0,
        "02_involution": 0,
        "03_training": 9,  # the data's source, the trainings, what they reached, their errors, their time
        "04_kernels": 8,  # the data's source, six outputs on these images' kernels, a lesion on these images
        "05_self_attention": 1,  # what a training gave
        "06_fair_comparison": 2,  # the data's source, a training with its result
        "07_your_own": 9,  # the data's source, a sweep, six tables and a figure of what trainings gave
    }
