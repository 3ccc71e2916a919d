"""Where data comes from, what can go wrong on the way, and what is drawn when nothing else is left."""

import gzip
import hashlib
import http.server
import io
import itertools
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from involution_utils import data

ROWS = 60  # images in a batch file of the synthetic archive


# ---- a small CIFAR-10, and a server that misbehaves on demand --------------------------------------------------------


def make_batches(rows=ROWS):
    rng = np.random.default_rng(7)
    return {
        name: {b"data": rng.integers(0, 256, (rows, 3072), np.uint8), b"labels": [i % 10 for i in range(rows)]}
        for name in data.BATCH_FILES
    }


def make_archive(members):
    """A .tar.gz of `(name, bytes)` pairs."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1, mtime=0)


BATCHES = make_batches()
ARCHIVE = make_archive((f"{data.FOLDER}/{name}", pickle.dumps(batch, 2)) for name, batch in BATCHES.items())
X_TRAIN = np.concatenate([BATCHES[f"data_batch_{i}"][b"data"] for i in range(1, 6)])
X_TRAIN = X_TRAIN.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def write_folder(root, batches=BATCHES):
    folder = root / data.FOLDER
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / name).write_bytes(pickle.dumps(batch, 2))
    return folder


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        getattr(self, self.path.strip("/").split("/")[0])()

    def log_message(self, *_):
        pass

    def start(self, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(ARCHIVE) if status == 200 else 0))
        self.end_headers()

    def good(self):
        self.start()
        self.wfile.write(ARCHIVE)

    def together(self):  # answers two at once
        self.server.barrier.wait(30)
        self.good()

    def missing(self):
        self.start(404)

    def silent(self):
        self.server.stop.wait(60)

    def cut(self):
        self.start()
        self.wfile.write(ARCHIVE[: len(ARCHIVE) // 2])

    def wrong(self):
        self.start()
        self.wfile.write(ARCHIVE[:-1] + bytes([ARCHIVE[-1] ^ 1]))

    def stalled(self):
        self.cut()
        self.wfile.flush()
        self.server.stop.wait(60)

    def slow(self):  # half of the archive in each second
        self.start()
        step = len(ARCHIVE) // 40
        for i in range(0, len(ARCHIVE), step):
            self.wfile.write(ARCHIVE[i : i + step])
            if self.server.stop.wait(0.05):
                return


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.barrier = threading.Barrier(2)
        httpd.daemon_threads, httpd.requests, httpd.stop = True, [], threading.Event()
        httpd.handle_error = lambda *_: None
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        yield httpd
        httpd.stop.set()
        httpd.shutdown()


@pytest.fixture
def dead():
    """A mirror that is down: nobody listens on its port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """The small archive, short waits, and an environment without any data."""
    monkeypatch.setattr(data, "BATCH_ROWS", ROWS)
    monkeypatch.setattr(data, "ARCHIVE_SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    monkeypatch.setattr(data, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(data, "STALL_TIMEOUT", 1.5)
    monkeypatch.setattr(data, "SPEED_WINDOW", 0.5)
    monkeypatch.setattr(data, "SPEED_FLOOR", 2 * len(ARCHIVE))  # bytes a second, four times what `slow` sends
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("CIFAR10_URLS", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def load(monkeypatch, cache):
    def call(*urls, name="cifar10", **options):
        if urls:
            monkeypatch.setenv("CIFAR10_URLS", " ".join(urls))
        return data.load_dataset(name, cache_dir=cache, **options)

    return call


def files(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def assert_good(dataset, source):
    assert (dataset.name, dataset.source) == ("cifar10", source)
    np.testing.assert_array_equal(dataset.x_train, X_TRAIN)
    np.testing.assert_array_equal(dataset.y_train, np.tile(np.arange(10), 5 * ROWS // 10))
    assert dataset.x_test.shape == (ROWS, 32, 32, 3)
    assert dataset.x_train.dtype == np.uint8


def assert_recovers(load, server, cache):
    """After a fault: nothing bad under a final name, and the next good call succeeds, then finds the cache."""
    assert not {"cifar10.npz", "cifar10.json"} & set(files(cache))
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert set(files(cache)) >= {"cifar10.json", "cifar10.npz"}
    assert_good(load("http://127.0.0.1:9/"), "cache")


# ---- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
def test_cifar10_dir_is_the_folder_or_holds_it(load, tmp_path, monkeypatch, capsys, inside):
    folder = write_folder(tmp_path / "data")
    monkeypatch.setenv("CIFAR10_DIR", str(folder if inside else folder.parent))
    assert_good(load(), "CIFAR10_DIR")
    line = capsys.readouterr().out
    assert line == "CIFAR-10: 300 training and 60 test images (source: CIFAR10_DIR)\n"


@pytest.mark.parametrize("place", [f"{data.FOLDER}-target", "."])  # Keras 3 and its forerunners
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
    data.load_dataset("shapes")
    assert str(tmp_path) not in capsys.readouterr().out


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
    with pytest.raises(data.DatasetError, match=words) as caught:
        load(f"{server.url}/{fault}")
    for words in ("CIFAR10_DIR", "Keras's cache", "127.0.0.1", "CIFAR10_URLS"):
        assert words in str(caught.value)
    assert files(cache) == []
    assert_recovers(load, server, cache)


def test_mirror_down(load, server, dead, cache):
    with pytest.raises(data.DatasetError, match="cannot be reached"):
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
    monkeypatch.setattr(data, "STALL_TIMEOUT", 10.0)
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
    with pytest.raises(data.DatasetError, match="no data within"):
        load("http://mirror.invalid/")
    assert time.monotonic() - start < 3


def test_auto_ends_with_shapes_and_says_why(load, dead, server, capsys):
    dataset = load(dead, server.url + "/silent", name="auto", train_size=200)
    assert (dataset.name, len(dataset.x_train)) == ("shapes", 200)
    out = capsys.readouterr().out
    for words in ("cannot be reached", "no data within", "CIFAR10_DIR", "in place of CIFAR-10"):
        assert words in out


# ---- archives and pickles --------------------------------------------------------------------------------------------


def test_archive_with_members_outside_its_folder_writes_nothing_there(load, monkeypatch, tmp_path, cache):
    evil = [("../evil", b"x"), ("/tmp/involution-evil", b"x"), (f"{data.FOLDER}/../../evil", b"x")]
    archive = make_archive(evil + [(f"{data.FOLDER}/{name}", pickle.dumps(b, 2)) for name, b in BATCHES.items()])
    monkeypatch.setattr(data, "ARCHIVE_SHA256", hashlib.sha256(archive).hexdigest())
    (tmp_path / "evil.tar.gz").write_bytes(archive)
    assert load((tmp_path / "evil.tar.gz").as_uri()).name == "cifar10"
    assert files(tmp_path) == ["cache", "cifar10.json", "cifar10.npz", "evil.tar.gz"]
    assert not Path("/tmp/involution-evil").exists()
    assert not list(Path.cwd().glob("evil*"))


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_malicious_pickle_is_not_obeyed(load, tmp_path, monkeypatch, server, cache):
    folder = write_folder(tmp_path, {**BATCHES, "data_batch_2": Malicious(tmp_path / "owned")})
    monkeypatch.setenv("CIFAR10_DIR", str(folder))
    with pytest.raises(data.DatasetError, match=r"data_batch_2.*mkdir.*do not trust"):
        load()
    assert not (tmp_path / "owned").exists()
    monkeypatch.delenv("CIFAR10_DIR")
    assert_recovers(load, server, cache)


@pytest.mark.parametrize("payload", [print, eval, np.load, np.fromfile, pickle.loads, np.dtype.newbyteorder])
def test_unpickler_allows_nothing_else(payload):
    with pytest.raises(pickle.UnpicklingError, match="do not trust"):
        data._BatchUnpickler(io.BytesIO(pickle.dumps(payload, 4)), encoding="bytes").load()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_unpickler_reads_batches_of_either_numpy(protocol):
    content = pickle.dumps(BATCHES["test_batch"], protocol)
    for module in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        if protocol < 4:  # there the module's name stands in the open
            content = content.replace(b"numpy._core.multiarray", module)
        batch = data._BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        np.testing.assert_array_equal(batch[b"data"], BATCHES["test_batch"][b"data"])


def broken_batch(fault):
    batch = dict(BATCHES["data_batch_3"])
    if fault == "labels":
        batch[b"labels"] = batch[b"labels"][:-1]
    elif fault == "rows":
        batch[b"data"] = batch[b"data"][:-1]
    elif fault == "range":
        batch[b"labels"] = [10, *batch[b"labels"][1:]]
    content = pickle.dumps(batch, 2)
    return content[: len(content) // 2] if fault == "truncated" else content


@pytest.mark.parametrize("fault", ["truncated", "labels", "rows", "range", "gone"])
def test_damaged_cifar10_dir(load, tmp_path, monkeypatch, server, cache, capsys, fault):
    folder = write_folder(tmp_path)
    if fault == "gone":
        (folder / "data_batch_3").unlink()
    else:
        (folder / "data_batch_3").write_bytes(broken_batch(fault))
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    # "cifar10" uses no other data than the folder asked for ...
    with pytest.raises(data.DatasetError, match="data_batch_3") as caught:
        load(server.url + "/good")
    assert "unset CIFAR10_DIR" in str(caught.value)
    assert files(cache) == []
    # ... "auto" says so and goes on ...
    assert_good(load(server.url + "/good", name="auto"), "download from 127.0.0.1")
    assert "data_batch_3" in capsys.readouterr().out
    # ... and once the folder is whole, it serves.
    (folder / "data_batch_3").write_bytes(pickle.dumps(BATCHES["data_batch_3"], 2))
    assert_good(load(), "CIFAR10_DIR")


def test_labels_of_one_class_only(load, tmp_path, monkeypatch):
    write_folder(tmp_path, {name: {**batch, b"labels": [3] * ROWS} for name, batch in BATCHES.items()})
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    with pytest.raises(data.DatasetError, match="leave out some of the ten classes"):
        load()


# ---- the cache -------------------------------------------------------------------------------------------------------


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
    elif how == "bad record":
        (cache / "cifar10.json").write_text('{"size": ')


@pytest.mark.parametrize("how", ["shorter", "flipped", "no record", "bad record"])
def test_damaged_cache_is_noticed_and_made_anew(load, server, cache, capsys, how):
    load(server.url + "/good")
    damage(cache, how)
    assert_good(load(server.url + "/good"), "download from 127.0.0.1")
    assert "cifar10.npz is damaged" in capsys.readouterr().out
    assert_good(load(), "cache")


def test_verify(load, server, cache, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["data", "--verify", "--cache-dir", str(cache)])
    assert data._main() == 1
    assert "no cache" in capsys.readouterr().out
    load(server.url + "/good")
    assert data._main() == 0
    assert "whole" in capsys.readouterr().out
    content = bytearray((cache / "cifar10.npz").read_bytes())
    content[8] ^= 1  # a byte of the zip's bookkeeping: only the full check sees it
    (cache / "cifar10.npz").write_bytes(content)
    assert data._main() == 1
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

PRELUDE = f"""
import sys, time
from types import SimpleNamespace
sys.modules["keras"] = SimpleNamespace(utils=SimpleNamespace(PyDataset=object))  # its import takes seconds
from involution_utils import data
data.BATCH_ROWS, data.ARCHIVE_SHA256 = {ROWS}, {hashlib.sha256(ARCHIVE).hexdigest()!r}
def hang(*_, **__):
    print("here", flush=True)
    time.sleep(60)
"""
LOAD = "\ndata.load_dataset('cifar10', cache_dir=sys.argv[1])"


def start(program, cache, url):
    environment = {**os.environ, "CIFAR10_URLS": url}
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program) + LOAD, str(cache)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "program"),
    [
        ("download", ""),
        ("unpacking", "data._read_batch = hang"),
        (
            "writing",
            """
            def half(file, **arrays):
                file.write(b"x" * 1000)
                file.flush()
                hang()
            data.np.savez = half
            """,
        ),
        ("renaming", "data.os.replace = hang"),
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
    assert data._verify(cache / "cifar10.npz")
    assert_good(load(), "cache")


@pytest.mark.slow
def test_auto_with_all_mirrors_silent_takes_less_than_30_s(server, cache):
    """With the real time-outs, and twice as many mirrors as there are."""
    begin = time.monotonic()
    process = start("data.load_dataset('auto', cache_dir=sys.argv[1]); sys.exit()", cache, f"{server.url}/silent " * 6)
    out, _ = process.communicate(timeout=60)
    assert "shapes: 10,000 training and 2,000 test images" in out
    assert time.monotonic() - begin < 30


# ---- arguments and subsets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "mnist"}, "name.*'mnist'"),
        ({"train_size": 0}, "train_size.*from 10 to 10,000.*train_size=0"),
        ({"train_size": 9}, "train_size=9"),
        ({"train_size": 10_001}, "train_size=10001"),
        ({"train_size": 100.5}, "train_size=100.5"),
        ({"train_size": True}, "train_size=True"),
        ({"test_size": -1}, "test_size=-1"),
        ({"test_size": "100"}, "test_size='100'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        data.load_dataset(**{"name": "shapes", **options})


def test_subsets_are_balanced_reproducible_and_nested(load, server):
    load(server.url + "/good")
    a, b, other = load(train_size=95, test_size=30), load(train_size=95, test_size=30), load(train_size=95, seed=1)
    counts = np.bincount(a.y_train)
    assert counts.sum() == 95
    assert counts.max() - counts.min() <= 1
    assert np.bincount(a.y_test).tolist() == [3] * 10
    np.testing.assert_array_equal(a.x_train, b.x_train)
    assert not np.array_equal(a.x_train, other.x_train)
    everything = {
        image.tobytes(): label for image, label in zip(*(lambda d: (d.x_train, d.y_train))(load()), strict=True)
    }
    assert all(everything[image.tobytes()] == label for image, label in zip(a.x_train, a.y_train, strict=True))
    small = {image.tobytes() for image in load(train_size=20).x_train}
    assert small < {image.tobytes() for image in a.x_train}


# ---- feeding ---------------------------------------------------------------------------------------------------------


def test_batches_hold_every_image_once_as_float():
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    feed = data.Batches(images, np.arange(50), batch_size=16)
    batches = [feed[i] for i in range(len(feed))]
    assert [len(x) for x, _ in batches] == [16, 16, 16, 2]
    labels = np.concatenate([y for _, y in batches])
    assert labels.tolist() != list(range(50))
    assert sorted(labels) == list(range(50))
    x = np.concatenate([x for x, _ in batches])
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, images[labels] / np.float32(255), rtol=1e-6)
    np.testing.assert_array_equal(data.Batches(images, np.arange(50), 16, shuffle=False)[1][1], np.arange(16, 32))


def test_batches_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="50 images and 49 labels"):
        data.Batches(np.zeros((50, 2, 2, 3), np.uint8), np.arange(49))
    with pytest.raises(ValueError, match="batch_size=0"):
        data.Batches(np.zeros((50, 2, 2, 3), np.uint8), np.arange(50), batch_size=0)


class Record(keras.layers.Layer):
    """Lets the images through and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        self.seen.append(np.asarray(x)[:, 0, 0, 0])
        return keras.ops.mean(x, axis=(1, 2, 3))[:, None]


def orders(initial_epoch, epochs):
    """Which images `fit` sees, in which order, epoch by epoch; image `i` has the value `i`."""
    images = np.tile(np.arange(100, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 3))
    layer = Record()
    model = keras.Sequential([layer])
    model.compile("sgd", "mse", run_eagerly=True)
    feed = data.Batches(images, np.zeros(100), batch_size=32, seed=5, initial_epoch=initial_epoch)
    layer.seen.clear()
    model.fit(feed, initial_epoch=initial_epoch, epochs=epochs, shuffle=False, verbose=0)
    seen = np.rint(np.concatenate(layer.seen)[-100 * (epochs - initial_epoch) :] * 255).astype(int)
    return seen.reshape(-1, 100)


def test_resumed_training_sees_the_same_order():
    whole, resumed = orders(0, 3), orders(1, 3)
    assert all(sorted(epoch) == list(range(100)) for epoch in whole)
    assert not np.array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(whole[1:], resumed)
    np.testing.assert_array_equal(whole[0], np.random.default_rng((5, 0)).permutation(100))  # it begins with epoch 0


def test_setting_the_epoch_sets_the_order():
    images = np.zeros((40, 2, 2, 3), np.uint8)
    feed, ahead = data.Batches(images, np.arange(40), 8), data.Batches(images, np.arange(40), 8, initial_epoch=3)
    feed.epoch = 3
    np.testing.assert_array_equal(feed[2][1], ahead[2][1])


def test_augmented_images_are_mirrored_and_shifted_with_their_border_repeated():
    images = np.random.default_rng(0).integers(0, 256, (300, 6, 7, 3), np.uint8)
    feed = data.Batches(images, np.arange(300), batch_size=150, augment=True, seed=3)
    seen, rows, columns = [], np.arange(6), np.arange(7)
    for pictures, labels in (feed[0], feed[1]):
        for picture, label in zip(np.rint(pictures * 255), labels, strict=True):
            found = [
                (down, right, mirrored)
                for down, right, mirrored in itertools.product(range(-4, 5), range(-4, 5), (False, True))
                if np.array_equal(
                    picture,
                    images[label][np.clip(rows + down, 0, 5)][:, np.clip(columns + right, 0, 6)][
                        :, :: -1 if mirrored else 1
                    ],
                )
            ]
            assert len(found) == 1
            seen += found
    for choices, values in zip(zip(*seen, strict=True), (range(-4, 5), range(-4, 5), (False, True)), strict=True):
        assert set(choices) == set(values)


def test_augmentation_depends_on_seed_epoch_and_batch_alone():
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)

    def batch(seed=0, epoch=0, index=1):
        return data.Batches(images, np.arange(64), 16, False, seed, initial_epoch=epoch, augment=True)[index][0]

    np.testing.assert_array_equal(batch(), batch())
    assert not np.array_equal(batch(), batch(seed=1))
    assert not np.array_equal(batch(), batch(epoch=1))
    same = data.Batches(np.tile(images[:16], (2, 1, 1, 1)), np.arange(32), 16, shuffle=False, augment=True)
    assert not np.array_equal(same[0][0], same[1][0])


# ---- shapes ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes():
    return data.load_dataset("shapes")


def test_shapes_are_drawn_in_time_and_the_same_again(shapes):
    start = time.process_time()
    again = data.load_dataset("shapes")
    assert time.process_time() - start < 5
    assert (len(again.x_train), len(again.x_test), len(again.class_names)) == (10_000, 2_000, 10)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shapes, name))
    assert not np.array_equal(data.load_dataset("shapes", seed=1).x_train, shapes.x_train)


def test_shapes_are_balanced_and_never_repeat(shapes):
    assert np.bincount(shapes.y_train).tolist() == [1000] * 10
    assert np.bincount(shapes.y_test).tolist() == [200] * 10
    assert len({image.tobytes() for image in (*shapes.x_train, *shapes.x_test)}) == 12_000


def fitted(model, dataset, epochs, seed=0):
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(data.Batches(dataset.x_train, dataset.y_train, seed=seed), epochs=epochs, shuffle=False, verbose=0)
    return model.evaluate(data.Batches(dataset.x_test, dataset.y_test, shuffle=False), verbose=0)[1]


def test_neither_colour_nor_brightness_gives_shapes_away(shapes):
    """A linear classifier sees the mean colour of an image, and its spread, and stays near chance."""
    keras.utils.set_random_seed(0)

    def features(x):
        x = x.reshape(len(x), -1, 3) / np.float32(255)
        return np.concatenate([x.mean(1), x.mean(1) ** 2], 1)

    train, test = features(shapes.x_train), features(shapes.x_test)
    columns = np.linalg.lstsq(np.c_[train, np.ones(len(train))], np.eye(10)[shapes.y_train], rcond=None)[0]
    accuracy = (np.c_[test, np.ones(len(test))] @ columns).argmax(1) == shapes.y_test
    assert accuracy.mean() < 0.2


@pytest.mark.slow
def test_what_the_classifiers_learn_of_shapes(shapes):
    from involution_utils.models import conv_classifier, involution_classifier

    keras.utils.set_random_seed(0)
    pixels = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10)])
    linear = fitted(pixels, shapes, 10)
    keras.utils.set_random_seed(0)
    conv = fitted(conv_classifier(), shapes, 5)
    keras.utils.set_random_seed(0)
    involution = fitted(involution_classifier(), shapes, 5)
    print(f"linear {linear:.3f}, involution {involution:.3f}, convolution {conv:.3f}")
    assert linear < 0.45
    assert conv > 0.9
    assert 0.2 < involution < conv - 0.1
