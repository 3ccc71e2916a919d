"""Where CIFAR-10 comes from, what can go wrong on the way, and a cache that leaves files of others alone."""

import hashlib
import resource
import signal
import threading
import time

import pytest
from small_cifar10 import ARCHIVE, BATCHES, ROWS, assert_good, contents, write_folder

from involution_utils.data import DatasetError, cifar10

# ---- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
def test_cifar10_dir_is_the_folder_or_holds_it(load, tmp_path, monkeypatch, capsys, inside):
    folder = write_folder(tmp_path / "data")
    monkeypatch.setenv("CIFAR10_DIR", str(folder if inside else folder.parent))
    assert_good(load(), "CIFAR10_DIR")
    assert capsys.readouterr().out == "CIFAR-10: 300 training and 60 test images (source: CIFAR10_DIR)\n"


@pytest.mark.parametrize("place", [f"{cifar10.FOLDER}-target", "."])  # Keras 3 and its forerunners
def test_keras_cache_serves_if_it_is_whole(load, server, tmp_path, capsys, place):
    folder = write_folder(tmp_path / "keras" / "datasets" / place)
    assert_good(load(), "Keras's cache")
    (folder / "data_batch_5").unlink()
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "data_batch_5 missing" in capsys.readouterr().out


def test_what_is_known_of_the_pixels(load, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(write_folder(tmp_path)))
    assert load().pixels is None
    digest = hashlib.md5((tmp_path / cifar10.FOLDER / "test_batch").read_bytes()).hexdigest()
    for kind in ("original", "jpeg"):
        monkeypatch.setitem(cifar10.PIXELS, digest, kind)
        assert load().pixels == load(name="auto", train_size=20).pixels == kind


def test_of_a_damaged_cifar10_dir_no_other_cifar10_takes_the_place(load, tmp_path, monkeypatch, server, cache, capsys):
    file = write_folder(tmp_path) / "data_batch_3"
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    for damage in (lambda: file.write_bytes(file.read_bytes()[:-100]), file.unlink):
        damage()
        with pytest.raises(DatasetError, match="data_batch_3") as caught:
            load(server.url + "/good")
        assert "unset CIFAR10_DIR" in str(caught.value)
    assert load(name="auto", train_size=20).name == "shapes"
    assert "data_batch_3" in capsys.readouterr().out
    assert not cache.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({name: {**batch, b"labels": [3] * ROWS} for name, batch in BATCHES.items()}, "leave out some of the ten"),
        # Else a network would be tested on images that it was trained on.
        ({"test_batch": BATCHES["data_batch_1"]}, "data_batch_1 and test_batch hold the same images"),
    ],
)
def test_a_folder_that_cannot_be_cifar10(load, tmp_path, monkeypatch, changed, words):
    monkeypatch.setenv("CIFAR10_DIR", str(write_folder(tmp_path, BATCHES | changed)))
    with pytest.raises(DatasetError, match=words):
        load()


# ---- mirrors ---------------------------------------------------------------------------------------------------------


def test_a_file_is_a_mirror_and_normal_lines_name_no_path(load, tmp_path, capsys):
    (tmp_path / "a b.tar.gz").write_bytes(ARCHIVE)
    assert_good(load((tmp_path / "a b.tar.gz").as_uri()), "download from a file")
    assert_good(load("http://127.0.0.1:9/"), "cache")
    assert str(tmp_path) not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("missing", "the server answered 404\n"),
        ("silent", "no answer in time"),
        ("stalled", "no answer in time"),
        ("cut", "broke off"),
        ("wrong", "SHA-256 is wrong"),
        ("endless", "sends more than the archive holds"),
    ],
)
def test_a_broken_mirror_is_named_and_the_next_one_serves(load, server, cache, monkeypatch, capsys, fault, words):
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", 2 * len(ARCHIVE))
    with pytest.raises(DatasetError, match=words) as caught:
        load(f"{server.url}/{fault}")
    for named in ("Keras's cache", "127.0.0.1", "CIFAR10_DIR", "CIFAR10_URLS"):
        assert named in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not cache.exists()
    assert_good(load(f"{server.url}/{fault}", server.url + "/good"), "download from 127.0.0.1")
    assert words.strip() in capsys.readouterr().out
    assert_good(load(), "cache")


