"""The run of the series, on a folder of tiny notebooks: what it leaves, how its pages read, how it ends if it fails."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup

from involution_utils.checks import ParameterError
from involution_utils.data import DatasetError
from tools import pages, run

PICTURE = """
from IPython.display import Image
import base64
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
Image(base64.b64decode(png), metadata={"alt": '"><b>a dot'})
"""
LOG = r"""
import sys
sys.stderr.write("2026-08-19 12:00:00.1: I tensorflow/core/util/port.cc:153] oneDNN\nWARNING: All log messages\n")
sys.stderr.write("I0000 00:00:1.2 cpu.cc:1] AVX\n")
"""
RECORD = """
import json, pathlib
record = dict(test_accuracy=0.5, epochs=epochs, dataset="shapes", train_images=10, history=dict(seconds=[1.0]))
pathlib.Path(output_dir, "tiny_classifier.json").write_text(json.dumps(record))
pathlib.Path(output_dir, "nested.json").write_text("[" * 100_000)
pathlib.Path(output_dir, "other.json").write_text('{"test_accuracy": null}')
"""


def write(folder, name, *sources, parameters="seed = 0", stored=()):
    """Write a notebook; if `stored` holds outputs, the last cell has them and is its answer."""
    badge = "[![Open in Colab](https://colab.example/badge.svg)](https://colab.example/x)"
    text = f"# {name} 1 < 2\n{badge}\n\n[next](02_b.ipynb#b), [words](README.md#glossary) of $K\\times K$\n\n## b"
    cells = [nbformat.v4.new_markdown_cell(text)]
    cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    if stored:
        cells[-1].update(outputs=list(stored), metadata={"tags": ["answer"]})
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "notebooks"
    folder.mkdir()
    write(folder, "01_a", PICTURE, LOG)
    one = nbformat.v4.new_output("execute_result", {"text/plain": "1 < 2"}, execution_count=1)
    parameters = 'epochs = 1  # passes\noutput_dir = "."'
    write(folder, "02_b", RECORD, "epochs", parameters=parameters, stored=[one])
    return folder


@pytest.fixture(scope="module")
def made(folder):
    """One run, and what `run` returns beside its folder."""
    out, results = run.run(folder.parent / "out é", {"epochs": 3, "seed": 5}, folder)
    assert out == folder.parent / "out é"
    return out, results


@pytest.fixture(scope="module")
def soups(made):
    return {path.name: BeautifulSoup(path.read_text(), "html.parser") for path in made[0].glob("*.html")}


def test_a_run_leaves_notebooks_pages_figures_and_results(made):
    out, results = made
    names = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert {"index.html", "README.html", "README.md", "results.json", "figures/01_a-01.png"} < names
    assert {"01_a.html", "01_a.ipynb", "02_b.html", "02_b.ipynb", "tiny_classifier.json"} < names
    assert json.loads((out / "results.json").read_text()) == results
    assert results["tiny_classifier"]["epochs"] == 3
    assert results["parameters"] == {"epochs": 3, "seed": 5}
    assert {"seconds", "versions", "processor", "date"} < results.keys()


def test_executed_notebooks_can_be_run_again_as_they_lie(made, folder):
    out, _ = made
    for path in out.glob("*.*"):
        assert str(folder.parent) not in path.read_text(), f"{path.name} names a folder of this machine"
    copy = folder.parent / "copy"
    shutil.copytree(out, copy)
    (copy / "tiny_classifier.json").unlink()
    papermill.execute_notebook(copy / "02_b.ipynb", copy / "again.ipynb", cwd=copy, progress_bar=False)
    assert json.loads((copy / "tiny_classifier.json").read_text())["epochs"] == 3


def test_a_page_shows_its_figure_formula_and_parameters_once_and_no_log(soups):
    first, second = soups["01_a.html"], soups["02_b.html"]
    assert first.select_one(".cell_output img")["alt"] == '"><b>a dot'
    assert first.select("math")
    assert not any("oneDNN" in output.get_text() for output in first.select(".cell_output"))
    assert first.find("h1").get_text().startswith("01_a 1 < 2")
    assert not first.find("img", src=lambda address: address.startswith("http"))
    cells = [cell.get_text().strip() for cell in second.select(".cell_input")]
    assert cells[0] == 'epochs = 3  # passes\noutput_dir = "."'
    assert not any("# Parameters" in cell for cell in cells)


def test_what_another_data_set_changes_stands_beside_what_is_stored(soups):
    assert not soups["01_a.html"].select(".admonition"), "nothing is stored there to differ from"
    page = soups["02_b.html"]
    assert "This run used the data set shapes." in page.select_one(".admonition").get_text()
    shown = [output.get_text().strip() for output in page.select(".cell_output")]
    assert shown[-2:] == ["3", "1 < 2"]
    assert "Stored, on CIFAR-10:" in page.get_text()
    answers = [" ".join(div.get_text(" ").split()) for div in soups["index.html"].select(".answer > div")]
    assert answers == ["This run 3", "Stored, on CIFAR-10 1 < 2"]
    assert soups["index.html"].select_one("img.thumbnail")["src"] == "figures/01_a-01.png"


def test_every_link_within_a_run_leads_somewhere(made, soups):
    for name, soup in soups.items():
        for tag in soup.find_all(["a", "link", "script", "img", "iframe"]):
            address = tag.get("href") or tag.get("src") or ""
            path, _, anchor = address.partition("#")
            if address.startswith("https://"):
                assert tag.name == "a", f"{name} loads {address}"
                continue
            assert not path or (made[0] / path.partition("?")[0]).is_file(), f"{name}: {address}"
            if anchor and (path or name) in soups and name != "README.html":  # it names the notebooks of the series
                assert soups[path or name].find(id=anchor), f"{name}: {address}"
        assert name in ("index.html", "search.html") or soup.find("a", href="index.html"), f"no way back from {name}"


def test_the_first_page_leads_to_everything(made, soups):
    text, links = soups["index.html"].get_text(), {a.get("href") for a in soups["index.html"].find_all("a")}
    assert {"01_a.html", "01_a.ipynb", "02_b.html", "figures/01_a-01.png", "results.json", "README.html"} <= links
    assert "epochs=3" in text
    assert made[1]["date"] in text
    assert f"keras {made[1]['versions']['keras']}" in text
    assert "10 of shapes" in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError('the sentence that helps')", "cell In [2], failed:\n"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "its Python ended"),
    ],
)
def test_a_failing_notebook_is_named_and_stays(source, words, tmp_path):
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks", "03_c", source)
    with pytest.raises(SystemExit) as stop:
        run.run(tmp_path / "out", {}, tmp_path / "notebooks")
    message = str(stop.value)
    assert "03_c.ipynb" in message
    assert words in message
    assert ("the sentence that helps" in message) == ("sentence" in source)
    left = Path(message.rpartition("so far: ")[2])
    assert left.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "Interrupted"),
        (OSError(28, "No space left on device", "x.html"), "No space left on device: x.html"),
        (ParameterError("the network computes no numbers"), "the network computes no numbers"),
        (DatasetError("CIFAR-10 cannot be had"), "CIFAR-10 cannot be had"),
    ],
)
def test_what_cuts_a_run_short_is_told_in_a_sentence(error, words, folder, tmp_path, monkeypatch):
    def fail(source, target, parameters):
        target.write_text("half")
        raise error

    monkeypatch.setattr(run, "_execute", fail)
    with pytest.raises(SystemExit) as stop:
        run.run(tmp_path / "out", {}, folder)
    assert words in str(stop.value)
    assert f"{tmp_path / 'out'} is as it was" in str(stop.value)
    assert Path(str(stop.value).rpartition("lies in ")[2], "01_a.ipynb").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "ten"], "Received: epochs='ten'"),
        (["--seed", "4294967296"], "`seed` must be a whole number from 0 to 4,294,967,295"),
        (["--dataset", "mnist"], "Received: dataset='mnist'"),
        (["--out", "README.md"], "Received: OUT='README.md'"),
        (["--out", "/proc/runs"], "`OUT` must be"),
        (["--out", "/"], "`OUT` must be a folder with a name"),
        (["--out", "x" * 250], "`OUT` must be a folder with a name of less than 200 characters"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence_before_anything_starts(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    monkeypatch.setattr(run.output, "begin", lambda _: pytest.fail("a run was begun"))
    with pytest.raises(SystemExit) as stop:
        run.main(arguments)
    assert words in str(stop.value)
    assert "\n" not in str(stop.value)


def test_a_place_where_no_folder_can_lie_beside_out_is_told_at_the_start(folder, tmp_path, monkeypatch):
    writable = run.checks.folder

    def folder_but_one(name, value):
        if Path(value) == tmp_path:
            raise run.checks.error(name, "a folder that can be made and written to", str(value))
        return writable(name, value)

    monkeypatch.setattr(run.checks, "folder", folder_but_one)
    (tmp_path / "out").mkdir()
    with pytest.raises(ParameterError, match=r"`OUT/..` must be a folder that can be made"):
        run.run(tmp_path / "out", {}, folder)
    assert not (tmp_path / "out-unfinished").exists()


def test_a_run_is_started_from_where_nothing_can_be_written(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(run.output, "begin", lambda _: sys.exit("begun"))
    monkeypatch.chdir("/proc")
    with pytest.raises(SystemExit, match="begun"):
        run.run(tmp_path / "out", {}, folder)


def test_an_unknown_parameter_is_refused(folder, tmp_path):
    with pytest.raises(ParameterError, match="epoch"):
        run.run(tmp_path / "out", {"epoch": 3}, folder)


def test_a_folder_of_the_users_is_named_at_the_start(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    monkeypatch.setattr(run.output, "begin", lambda _: sys.exit("here"))
    with pytest.raises(SystemExit, match="here"):
        run.run(tmp_path, {}, folder)
    assert f"{tmp_path} holds other files than an unchanged run" in capsys.readouterr().out


START = "import sys, pathlib; from tools import run; run.run(sys.argv[2], {}, pathlib.Path(sys.argv[1]))"


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_ctrl_c_ends_everything_in_a_sentence(tmp_path):
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks", "03_c", "print('here', flush=True)", "import time; time.sleep(600)")
    command = [sys.executable, "-c", START, str(tmp_path / "notebooks"), str(tmp_path / "out")]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    with subprocess.Popen(command, cwd=run.NOTEBOOKS.parent, **options) as process:
        try:
            next(line for line in process.stdout if "here" in line)
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate(timeout=600)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1].startswith("Interrupted. ")


def test_a_log_is_told_from_what_a_cell_says():
    said = "I think so\nINFO: read this\n2026-08-19: 3 runs\n"
    assert pages._LOG.sub("", "INFO:tensorflow:Assets written to: /tmp/x\n" + said) == said


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_hands_its_variables_on_as_they_are(tmp_path):
    """Neither make nor the shell takes a part of them for code; a misspelt name is refused."""
    (tmp_path / "é b" / ".venv" / "bin").mkdir(parents=True)
    (folder := tmp_path / "é b").joinpath("requirements.lock").touch()
    shutil.copy(run.NOTEBOOKS.parent / "Makefile", folder)
    (folder / ".venv" / "ready").touch()
    (python := folder / ".venv" / "bin" / "python").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    hostile = "a\"b'`touch 1`$(shell touch 2)$(touch 3);touch 4 #c"
    for variables in ([f"OUT={hostile}"], [f"EPOCHS={hostile}"]):
        done = subprocess.run(["make", "run", *variables], cwd=folder, capture_output=True, text=True, check=True)
        assert f"{variables[0].lower().partition('=')[0]}={hostile}>" in done.stdout
    assert {path.name for path in folder.iterdir()} == {"Makefile", "requirements.lock", ".venv"}
    refused = subprocess.run(["make", "run", "EPOCH=3"], cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "There is no variable EPOCH. Known: " in refused.stderr
