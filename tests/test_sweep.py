"""Sweeps: values and grids, what is believed of an earlier sweep, and what a point leaves."""

import json
from concurrent.futures import Future

import nbformat
import pytest

from involution_utils.checks import ParameterError
from lab import sweep
from lab.run import only_one

CODE = """import json, pathlib
if seed > 1: raise ValueError("too large")
pathlib.Path(output_dir, "net.json").write_text(json.dumps({"test_accuracy": 0.5, "sum": seed + width}))"""


@pytest.fixture
def notebook(tmp_path):
    cells = [nbformat.v4.new_code_cell('seed = 0\nwidth = 0.5\noutput_dir = "models"'), nbformat.v4.new_code_cell(CODE)]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "a.ipynb")
    return tmp_path / "a.ipynb"


def pretended(function, versions, execute, point):
    """Stand in for an executor's `submit`: what executing the point would have left."""
    future = Future()
    files = {point.notebook: b"executed", "net.json": json.dumps({"test_accuracy": point.parameters["seed"]}).encode()}
    future.set_result({"status": "done", "seconds": 1.0, "files": files})
    return future


def never(*call):
    raise AssertionError("nothing was to be executed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,1,2", [0, 1, 2]),
        ("0.1, 1e-3", [0.1, 1e-3]),
        ("true,None", [True, None]),
        ("shapes,cifar10", ["shapes", "cifar10"]),
        ("[" * 10_000, ["[" * 10_000]),
    ],
)
def test_values_are_read_as_they_look(text, expected):
    assert sweep.values("x", text) == expected


@pytest.mark.parametrize("text", ["", "1,,2", "1,1", "0.1,0.10", "1,1.0,2", ","])
def test_what_holds_no_value_or_the_same_twice_is_refused(text):
    with pytest.raises(ParameterError, match="`x` must be one value"):
        sweep.values("x", text)


def test_a_grid_has_each_point_once_and_tells_them_apart(notebook):
    points = sweep.grid(notebook, [("width", "1,2"), ("seed", "0,1")])
    assert [point.label for point in points] == [f"width={w},seed={s}" for w in (1, 2) for s in (0, 1)]
    assert sweep.grid(notebook, [])[0].label == "defaults"
    for wrong in ([("sede", "1")], [("output_dir", "x")], [("seed", "1"), ("seed", "2")]):
        with pytest.raises(ParameterError, match=r"there is no parameter|`seed` is given twice"):
            sweep.grid(notebook, wrong)


def test_finished_points_are_not_executed_again_and_more_may_come(notebook, tmp_path):
    out, points = tmp_path / "out", sweep.grid(notebook, [("seed", "0,1")])
    first = sweep.sweep(points, out, pretended)
    assert sweep.sweep(points, out, never) == first
    assert [result["records"]["net"]["test_accuracy"] for result in first] == [0, 1]
    assert (out / "seed=0" / "a.ipynb").read_bytes() == b"executed"
    assert len(sweep.sweep(sweep.grid(notebook, [("seed", "0,1,2")]), out, pretended)) == 3
    shown = sweep.table(first)
    assert "test_accuracy" in shown
    assert "done" in shown


@pytest.mark.parametrize(
    "content",
    ["years of work", "[]", "3", '{"status": "done"}', "[" * 9999, '{"parameters": {"seed": 7}, "status": "done"}'],
)
def test_a_file_that_is_not_this_points_is_neither_believed_nor_touched(content, notebook, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "seed=0.json"
    path.write_text(content)
    with pytest.raises(ParameterError, match="`out` must be another folder"):
        sweep.sweep(sweep.grid(notebook, [("seed", "0")]), tmp_path / "out", never)
    assert path.read_text() == content


def test_points_of_other_code_or_parameters_are_refused(notebook, tmp_path):
    out, points = tmp_path / "out", sweep.grid(notebook, [("seed", "0")])
    sweep.sweep(points, out, pretended)
    path = out / "seed=0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parameters": {"seed": 1}}))
    with pytest.raises(ParameterError, match="`out` must be another folder"):
        sweep.sweep(points, out, never)
    path.unlink()  # what is left is a folder that nothing says is a sweep's
    with pytest.raises(ParameterError, match="`out` must be another folder"):
        sweep.sweep(points, out, never)


def test_two_sweeps_do_not_write_into_one_folder(notebook, tmp_path):
    with only_one(tmp_path / ".lock"), pytest.raises(ParameterError, match="another process is at it"):
        sweep.sweep(sweep.grid(notebook, []), tmp_path, never)


def test_a_point_leaves_its_notebook_and_its_record_or_says_what_failed(notebook):
    done, failed = (sweep.execute(point) for point in sweep.grid(notebook, [("seed", "1,2")]))
    assert (done["status"], failed["status"]) == ("done", "cell In [3]: ValueError: too large")
    assert json.loads(done["files"]["net.json"]) == {"test_accuracy": 0.5, "sum": 1.5}
    assert set(done["files"]) == {"a.ipynb", "net.json"}
    assert done["versions"]["keras"]
