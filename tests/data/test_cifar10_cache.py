"""The cache, and processes that die or meet while they fill it."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from small_cifar10 import (
    ARCHIVE,
    PRELUDE,
    assert_good,
    assert_recovers,
    files,
)

from involution_utils.data import cifar10
from involution_utils.data.__main__ import main


def damage(cache, how):
    npz = cache / "cifar10.npz"
    content = bytearray(npz.read_bytes())
    if how == "shorter":
        npz.write_bytes(content[:-100])
    elif how == "flipped":
        content[len(content) // 2] ^= 1
        npz.write_bytes(content)
    elif how == "no record":
        (cache / "cifar10.json").unlink()
    elif how == "other arrays":
        np.savez(npz, **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), np.zeros(5)))
        (cache / "cifar10.json").write_text(json.dumps({"size": npz.stat().st_size, "sha256": ""}))
    elif how == "bad record":
        (cache / "cifar10.json").write_text('{"size": ')


@pytest.mark.parametrize("how", ["shorter", "flipped", "no record", "bad record", "other arrays"])
def test_damaged_cache_is_noticed_and_made_anew(load, server, cache, capsys, how):
    load(server.url + "/good")
    damage(cache, how)
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "cifar10.npz is damaged" in capsys.readouterr().out
    assert_good(load(), "cache")


def test_verify(load, server, cache, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["data", "--verify", "--cache-dir", str(cache)])
    assert main() == 1
    assert "no cache" in capsys.readouterr().out
    load(server.url + "/good")
    assert main() == 0
    assert "whole" in capsys.readouterr().out
    content = bytearray((cache / "cifar10.npz").read_bytes())
    content[8] ^= 1  # a byte of the zip's bookkeeping: only the full check sees it
    (cache / "cifar10.npz").write_bytes(content)
    assert main() == 1
    assert "damaged" in capsys.readouterr().out
    assert_good(load(), "download from 127.0.0.1")


@pytest.mark.slow
def test_command_line_from_end_to_end(tmp_path):
    command = [sys.executable, "-m", "involution_utils.data", "--cache-dir", str(tmp_path / "cache")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert "cannot be reached" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_cache_folder_that_cannot_be_written(load, server, cache, capsys):
    cache.write_text("a file where the folder should be: binds root as well")
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "The cache was not written" in capsys.readouterr().out
    cache.unlink()
    assert_recovers(load, server, cache)


def test_disk_full(load, server, cache, capsys):
    """A quota on the size of files, half of what the cache needs."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(ARCHIVE) // 2, old[1]))
    try:
        assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert "the disk is full" in capsys.readouterr().out
    assert files(cache) == []
    assert_recovers(load, server, cache)


def test_leftovers_of_killed_processes_are_swept_but_not_those_of_living_ones(load, server, cache):
    cache.mkdir()
    for name, age in ((".cifar10-old.npz", 7200), (".cifar10-new.npz", 0)):
        (cache / name).write_bytes(b"partial")
        os.utime(cache / name, (time.time() - age,) * 2)
    load(server.url + "/good")
    assert files(cache) == [".cifar10-new.npz", "cifar10.json", "cifar10.npz"]


# ---- processes -------------------------------------------------------------------------------------------------------

HANG = """
def hang(*_, **__):
    print("here", flush=True)
    time.sleep(60)
"""
LOAD = "\nload_dataset('cifar10', cache_dir=sys.argv[1])"


def start(program, cache, url):
    environment = {**os.environ, "CIFAR10_URLS": url}
    command = [sys.executable, "-c", PRELUDE + HANG + textwrap.dedent(program) + LOAD, str(cache)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "program"),
    [
        ("download", ""),
        ("unpacking", "cifar10._read_batch = hang"),
        (
            "writing",
            """
            def half(file, **arrays):
                file.write(b"x" * 1000)
                file.flush()
                hang()
            cifar10.np.savez = half
            """,
        ),
        ("renaming", "cifar10.os.replace = hang"),
    ],
)
def test_killed(load, server, cache, stage, program):
    process = start(program, cache, server.url + ("/stalled" if stage == "download" else "/good"))
    if stage == "download":
        while not server.requests:
            time.sleep(0.05)
        time.sleep(0.2)
    else:
        assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert all(name.startswith(".cifar10-") for name in files(cache))
    assert_recovers(load, server, cache)


@pytest.mark.slow
def test_two_processes_at_once(load, server, cache):
    processes = [start("", cache, server.url + "/together") for _ in range(2)]
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out.count("CIFAR-10: 300 training")) == (0, 1), out
    assert files(cache) == ["cifar10.json", "cifar10.npz"]
    assert cifar10.verify(cache / "cifar10.npz")
    assert_good(load(), "cache")


@pytest.mark.slow
def test_auto_with_all_mirrors_silent_takes_less_than_30_s(server, cache):
    """With the real time-outs, and twice as many mirrors as there are."""
    begin = time.monotonic()
    process = start("load_dataset('auto', cache_dir=sys.argv[1]); sys.exit()", cache, f"{server.url}/silent " * 6)
    out, _ = process.communicate(timeout=60)
    assert "shapes: 10,000 training and 2,000 test images" in out
    assert time.monotonic() - begin < 30


def test_a_file_of_the_caches_name_that_another_program_wrote_is_kept(load, server, cache, capsys, monkeypatch):
    cache.mkdir()
    (cache / "cifar10.npz").write_text("years of work")
    monkeypatch.setattr(sys, "argv", ["data", "--verify", "--cache-dir", str(cache)])
    assert main() == 1
    assert "may be another program's" in capsys.readouterr().out
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "was not written by this package, and is now" in capsys.readouterr().out
    (kept,) = cache.glob("not-ours-*/cifar10.npz")
    assert kept.read_text() == "years of work"
    assert_good(load(), "cache")


def test_the_cache_may_be_named_from_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cifar10.cache_file("~/cache") == tmp_path / "cache" / "cifar10.npz"
