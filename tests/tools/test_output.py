"""The folder of a run or of the site: what takes its place, what is left alone, what is there when something fails."""

import json
import os

import pytest

from tools import output


def write(out, files, meanwhile=lambda: None):
    """Leave an output with these files, as a command does, and return where it lies."""
    before = output.earlier(out)
    work = output.begin(out)
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    meanwhile()
    return output.finish(work, out, before)


def contents(folder):
    """Return {path: text} of all files and links below a folder, and None for each empty folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_text() if path.exists() else os.readlink(path)
        elif not any(path.iterdir()):
            found[path.relative_to(folder).as_posix()] = None
    return found


OLD = {"index.html": "old", "figures/1.png": "old", "gone/deep/2.png": "old"}
NEW = {"index.html": "new", "figures/1.png": "new", "b.html": "new"}


@pytest.fixture
def out(tmp_path):
    return write(tmp_path / "here" / "out", OLD)


def test_an_unchanged_output_is_replaced_and_nothing_else_is_left(out):
    assert write(out, NEW) == out
    assert {name: text for name, text in contents(out).items() if name != output.MANIFEST} == NEW
    assert json.loads((out / output.MANIFEST).read_text()).keys() == NEW.keys()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_empty_folder_takes_the_output(tmp_path):
    (tmp_path / "out").mkdir()
    assert write(tmp_path / "out", NEW) == tmp_path / "out"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def exchange_for_link(out):
    os.replace(out / "index.html", out.parent / "moved")
    (out / "index.html").symlink_to(out.parent / "moved")


DEEDS = {
    "edits": lambda out: (out / "index.html").write_text("my notes"),
    "adds": lambda out: (out / "figures" / "mine.png").write_text("mine"),
    "adds a link": lambda out: (out / "link").symlink_to("elsewhere"),
    "exchanges for a link": exchange_for_link,
    "takes away": lambda out: (out / "index.html").unlink(),
    "adds a folder": lambda out: write(out / "seed1", OLD),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_an_output_that_was_touched_stays_and_the_new_one_gets_a_name_of_its_own(deed, out):
    DEEDS[deed](out)
    before = contents(out)
    assert write(out, NEW) == out.with_name("out-2")
    assert write(out, NEW) == out.with_name("out-3")
    assert contents(out) == before


@pytest.mark.parametrize("deed", [*DEEDS, "another run ends"])
def test_so_it_is_if_it_is_touched_while_the_command_works(deed, out):
    seen, do = [], DEEDS.get(deed, lambda out: write(out, {"index.html": "another's"}))
    assert write(out, NEW, lambda: [do(out), seen.append(contents(out))]) == out.with_name("out-2")
    assert contents(out) == seen[0]
    assert set(contents(out.with_name("out-2"))) == {*NEW, output.MANIFEST}


@pytest.mark.parametrize(
    "manifest",
    ["{}", "[]", "not json", '{"thesis.txt": 3}', '{"thesis.txt": "00"}', "[" * 100_000],
    ids=lambda text: text[:12],
)
def test_a_file_of_that_name_does_not_make_an_output(manifest, tmp_path):
    out = tmp_path / "precious"
    out.mkdir()
    (out / output.MANIFEST).write_text(manifest)
    (out / "thesis.txt").write_text("years of work")
    before = contents(out)
    assert write(out, NEW) == tmp_path / "precious-2"
    assert contents(out) == before


def test_an_unfinished_output_is_never_cleared_nor_is_what_a_link_of_that_name_leads_to(out, tmp_path):
    """Whatever stands where an unfinished output would stand belongs to someone."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "1.tex").write_text("years of work")
    out.with_name("out-unfinished").symlink_to(tmp_path / "thesis")
    out.with_name("out-earlier").symlink_to("nowhere")
    left = output.begin(out.with_name("other"))
    (left / "03.ipynb").write_text("a failed notebook, corrected by hand")
    write(out, NEW)
    write(out.with_name("other"), NEW)
    assert contents(tmp_path / "thesis") == {"1.tex": "years of work"}
    assert (left / "03.ipynb").exists()
    assert out.with_name("out-unfinished").is_symlink()


@pytest.mark.parametrize("at", [1, 2])
def test_an_error_at_the_renames_loses_neither_output(at, out, monkeypatch):
    calls, real = [], type(out).rename

    def rename(self, target):
        calls.append(target)
        if len(calls) == at:
            raise OSError("no")
        return real(self, target)

    monkeypatch.setattr(type(out), "rename", rename)
    with pytest.raises(OSError, match="no"):
        write(out, NEW)
    kept = [contents(folder) for folder in out.parent.iterdir()]
    assert sorted(files["index.html"] for files in kept) == ["new", "old"]
    assert all(output.MANIFEST in files for files in kept)
