"""Image data that is always there: CIFAR-10 from wherever it can be had, and `shapes`, drawn on the spot.

`Batches` feeds the images to a training; `data.tasks` draws data for other tasks.
"""

from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from involution_utils import checks
from involution_utils.checks import ParameterError
from involution_utils.data import cifar10
from involution_utils.data.batches import Batches, scaled
from involution_utils.data.cifar10 import CIFAR10_CLASSES, DatasetError
from involution_utils.data.shapes import SHAPES_CLASSES, SHAPES_TRAIN, draw_shapes

__all__ = ["CIFAR10_CLASSES", "DEFAULT_EPOCHS", "SHAPES_CLASSES", "Batches", "DatasetError", "ImageDataset"]
__all__ += ["ParameterError", "load_dataset", "scaled"]

DEFAULT_EPOCHS = {"cifar10": 20, "shapes": 2}  # the original experiment's; and a few seconds' worth
CLASSES = 10  # of either data set
SPLIT_SEED = 0  # fixes which training images are held out, whatever the other arguments


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images with their labels, split into training, validation and test images.

    Attributes:
        x_train: Training images, `(N, 32, 32, 3)` uint8.
        y_train: Their labels, `(N,)` int64, from 0 to 9.
        x_test: Test images, `(M, 32, 32, 3)` uint8.
        y_test: Their labels, `(M,)` int64.
        class_names: Ten names; label `i` is called `class_names[i]`.
        name: `"cifar10"` or `"shapes"`.
        source: Where it came from, in a few words.
        x_validation: Images held out from the training images, `(V, 32, 32, 3)` uint8; none by default.
        y_validation: Their labels, `(V,)` int64.
        pixels: `"original"` if they are those of CIFAR-10's archive; `"jpeg"` if they are those of a known copy that
            went through JPEG once; None if that is not known, or the images are drawn.
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...]
    name: str
    source: str
    x_validation: np.ndarray = field(repr=False, default_factory=lambda: np.empty((0, 32, 32, 3), np.uint8))
    y_validation: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0, np.int64))
    pixels: str | None = None

    @property
    def default_epochs(self) -> int:
        """Number of epochs that a notebook trains for unless told otherwise: `DEFAULT_EPOCHS[name]`."""
        return DEFAULT_EPOCHS[self.name]


def load_dataset(
    name: str = "auto",
    train_size: int | None = None,
    test_size: int | None = None,
    validation_size: int = 0,
    cache_dir: str | PathLike | None = None,
    seed: int = 0,
) -> ImageDataset:
    """Load CIFAR-10 or the drawn data set `shapes`, and print one line that says which and from where.

    CIFAR-10 is read from the folder that the environment variable `CIFAR10_DIR` names. Without it, it is taken from the
    first of these that serves: our cache, Keras's cache, mirrors on the internet (`CIFAR10_URLS` names others;
    `file://` works too). `shapes` is drawn in a second: 2,000 training and 500 test images.

    Args:
        name: `"cifar10"`; `"shapes"`; or `"auto"`: CIFAR-10 and, where it cannot be had, `shapes`, which is announced.
        train_size: Number of training images to keep, the classes balanced; all by default, and if there are fewer.
        test_size: Number of test images to keep, likewise.
        validation_size: Number of training images to hold out for validation, the classes balanced: the same ones
            whatever `train_size` and `seed`, fewer a part of more; of `shapes` at most half. The training images come
            from the rest.
        cache_dir: Folder of our cache; by default the operating system's folder for caches.
        seed: Fixes the drawing of `shapes` and the choice of the training and test images kept: the same seed, the
            same images. With one seed a smaller subset is part of a larger one.

    Returns:
        An `ImageDataset`.

    Raises:
        ParameterError: An argument is wrong (a ValueError): an unknown `name`, or a size that is not a whole number
            between 10 (one image per class) and CIFAR-10's number of images.
        DatasetError: `"cifar10"` cannot be had.
    """
    checks.choice("name", name, checks.DATASETS)
    seed = checks.seed(seed)
    if not isinstance(cache_dir, str | PathLike | None):
        raise checks.error("cache_dir", "the name of a folder", cache_dir)
    most, most_test = 5 * cifar10.BATCH_ROWS, cifar10.BATCH_ROWS
    least = CLASSES if validation_size else 0
    validation_size = checks.whole_number("validation_size", validation_size, least, most - CLASSES)
    if train_size is not None:
        checks.whole_number("train_size", train_size, CLASSES, most - validation_size)
    if test_size is not None:
        checks.whole_number("test_size", test_size, CLASSES, most_test)
    found = None
    if name != "shapes":
        try:
            found = cifar10.find_cifar10(cache_dir)
        except DatasetError as error:
            if name == "cifar10":
                raise
            print(f"{error}\nUsing the drawn data set shapes in place of CIFAR-10.")
    if not found:
        validation_size = min(validation_size, SHAPES_TRAIN // 2)  # and some are left to train on
    name, class_names = ("cifar10", CIFAR10_CLASSES) if found else ("shapes", SHAPES_CLASSES)
    (x, y, x_test, y_test), pixels, source = found or (draw_shapes(seed), None, "drawn by involution_utils")
    held_out = _balanced(y, _classes_in_order(y, SPLIT_SEED), validation_size)
    if validation_size:
        order = _classes_in_order(y, seed)
        order = order[~np.isin(order, held_out)]
    else:
        order = np.random.default_rng((seed, 0)).permutation(len(y))
    kept = _balanced(y, order, train_size)
    kept_test = _balanced(y_test, np.random.default_rng((seed, 1)).permutation(len(y_test)), test_size)
    parts = x[kept], y[kept], x_test[kept_test], y_test[kept_test]
    validation = f", {validation_size:,} validation" if validation_size else ""
    sizes = f"{len(kept):,} training{validation} and {len(kept_test):,} test images"
    print(f"{name.replace('cifar', 'CIFAR-')}: {sizes} (source: {source})")
    return ImageDataset(*parts, class_names, name, source, x[held_out], y[held_out], pixels)


def _classes_in_order(labels, seed):
    """Return the indices of the first class in a random order, then those of the second, and so on."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == label)) for label in range(CLASSES)])


def _balanced(labels, order, size):
    """Return `size` of the indices `order`, sorted: of each class in turn the next one. All if `size` is None."""
    turn = np.empty(len(labels), int)
    for label in range(CLASSES):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    return np.sort(order[np.argsort(turn[order], kind="stable")[:size]])
