import functools
import hashlib
import http.server
import socket
import threading

import pytest
from small_cifar10 import ARCHIVE, ROWS, Handler

from involution_utils import data
from involution_utils.data import cifar10, load_dataset

drawn_once = functools.cache(data.draw_shapes)


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.barrier, httpd.stop = threading.Barrier(2), threading.Event()
        httpd.daemon_threads, httpd.handle_error = True, lambda *_: None
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
    """The small archive, short waits, shapes drawn once for all tests, and an environment without any data."""
    monkeypatch.setattr(data, "draw_shapes", drawn_once)
    monkeypatch.setattr(cifar10, "BATCH_ROWS", ROWS)
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    monkeypatch.setattr(cifar10, "TIMEOUT", 1.0)
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
        return load_dataset(name, cache_dir=cache, **options)

    return call
