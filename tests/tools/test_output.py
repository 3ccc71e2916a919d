"""The folder of a run: what a run may remove, what it leaves alone, and what is there after something went wrong."""

import errno
import hashlib
import json
import multiprocessing
import os
import signal
import time

import pytest

from involution_utils.checks import ParameterError
from tools.output import MANIFEST, WORK, RunFolder


def write_run(out, **files):
    """Leave a run with index.html and some more files in `out`."""
    with RunFolder(out) as place:
        for name, text in {"index.html": "an index", **files}.items():
            path = place.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        place.replace({"seconds": 1})


def fail_in_the_middle(out, error):
    with RunFolder(out) as place:
        (place.work / "a.html").write_text("half")
        raise error


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path):
    write_run(tmp_path / "out", **{"a.html": "old", "figures/1.png": "old", "gone/deep/2.png": "old"})
    return tmp_path / "out"


def test_a_run_lists_its_files_and_leaves_no_other(out):
    assert sorted(contents(out)) == ["a.html", "figures/1.png", "gone/deep/2.png", "index.html", MANIFEST]
    results = json.loads((out / MANIFEST).read_text())
    assert results["seconds"] == 1
    assert sorted(results["files"]) == ["a.html", "figures/1.png", "gone/deep/2.png", "index.html"]
    assert not (out / WORK).exists()


def test_a_rerun_replaces_what_the_run_before_it_wrote_and_nothing_else(out):
    write_run(out / "seed1")
    (out / "thesis.txt").write_text("years of work")
    (out / "figures" / "mine.png").write_text("mine")
    before = contents(out / "seed1")
    write_run(out, **{"a.html": "new", "b.html": "new"})
    after = contents(out)
    assert after.pop(MANIFEST)
    nested = {name: after.pop(f"seed1/{name}") for name in before}
    assert nested == before
    assert after == {
        "index.html": "an index",
        "a.html": "new",
        "b.html": "new",
        "thesis.txt": "years of work",
        "figures/mine.png": "mine",
    }
    assert not (out / "gone").exists(), "an empty folder of the earlier run is left"


def test_runs_within_a_folder_may_come_first(tmp_path):
    write_run(tmp_path / "runs" / "size" / "10")
    write_run(tmp_path / "runs" / "seed1")
    write_run(tmp_path / "runs")
    assert (tmp_path / "runs" / "size" / "10" / MANIFEST).exists()
    assert (tmp_path / "runs" / MANIFEST).exists()


@pytest.mark.parametrize(
    "manifest",
    [
        "{}",
        "[]",
        "not json",
        '{"files": ["results.json", "thesis.txt"]}',
        '{"files": {"thesis.txt": "' + "0" * 64 + '"}}',
        '{"files": {"index.html": 3, "thesis.txt": 3}}',
    ],
)
def test_a_file_of_that_name_does_not_make_a_run(manifest, tmp_path):
    out = tmp_path / "precious"
    out.mkdir()
    (out / MANIFEST).write_text(manifest)
    (out / "thesis.txt").write_text("years of work")
    (tmp_path / "link").symlink_to(out)
    before = contents(out)
    for name in ("precious", "link"):
        with pytest.raises(ParameterError, match="holds files that are not from a run"):
            RunFolder(tmp_path / name)
    assert contents(out) == before


@pytest.mark.parametrize("kind", ["file", "folder of files", "link to a run"])
def test_a_folder_with_anything_else_is_refused_and_untouched(kind, tmp_path):
    out = tmp_path / "out"
    write_run(out / "seed1")
    if kind == "file":
        (out / "thesis.tex").write_text("years of work")
    elif kind == "folder of files":
        (out / "thesis").mkdir()
        (out / "thesis" / "1.tex").write_text("years of work")
    else:
        (out / "link").symlink_to(out / "seed1")
    before = contents(out)
    with pytest.raises(ParameterError, match="holds files that are not from a run"):
        RunFolder(out)
    assert contents(out) == before


def test_a_file_changed_since_the_run_is_the_readers(out):
    (out / "a.html").write_text("my answers")
    before = contents(out)
    with pytest.raises(ParameterError, match=r"changed since \(a\.html\); move"):
        RunFolder(out)
    assert contents(out) == before
    (out / "a.html").unlink()  # moved elsewhere
    write_run(out, **{"a.html": "new"})
    assert (out / "a.html").read_text() == "new"


def test_a_file_in_the_way_is_never_overwritten(out):
    (out / "b.html").write_text("mine")
    with pytest.raises(ParameterError, match=r"did not write.*\(b\.html\)"):
        RunFolder(out, ["b.html"])
    with pytest.raises(ParameterError, match=r"\(b\.html\)"):
        write_run(out, **{"b.html": "new"})
    assert (out / "b.html").read_text() == "mine"
    assert (out / "a.html").read_text() == "old"


