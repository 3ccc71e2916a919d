"""Sweeps of a tiny notebook over a grid, here; `test_cluster.py` has those on workers."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import nbformat
import pytest

from involution_utils.checks import ParameterError
from involution_utils.experiments import __main__, sweep
from involution_utils.experiments.sweep import grid, table, values

pytest.importorskip("papermill")
PARAMETERS = 'dataset = "shapes"\nepochs = 1\nseed = 0\nrate = 0.1\nname = "a"\nflag = False\noutput_dir = "models"'
WORK = """
import json, pathlib
assert seed < 2, "the sentence that helps"
with open(LOG, "a") as file:
    file.write(f"{epochs} {seed}\\n")
folder = pathlib.Path(output_dir)
_ = (folder / "net.json").write_text(json.dumps(dict(test_accuracy=seed / 10 + epochs, images=5, seed=seed)))
(folder / "weights").mkdir()
_ = (folder / "weights" / "net.bin").write_bytes(bytes([seed]))
"""


def write(path, *sources, parameters=PARAMETERS):
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), path)
    return path


@pytest.fixture
def notebook(tmp_path):
    return write(tmp_path / "a.ipynb", WORK.replace("LOG", repr(str(tmp_path / "log"))))


def run(notebook, out, *parameters):
    flags = [word for name, text in parameters for word in ("-p", name, text)]
    return __main__.main(["sweep", str(notebook), *flags, "--out", str(out)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", [2]),
        ("0,1,2", [0, 1, 2]),
        ("0.1,1e-3", [0.1, 0.001]),
        ("true,false", [True, False]),
        ("None,10", [None, 10]),
        ("null", [None]),
        ("shapes, cifar10", ["shapes", "cifar10"]),
        ('"a,b","c"', ["a,b", "c"]),
        ("[1,2],[3]", [[1, 2], [3]]),
    ],
)
def test_values_are_read_as_they_look(text, expected):
    found = values("x", text)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("text", ["", "1,,2", "1,1", "0.1,0.10", "1,1.0,2", ","])
def test_what_holds_no_value_or_the_same_twice_is_refused(text):
    with pytest.raises(ParameterError, match="`seed` must be one value, or different ones"):
        values("seed", text)


@pytest.mark.parametrize("text", ["[" * 100_000, "-" * 3000 + "1", "(" * 300])
def test_brackets_in_brackets_are_text(text):
    assert values("x", text) == [text]


def test_the_grid_has_each_point_once_and_tells_them_apart(notebook):
    points = grid(notebook, [("epochs", "2,3"), ("name", "a/b,a_b")])
    assert [point.parameters for point in points] == [{"epochs": e, "name": n} for e in (2, 3) for n in ("a/b", "a_b")]
    labels = [point.label for point in points]
    assert len(set(labels)) == 4
    assert not any(set('/\\:*?"<>|') & set(label) for label in labels)
    assert labels[1] == "epochs=2,name=a_b"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([("sed", "1")], "no parameter of a.ipynb `sed`. Did you mean `seed`? Known: dataset, epochs, seed, rate"),
        ([("seed", "1,-1")], "`seed` must be a whole number from 0"),
        ([("epochs", "0.5")], "`epochs` must be"),
        ([("dataset", "mnist")], "`dataset` must be"),
        ([("rate", "fast")], "`rate` must be a number"),
        ([("name", "1")], "`name` must be text"),
        ([("flag", "1")], "`flag` must be True or False"),
        ([("seed", "1"), ("seed", "2")], "`seed` is given twice"),
        ([("output_dir", "x")], "an `output_dir` of its own"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_starts(parameters, words, notebook, tmp_path, capsys):
    assert run(notebook, tmp_path / "out", *parameters) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_notebook_is_named(tmp_path, capsys):
    assert run(tmp_path / "none.ipynb", tmp_path / "out") == 2
    assert "`notebook` must be a notebook file" in capsys.readouterr().err


@pytest.mark.slow
def test_each_point_leaves_its_notebook_and_record_and_is_not_done_again(notebook, tmp_path, capsys):
    out, log = tmp_path / "out", tmp_path / "log"
    assert run(notebook, out, ("epochs", "2"), ("seed", "0,1,2")) == 1
    printed = capsys.readouterr()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.out.splitlines()]
    assert rows[0] == ["epochs", "seed", "status", "seconds", "test_accuracy"]
    assert [row[1:3] + row[4:] for row in rows[2:]] == [["0", "done", "2"], ["1", "done", "2.1"], ["2", "failed", ""]]
    assert "epochs=2,seed=2 failed: cell In [3]: AssertionError: the sentence that helps" in printed.err
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    done = {
        f"epochs=2,seed={s}{name}" for s in (0, 1) for name in (".json", "/a.ipynb", "/net.json", "/weights/net.bin")
    }
    assert names == done | {"sweep.json", "epochs=2,seed=2.json", "epochs=2,seed=2/a.ipynb"}
    kept = json.loads((out / "epochs=2,seed=1.json").read_text())
    assert kept["parameters"] == {"epochs": 2, "seed": 1}
    assert kept["records"] == {"net": {"test_accuracy": 2.1, "images": 5, "seed": 1}}
    assert (out / "epochs=2,seed=1" / "weights" / "net.bin").read_bytes() == b"\x01"
    executed = (out / "epochs=2,seed=1" / "a.ipynb").read_text()
    assert 'output_dir = \\".\\"' in executed
    assert "/tmp" not in executed.replace(str(tmp_path), "")
    assert log.read_text().splitlines() == ["2 0", "2 1"]

    failed = (out / "epochs=2,seed=2.json").stat().st_mtime_ns
    assert run(notebook, out, ("epochs", "2"), ("seed", "1,2")) == 1
    assert log.read_text().splitlines() == ["2 0", "2 1"], "a finished point was executed again"
    assert (out / "epochs=2,seed=2.json").stat().st_mtime_ns > failed, "a failed point was not tried again"


@pytest.mark.slow
def test_a_notebook_without_output_dir_is_recorded_by_its_parameters_and_status(tmp_path, capsys):
    notebook = write(tmp_path / "b.ipynb", "seed", parameters="seed = 0")
    assert run(notebook, tmp_path / "out") == 0
    kept = json.loads((tmp_path / "out" / "defaults.json").read_text())
    assert (kept["parameters"], kept["status"], kept["records"]) == ({}, "done", {})
    assert capsys.readouterr().out.startswith("| status | seconds |")


@pytest.mark.slow
def test_an_interruption_ends_in_a_sentence_and_leaves_no_kernel(tmp_path, capsys):
    log = tmp_path / "pid"
    source = f"import os, time\nopen({str(log)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    notebook = write(tmp_path / "c.ipynb", source, parameters="seed = 0")

    def interrupt():
        end = time.monotonic() + 60
        while not (log.exists() and log.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    status = run(notebook, tmp_path / "out", ("seed", "0,1"))
    thread.join()
    assert status == 130
    assert "interrupted; the finished records stay" in capsys.readouterr().err
    end = time.monotonic() + 20
    while Path("/proc", log.read_text()).exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path("/proc", log.read_text()).exists()
    assert not list((tmp_path / "out").glob("seed*"))


def outcomes(points):
    for point in points:
        yield point, {"status": "done", "seconds": 1.0, "provenance": {}, "files": {"a.ipynb": b"{}"}}


@pytest.mark.parametrize("content", ["years of work", "{}", '["notebook"]', '{"notebook": "b.ipynb", "code": "0"}'])
def test_a_folder_that_is_not_the_sweeps_is_refused_and_left_alone(content, notebook, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sweep.json").write_text(content)
    with pytest.raises(ParameterError, match="`out` must be"):
        sweep.sweep(grid(notebook, []), out, outcomes)
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("sweep.json", content)]


def test_a_sweep_takes_more_points_but_no_other_code(notebook, tmp_path):
    out = tmp_path / "out"
    sweep.sweep(grid(notebook, [("seed", "0")]), out, outcomes)
    executed = []

    def noted(points):
        executed.extend(point.label for point in points)
        return outcomes(points)

    results = sweep.sweep(grid(notebook, [("seed", "0,1")]), out, noted)
    assert executed == ["seed=1"]
    assert [result["parameters"]["seed"] for result in results] == [0, 1]
    write(notebook, "'other code'")
    with pytest.raises(ParameterError, match=r"a sweep of a\.ipynb with other code"):
        sweep.sweep(grid(notebook, [("seed", "2")]), out, outcomes)


def test_the_table_shows_test_accuracies_and_what_differs():
    def result(width, *records):
        named = {f"net{n}": record for n, record in enumerate(records)}
        return {"parameters": {"width": width}, "status": "done", "seconds": 2.0, "records": named}

    one = table([result(w, {"test_accuracy": 0.51234, "size": w, "images": 5, "history": {}}) for w in (10, 123456)])
    assert [line.split() for line in one.splitlines()] == [
        ["|", "width", "|", "status", "|", "seconds", "|", "test_accuracy", "|", "size", "|"],
        ["|", "------", "|", "------", "|", "-------", "|", "-------------", "|", "------", "|"],
        ["|", "10", "|", "done", "|", "2", "|", "0.5123", "|", "10", "|"],
        ["|", "123456", "|", "done", "|", "2", "|", "0.5123", "|", "123456", "|"],
    ]
    two = table([result(1, {"test_accuracy": 0.5}, {"test_accuracy": 0.25})])
    assert "net0 test_accuracy" in two
    assert "net1 test_accuracy" in two
