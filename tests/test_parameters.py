"""The parameters of the notebooks: a misspelt name, a wrong type, a value out of range each give one sentence."""

import json

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from involution_utils.checks import ParameterError
from involution_utils.parameters import check_overrides, check_parameters, declared_parameters

PAGE = 'epochs = None  # passes\nseed = 0  # fixes the order\noutput_dir = "models"  # a folder'
CHECK = (
    "import sys\n"
    "from involution_utils.parameters import check_parameters\n"
    "check_parameters(epochs=epochs, seed=seed, output_dir=output_dir)"
)


@pytest.fixture
def notebook(tmp_path):
    def write(source):
        cells = [
            {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source.splitlines(True)},
            {"cell_type": "code", "metadata": {}, "source": "other = 3"},
        ]
        path = tmp_path / "tiny.ipynb"
        path.write_text(json.dumps({"cells": cells}))
        return path

    return write


@pytest.fixture
def run_cells(monkeypatch, tmp_path):
    """Run cells in a fresh IPython, in a folder of their own, and return the last one's error, or None."""
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)

    def run(*sources):
        results = [shell.run_cell(source, store_history=True) for source in sources]
        assert all(result.success for result in results[:-1])
        return results[-1].error_in_exec

    yield run
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("dataset", "imagenet", '"auto", "cifar10" or "shapes"'),
        ("epochs", 0, "None (the data set's default) or a whole number of at least 1"),
        ("label_epochs", None, "a whole number of at least 1"),
        ("batch_size", True, "a whole number from 1 to 50,000"),
        ("train_size", 60_000, "None (all images) or a whole number from 10 to 50,000"),
        ("label_size", np.array([3, 3]), "a whole number from 1 to 10,000"),
        ("seed", 2**32, "a whole number from 0 to 4,294,967,295"),
        ("output_dir", "", "the name of a folder"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(name, value, right):
    with pytest.raises(ParameterError) as error:
        check_parameters(**{name: value})
    assert str(error.value) == f"`{name}` must be {right}. Received: {name}={value!r}"


def test_right_values_pass_numpy_numbers_too(tmp_path):
    check_parameters(epochs=None, train_size=None, seed=2**32 - 1, output_dir=str(tmp_path / "new" / "folder"))
    check_parameters(epochs=np.int64(5), label_size=np.int32(31), signal_size=np.uint8(4), dataset="shapes")


def test_a_misspelt_name_is_noticed(run_cells):
    error = run_cells(PAGE, "# Parameters\nseed = 1\nepoch = None\n", "import sys", CHECK)
    assert isinstance(error, ParameterError)
    assert str(error) == "there is no parameter `epoch`. Did you mean `epochs`? Known: epochs, seed, output_dir"


@pytest.mark.parametrize(
    "cells",
    [
        (PAGE, CHECK),
        (PAGE, "# Parameters\nepochs = 3\nseed = 1\n", CHECK),
        (PAGE, CHECK, "epochs = epochs or 20\nother = 1", "table = [1, 2]", "%time 1", CHECK),
    ],
)
def test_right_names_pass(cells, run_cells):
    assert run_cells(*cells) is None


def test_a_wrong_value_shows_one_sentence_and_no_stack(run_cells, capsys):
    run_cells(PAGE, "# Parameters\nseed = -1\n", CHECK)
    shown = capsys.readouterr().out.strip()
    assert shown == "ParameterError: `seed` must be a whole number from 0 to 4,294,967,295. Received: seed=-1"


def test_declared_parameters_are_those_of_the_tagged_cell(notebook):
    assert declared_parameters(notebook(PAGE)) == {"epochs": None, "seed": 0, "output_dir": "models"}
    assert declared_parameters(notebook("")) == {}


@pytest.mark.parametrize("source", ["seed = rng()", "seed =", "import sys", "a.b = 1"])
def test_declared_parameters_must_be_plain_values_of_a_notebook(source, notebook, tmp_path):
    (tmp_path / "x.ipynb").write_text("[]")
    for path in (notebook(source), tmp_path / "missing.ipynb", tmp_path, tmp_path / "x.ipynb"):
        with pytest.raises(ParameterError, match="`notebook` must be a notebook file"):
            declared_parameters(path)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [({"epoch": 3}, "Did you mean `epochs`"), ({"seed": 2**32}, "`seed` must be"), ({"rule": "time"}, "no parameter")],
)
def test_overrides_are_refused_before_a_notebook_starts(overrides, words, notebook):
    with pytest.raises(ParameterError, match=words):
        check_overrides(notebook(PAGE), overrides)
