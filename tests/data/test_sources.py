"""Where CIFAR-10 comes from, and what can go wrong on the way."""

import socket
import time

import pytest
from small_cifar10 import ARCHIVE, assert_good, assert_recovers, files, write_folder

from involution_utils.data import DatasetError, cifar10, load_dataset


@pytest.mark.parametrize("inside", [False, True])
def test_cifar10_dir_is_the_folder_or_holds_it(load, tmp_path, monkeypatch, capsys, inside):
    folder = write_folder(tmp_path / "data")
    monkeypatch.setenv("CIFAR10_DIR", str(folder if inside else folder.parent))
    assert_good(load(), "CIFAR10_DIR")
    line = capsys.readouterr().out
    assert line == "CIFAR-10: 300 training and 60 test images (source: CIFAR10_DIR)\n"


@pytest.mark.parametrize("place", [f"{cifar10.FOLDER}-target", "."])  # Keras 3 and its forerunners
def test_keras_cache_serves_and_fills_ours(load, tmp_path, place):
    write_folder(tmp_path / "keras" / "datasets" / place)
    assert_good(load(), "Keras's cache")
    assert_good(load(), "cache")


def test_half_unpacked_keras_cache_is_passed_by(load, server, tmp_path, capsys):
    (write_folder(tmp_path / "keras" / "datasets") / "data_batch_5").unlink()
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "data_batch_5 missing" in capsys.readouterr().out


def test_file_url(load, tmp_path):
    (tmp_path / "a b.tar.gz").write_bytes(ARCHIVE)
    assert_good(load((tmp_path / "a b.tar.gz").as_uri()), "download from a file")


def test_normal_lines_name_no_path(load, server, cache, tmp_path, capsys):
    load(server.url + "/good")
    load()
    load_dataset("shapes")
    assert str(tmp_path) not in capsys.readouterr().out


def test_a_bar_is_drawn_for_a_slow_download_alone(load, server, dead, cache, capsys):
    load(dead, server.url + "/missing", server.url + "/good")
    assert capsys.readouterr().err == ""
    (cache / "cifar10.npz").unlink()
    load(server.url + "/slow")
    bar = capsys.readouterr().err
    assert "127.0.0.1:" in bar
    assert bar.endswith("\r")  # cleared


# ---- mirrors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("missing", "404"),
        ("silent", "no data within"),
        ("cut", "broke off"),
        ("wrong", "SHA-256 is wrong"),
        ("stalled", "no answer in time"),
    ],
)
def test_broken_mirror(load, server, cache, fault, words):
    with pytest.raises(DatasetError, match=words) as caught:
        load(f"{server.url}/{fault}")
    for words in ("CIFAR10_DIR", "Keras's cache", "127.0.0.1", "CIFAR10_URLS"):
        assert words in str(caught.value)
    assert files(cache) == []
    assert_recovers(load, server, cache)


def test_mirror_that_sends_without_end(load, server, monkeypatch):
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", len(ARCHIVE) - 1)
    with pytest.raises(DatasetError, match="sends more than the archive holds"):
        load(server.url + "/good")


def test_mirror_down(load, server, dead, cache):
    with pytest.raises(DatasetError, match="cannot be reached"):
        load(dead)
    assert_recovers(load, server, cache)


def test_right_bytes_after_two_bad_mirrors(load, server, dead, capsys):
    assert_good(load(dead, server.url + "/wrong", server.url + "/good"), "download from 127.0.0.1")
    out = capsys.readouterr().out
    assert "cannot be reached" in out
    assert "SHA-256" in out


def test_slow_mirror_is_given_up_for_the_next(load, server, capsys):
    start = time.monotonic()
    assert_good(load(server.url + "/slow", server.url + "/good"), "download from 127.0.0.1")
    assert time.monotonic() - start < 3
    assert server.requests == ["/slow", "/good"]
    assert "slower than" in capsys.readouterr().out


def test_stalled_mirror_is_given_up_for_the_next(load, server, monkeypatch, capsys):
    monkeypatch.setattr(cifar10, "STALL_TIMEOUT", 10.0)
    assert_good(load(server.url + "/stalled", server.url + "/good"), "download from 127.0.0.1")
    assert "it stopped sending" in capsys.readouterr().out


def test_slow_mirror_serves_when_it_is_the_last(load, server):
    assert_good(load(server.url + "/slow"), "download from 127.0.0.1")
    assert server.requests == ["/slow"]


def test_slow_mirror_is_taken_up_again_when_the_others_fail(load, server):
    assert_good(load(server.url + "/slow", server.url + "/missing"), "download from 127.0.0.1")
    assert server.requests == ["/slow", "/missing", "/slow"]


def test_name_lookup_that_hangs_is_bounded(load, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    with pytest.raises(DatasetError, match="no data within"):
        load("http://mirror.invalid/")
    assert time.monotonic() - start < 3


def test_auto_ends_with_shapes_and_says_why(load, dead, server, capsys):
    dataset = load(dead, server.url + "/silent", name="auto", train_size=200)
    assert (dataset.name, len(dataset.x_train)) == ("shapes", 200)
    out = capsys.readouterr().out
    for words in ("cannot be reached", "no data within", "CIFAR10_DIR", "in place of CIFAR-10"):
        assert words in out
