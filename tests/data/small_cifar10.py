"""A small CIFAR-10, a server that misbehaves on demand, and what the tests expect of a load."""

import gzip
import hashlib
import http.server
import io
import pickle
import tarfile

import numpy as np

import involution_utils
from involution_utils.data import cifar10

ROWS = 60  # images in a batch file of the small archive


def make_batches(rows=ROWS):
    rng = np.random.default_rng(7)
    return {
        name: {b"data": rng.integers(0, 256, (rows, 3072), np.uint8), b"labels": [i % 10 for i in range(rows)]}
        for name in cifar10.BATCH_FILES
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
ARCHIVE = make_archive((f"{cifar10.FOLDER}/{name}", pickle.dumps(batch, 2)) for name, batch in BATCHES.items())
X_TRAIN = np.concatenate([BATCHES[f"data_batch_{i}"][b"data"] for i in range(1, 6)])
X_TRAIN = X_TRAIN.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


# Begins a program in a process of its own.
PRELUDE = f"""
import sys, time, types
# The package alone, without what its __init__ and Keras import, which takes seconds.
sys.modules["involution_utils"] = types.ModuleType("involution_utils")
sys.modules["involution_utils"].__path__ = {involution_utils.__path__!r}
sys.modules["keras"] = types.SimpleNamespace(utils=types.SimpleNamespace(PyDataset=object))
from involution_utils.data import cifar10, load_dataset
cifar10.BATCH_ROWS, cifar10.ARCHIVE_SHA256 = {ROWS}, {hashlib.sha256(ARCHIVE).hexdigest()!r}
"""


def write_folder(root, batches=BATCHES):
    folder = root / cifar10.FOLDER
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
