"""Sweeps: values and grids, what is believed of an earlier sweep, what a point leaves; Ctrl-C and a cluster."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import nbformat
import pytest

from involution_utils.checks import ParameterError
from involution_utils.records import load_results, read_rows
from lab import sweep
from lab.__main__ import main

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


class Pretended(Executor):
    """An executor that gives at once what executing a point would have left."""

    def submit(self, called):
        point = next(one for one in called.args if isinstance(one, sweep.Point))
        future, record = Future(), {"test_accuracy": point.parameters["seed"], "history": [1]}
        files = {point.notebook: b"executed", "net.json": json.dumps(record).encode()}
        future.set_result((point.fields() | {"records": {"net": record}, "processor_seconds": 1.0}, files))
        return future


class Never(Executor):
    def submit(self, *call):
        raise AssertionError("nothing was to be executed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,1,2", [0, 1, 2]),
        ("0.1, 1e-3", [0.1, 1e-3]),
        ("true,None", [True, None]),
        ("shapes,cifar10", ["shapes", "cifar10"]),
        ("{1},(),1j,{}", ["{1}", "()", "1j", "{}"]),  # no JSON holds what these could be
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
    assert sweep.show(points, out) == "No point is finished."
    assert sweep.sweep(points, out, Pretended()) == sweep.sweep(points, out, Never()) == []
    assert (out / "seed=0" / "a.ipynb").read_bytes() == b"executed"
    assert sweep.sweep(sweep.grid(notebook, [("seed", "0,1,2")]), out, Pretended()) == []
    assert len(load_results("sweep", out)) == 3
    header, *rows = sweep.show(points, out).splitlines()
    assert header.split() == ["seed", "processor_seconds", "net", "test_accuracy"]
    assert [row.split() for row in rows] == [["0", "1", "0"], ["1", "1", "1"]]


def test_a_row_of_other_parameters_or_without_records_is_no_finished_point(notebook):
    (point,) = sweep.grid(notebook, [("seed", "0")])
    row = point.fields() | {"records": {}, "processor_seconds": 1.0}
    assert point.is_done([row])
    assert not point.is_done([row | {"parameters": {"seed": 1}}, point.fields()])


def test_a_full_disk_is_a_sentence(notebook, tmp_path, monkeypatch, capsys):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", "net.json")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr("lab.__main__._executor", lambda scheduler: contextlib.nullcontext(Pretended()))
    assert main(["sweep", str(notebook), "-p", "seed", "0", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "net.json: No space left on device; the finished rows stay\n"
    assert read_rows("sweep", tmp_path / "out") == []


def test_what_is_no_sweep_of_this_code_is_neither_believed_nor_touched(notebook, tmp_path):
    out, points = tmp_path / "out", sweep.grid(notebook, [("seed", "0")])
    (out / "seed=0").mkdir(parents=True)
    with pytest.raises(ParameterError, match="`out` must be an empty folder"):
        sweep.sweep(points, out, Never())
    (out / "sweep.jsonl").write_text("years of work\n")
    with pytest.raises(ParameterError, match=r"line 1 of .* is damaged"):
        sweep.sweep(points, out, Never())
    assert (out / "sweep.jsonl").read_text() == "years of work\n"
    (out / "sweep.jsonl").unlink()
    (out / "seed=0").rmdir()
    sweep.sweep(points, out, Pretended())
    notebook.write_text(notebook.read_text().replace("seed > 1", "seed > 2"))
    with pytest.raises(ParameterError, match="`out` must be another folder"):
        sweep.sweep(sweep.grid(notebook, [("seed", "0,1")]), out, Never())


def test_a_point_leaves_its_notebook_and_its_record_or_says_what_failed(notebook, tmp_path):
    done, failed = (point.execute(tmp_path, tmp_path) for point in sweep.grid(notebook, [("seed", "1,2")]))
    assert done[0] == {"records": {"net": {"test_accuracy": 0.5, "sum": 1.5}}}
    assert set(done[1]) == {"a.ipynb", "net.json"}
    assert failed[0] == {"problem": "cell In [3]: ValueError: too large", "records": {}}
    assert set(failed[1]) == {"a.ipynb"}


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_cluster_executes_the_points_and_an_address_where_nothing_answers_is_a_sentence(notebook, tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    command = ["sweep", str(notebook), "-p", "seed", "0,1,2", "--out", str(tmp_path / "out"), "--scheduler"]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert main([*command, cluster.scheduler_address]) == 1
        assert "seed=2 failed: cell In [3]: ValueError: too large" in capsys.readouterr().err
        rows = read_rows("sweep", tmp_path / "out")
        assert {row["seed"]: row["records"]["net"]["sum"] for row in map(parameters_too, rows)} == {0: 0.5, 1: 1.5}
        assert all(row["processor_seconds"] > 0 and row["versions"]["keras"] for row in rows)
        address = cluster.scheduler_address
    assert main([*command, address]) == 2
    assert "`scheduler` must be the address" in capsys.readouterr().err


def parameters_too(row):
    return row | row["parameters"]


def wait_for(true, seconds):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"it has not come in {seconds} seconds"
        time.sleep(0.2)
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").is_dir() else True


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.skipif(sys.platform == "win32", reason="a signal to one process")
def test_ctrl_c_ends_the_children_and_keeps_the_finished_rows(notebook, tmp_path):
    begun, content = tmp_path / "begun", nbformat.read(notebook, 4)
    begin = f"pathlib.Path({str(begun)!r}).write_text(f'{{os.getpid()}} ')"
    content.cells[1].source = f"import os, pathlib, time\nif seed: {begin}; time.sleep(3600)"
    nbformat.write(content, notebook)
    command = [sys.executable, "-m", "lab", "sweep", notebook, "-p", "seed", "0,1", "--out", tmp_path / "out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: process.poll() is not None or (begun.is_file() and begun.read_text().endswith(" ")), 1200)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=600)[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert "interrupted; the finished rows stay" in said
    assert [row["name"] for row in read_rows("sweep", tmp_path / "out")] == ["seed=0"]
    wait_for(lambda: not alive(int(begun.read_text())), 600)
