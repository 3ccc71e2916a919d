"""A small CIFAR-10, a server that misbehaves on demand, and what the tests expect of a load."""

import gzip
import http.server
import io
import pickle
import tarfile

import numpy as np

from involution_utils.data import cifar10

ROWS = 60  # images in a batch file of the small archive


def make_batches():
    rng = np.random.default_rng(7)
    return {
        name: {b"data": rng.integers(0, 256, (ROWS, 3072), np.uint8), b"labels": [i % 10 for i in range(ROWS)]}
        for name in cifar10.BATCH_FILES
    }


def make_archive(batches):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, batch in batches.items():
            content = pickle.dumps(batch, 3)
            entry = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1, mtime=0)


BATCHES = make_batches()
ARCHIVE = make_archive(BATCHES)
X_TRAIN = np.concatenate([BATCHES[f"data_batch_{i}"][b"data"] for i in range(1, 6)])
X_TRAIN = X_TRAIN.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def write_folder(root, batches=BATCHES):
    folder = root / cifar10.FOLDER
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / name).write_bytes(batch if isinstance(batch, bytes) else pickle.dumps(batch, 3))
    return folder


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers `/good`, `/missing` and so on as the names say."""

    def do_GET(self):
        getattr(self, self.path.strip("/").split("?")[0])()

    def log_message(self, *_):
        pass

    def start(self, size=None):
        self.send_response(200)
        self.send_header("Content-Length", str(size or len(ARCHIVE)))
        self.end_headers()

    def good(self):
        self.start()
        self.wfile.write(ARCHIVE)

    def together(self):  # answers two at once
        self.server.barrier.wait(30)
        self.good()

    def missing(self):
        self.send_response(404, "Not\x1b[31m there")
        self.send_header("Content-Length", "0")
        self.end_headers()

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

    def endless(self):
        self.start(2**40)
        while not self.server.stop.is_set():
            self.wfile.write(bytes(2**16))


def contents(folder):
    """The content of each file below `folder`, by its name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_good(dataset, source):
    assert (dataset.name, dataset.source) == ("cifar10", source)
    np.testing.assert_array_equal(dataset.x_train, X_TRAIN)
    np.testing.assert_array_equal(dataset.y_train, np.tile(np.arange(10), 5 * ROWS // 10))
    assert dataset.x_test.shape == (ROWS, 32, 32, 3)
    assert dataset.x_train.dtype == np.uint8