def test_a_manifest_that_points_outside_removes_nothing_there(out, tmp_path):
    outside = tmp_path / "thesis.txt"
    outside.write_text("years of work")
    results = json.loads((out / MANIFEST).read_text())
    digest = hashlib.sha256(outside.read_bytes()).hexdigest()
    results["files"] |= {"../thesis.txt": digest, str(outside): digest}
    (out / MANIFEST).write_text(json.dumps(results))
    write_run(out)
    assert outside.read_text() == "years of work"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device"), ValueError])
def test_an_error_leaves_the_earlier_run_whole_and_nothing_else(error, out):
    before = contents(out)
    with pytest.raises(error if isinstance(error, type) else OSError):
        fail_in_the_middle(out, error)
    assert contents(out) == before
    assert not (out / WORK).exists()


def test_an_error_in_a_first_run_leaves_no_folder(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path / "new" / "out"):
        raise KeyboardInterrupt
    assert not (tmp_path / "new" / "out").exists()


@pytest.mark.parametrize("at", range(1, 11))  # five files of the earlier run, five of this one
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_an_error_while_files_are_moved_puts_them_back(error, at, out, monkeypatch):
    before, moved, real = contents(out), [], os.replace

    def replace(source, target):
        if str(out) in str(source):
            moved.append(source)
            if len(moved) == at:
                raise error
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    new = {"a.html": "new", "b.html": "new", "figures/1.png": "new"}
    with pytest.raises(error if isinstance(error, type) else OSError):
        write_run(out, **new)
    assert contents(out) == before


def test_a_message_may_point_to_the_unfinished_run_until_the_next(out):
    with pytest.raises(SystemExit):
        fail_in_the_middle(out, SystemExit("see there"))
    assert (out / WORK / "a.html").exists()
    write_run(out)
    assert not (out / "a.html").exists(), "a file of the unfinished run is part of the next"
    assert not (out / WORK).exists()


def hold(out, ready):
    with RunFolder(out) as place:
        (place.work / "half").write_text("")
        ready.set()
        time.sleep(60)


@pytest.fixture
def other_run(out):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(out, ready))
    process.start()
    assert ready.wait(60)
    yield process
    process.kill()
    process.join()


def test_a_second_run_is_refused_while_the_first_goes_on(out, other_run):
    with pytest.raises(ParameterError, match="is being written by another run"), RunFolder(out):
        pass
    assert (out / WORK / "half").exists(), "the other run's files are gone"


def test_the_lock_and_files_of_a_killed_run_do_not_block_the_next(out, other_run):
    other_run.kill()
    other_run.join()
    assert other_run.exitcode == -signal.SIGKILL
    write_run(out, **{"a.html": "new"})
    assert (out / "a.html").read_text() == "new"
    assert not (out / "half").exists(), "a file of the killed run is part of the next"
    assert not (out / WORK).exists()


def test_a_file_or_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("# Title")
    for path, words in ((tmp_path / "README.md", "README.md is a file"), ("/proc/runs", "written to"), ("", "name of")):
        with pytest.raises(ParameterError, match=f"`OUT` must be .*{words}"):
            RunFolder(path)
    assert (tmp_path / "README.md").read_text() == "# Title"


NEW = {"a.html": "new", "b.html": "new", "figures/1.png": "new"}


def move_until(at, act, monkeypatch, again=None):
    """Let `act` happen in place of move `at` of a run's files, and of move `again`, one that puts them back."""
    moved, real = [], os.replace

    def replace(source, target):
        moved.append(source)
        if len(moved) in (at, again):
            act()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", [3, 5, 7, 9])
@pytest.mark.parametrize("later", [1, 2])
def test_a_second_interrupt_while_files_are_put_back_loses_none(at, later, out, monkeypatch):
    before = contents(out)
    with monkeypatch.context() as patch:
        move_until(at, interrupt, patch, at + later)
        with pytest.raises(KeyboardInterrupt):
            write_run(out, **NEW)
    assert contents(out) == before


def killed_in_move(out, at):
    with pytest.MonkeyPatch.context() as patch:
        move_until(at, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
        write_run(out, **NEW)


@pytest.mark.parametrize("at", range(1, 11))
def test_a_kill_while_files_are_moved_loses_none(at, out):
    """The next run first puts the earlier one's files back, as an error in it shows."""
    before = contents(out)
    process = multiprocessing.get_context("fork").Process(target=killed_in_move, args=(out, at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(KeyboardInterrupt):
        fail_in_the_middle(out, KeyboardInterrupt)
    assert contents(out) == before
    write_run(out, **NEW)
    assert (out / "a.html").read_text() == "new"


@pytest.mark.parametrize("kind", ["folder", "broken link"])
def test_what_stands_in_place_of_a_file_of_the_run_is_the_readers(kind, out):
    (out / "a.html").unlink()
    if kind == "folder":
        (out / "a.html").mkdir()
    else:
        (out / "a.html").symlink_to("on another disk")
    with pytest.raises(ParameterError, match=r"\(a\.html\)"):
        RunFolder(out, ["a.html"])
    assert os.path.lexists(out / "a.html")


def test_an_error_leaves_a_folder_that_was_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path):
        raise KeyboardInterrupt
    assert tmp_path.exists()
