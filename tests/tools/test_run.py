"""The run of the series, on a folder of tiny notebooks: what it leaves, and what it leaves alone."""

import json

import nbformat
import pytest

from involution_utils import series

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
    results = series.run(out, {"epochs": 3, "seed": 5, "dataset": "shapes"}, folder)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["01_a.html", "01_a.ipynb", "02_b.html", "02_b.ipynb", "figures", "index.html", "results.json"]
    assert [path.name for path in (out / "figures").iterdir()] == ["01_a-01.png"]
    assert json.loads((out / "results.json").read_text()) == results
    assert results["tiny_classifier"]["epochs"] == 3
    assert "tiny_classifier: test accuracy 0.500 after 3 epochs" in series.summary(results)[0]
    assert 'href="02_b.html' in (out / "01_a.html").read_text()
    assert "01_a.html" in (out / "index.html").read_text()
    assert not list(tmp_path.glob(".out*"))


def test_a_rerun_replaces_what_the_run_before_it_wrote_and_nothing_else(folder, tmp_path):
    out = tmp_path / "out"
    write(folder, "00_gone", parameters="seed = 0")
    series.run(out, {}, folder)
    series.run(out / "seed1", {}, folder)
    (out / "thesis.txt").write_text("years of work")
    (folder / "00_gone.ipynb").unlink()
    series.run(out, {}, folder)
    assert not (out / "00_gone.ipynb").exists()
    assert (out / "thesis.txt").read_text() == "years of work"
    assert (out / "seed1" / "results.json").exists()


@pytest.mark.parametrize("content", ["{}", "[]", "not json", '{"files": ["results.json", 3]}', '{"files": ["a"]}'])
def test_a_file_called_results_json_does_not_make_a_run(content, folder, tmp_path):
    out = tmp_path / "precious"
    out.mkdir()
    (out / "results.json").write_text(content)
    (out / "thesis.txt").write_text("years of work")
    (tmp_path / "link").symlink_to(out)
    for name in ("precious", "link"):
        with pytest.raises(SystemExit, match="not from a run"):
            series.run(tmp_path / name, {}, folder)
    assert sorted(path.name for path in out.iterdir()) == ["results.json", "thesis.txt"]


def test_a_manifest_that_points_outside_its_folder_removes_nothing_there(folder, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "thesis.txt"
    series.run(out, {}, folder)
    outside.write_text("years of work")
    results = json.loads((out / "results.json").read_text())
    results["files"] += ["../thesis.txt", str(outside)]
    (out / "results.json").write_text(json.dumps(results))
    series.run(out, {}, folder)
    assert outside.read_text() == "years of work"


def test_a_failing_notebook_is_named_with_its_cell_and_leaves_the_last_run_whole(folder, tmp_path):
    out = tmp_path / "out"
    series.run(out, {}, folder)
    write(folder, "03_c", "1 + 1", "raise ValueError('the sentence that helps')")
    with pytest.raises(SystemExit) as stop:
        series.run(out, {}, folder)
    message = str(stop.value)
    assert "03_c.ipynb" in message
    assert "cell In [2]" in message
    assert "ValueError: the sentence that helps" in message
    assert not (out / "03_c.ipynb").exists()
    assert (out / "results.json").exists()


def test_a_folder_with_other_files_is_not_touched(folder, tmp_path):
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match="not from a run"):
        series.run(out, {}, folder)
    assert (out / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--epochs", "0"], "at least 1"), (["--epochs", "ten"], "'ten'"), (["--dataset", "mnist"], "mnist")],
)
def test_wrong_arguments_stop_at_once(arguments, words, capsys):
    with pytest.raises(SystemExit):
        series.main(["run", *arguments])
    assert words in capsys.readouterr().err


def test_links_follow_the_one_address(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/new/home"\n')
    old = "colab.research.google.com/github/old/place/blob/main/x.ipynb git+https://github.com/old/place other"
    (tmp_path / "README.md").write_text(old)
    assert series.rewrite_links(tmp_path) == ["README.md"]
    assert (tmp_path / "README.md").read_text() == old.replace("old/place", "new/home")
    assert series.rewrite_links(tmp_path) == []