def test_where_shapes_stand_in_some_images_are_left_to_train_on(load, dead, monkeypatch):
    monkeypatch.setattr(cifar10, "BATCH_ROWS", 10_000)
    dataset = load(dead, name="auto", validation_size=20_000)
    assert (dataset.name, len(dataset.x_train), len(dataset.x_validation)) == ("shapes", 1_000, 1_000)


def test_auto_ends_with_shapes_and_says_why_before_long(load, dead, server, monkeypatch, capsys):
    monkeypatch.setattr(cifar10, "TIMEOUTS", 2.0)
    begin = time.monotonic()
    dataset = load(dead, *[f"{server.url}/silent?{i}" for i in range(9)], name="auto", train_size=200)
    assert time.monotonic() - begin < 25
    assert (dataset.name, len(dataset.x_train), dataset.pixels) == ("shapes", 200, None)
    out = capsys.readouterr().out
    for words in ("the connection failed", "no answer in time", "CIFAR10_DIR", "in place of CIFAR-10"):
        assert words in out


# ---- the cache -------------------------------------------------------------------------------------------------------


def test_files_of_others_survive_everything(load, server, cache, capsys):
    """Also those of the names that the cache has, or once had."""
    cache.mkdir()
    for name in (cifar10.ARCHIVE, "cifar10.npz", "cifar10.json", ".cifar10-old.npz", ".cifar10-x/notes"):
        (cache / name).parent.mkdir(exist_ok=True)
        (cache / name).write_bytes(b"years of work")
    before = contents(cache)
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert f"{cifar10.ARCHIVE} is damaged or another file" in capsys.readouterr().out
    assert contents(cache) == before
    (cache / cifar10.ARCHIVE).unlink()
    assert_good(load(), "download from 127.0.0.1")
    assert_good(load(), "cache")
    assert contents(cache) == before | {cifar10.ARCHIVE: ARCHIVE}


def test_a_cache_folder_that_cannot_be_written(load, server, cache, capsys):
    cache.write_text("a file where the folder should be: binds root as well")
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "The archive is not kept" in capsys.readouterr().out


def test_a_full_disk(load, server, cache, capsys):
    """A quota on the size of files, half of what the cache needs."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(ARCHIVE) // 2, old[1]))
    try:
        assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert "The archive is not kept" in capsys.readouterr().out
    assert contents(cache) == {}
    assert_good(load(), "download from 127.0.0.1")
    assert_good(load(), "cache")


def test_a_load_that_ends_before_the_archive_is_whole_leaves_no_cache(load, server, cache, monkeypatch):
    """What a killed process leaves has another name, and stays."""

    def killed(path, content):
        for part in (path, cache / ".cifar10-killed"):
            with part.open("wb") as file:
                file.write(content[:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr(cifar10.Path, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        load(server.url + "/good")
    monkeypatch.undo()
    assert list(contents(cache)) == [".cifar10-killed"]


def test_two_loads_at_once(load, server, cache, monkeypatch):
    monkeypatch.setenv("CIFAR10_URLS", server.url + "/together")
    loaded = []
    threads = [threading.Thread(target=lambda: loaded.append(load()), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(loaded) == 2
    for dataset in loaded:
        assert_good(dataset, "download from 127.0.0.1")
    assert contents(cache) == {cifar10.ARCHIVE: ARCHIVE}


def test_the_cache_may_be_named_from_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cifar10.cache_file("~/cache") == tmp_path / "cache" / cifar10.ARCHIVE
