"""Feed images to `fit`, `evaluate` and `predict`, in an order that seed and epoch alone decide."""

import keras
import numpy as np

from involution_utils import checks


def scaled(images: np.ndarray) -> np.ndarray:
    """Return images as networks take them.

    Args:
        images: An array of any shape, uint8 from 0 to 255 or of any other type.

    Returns:
        A new float32 array of that shape: in [0, 1] if the images were uint8, else their values.
    """
    scale = 255 if images.dtype == np.uint8 else 1
    return np.divide(images, np.float32(scale), dtype=np.float32)  # one new array, not two


class Batches(keras.utils.PyDataset):
    """Feeds uint8 images to `fit`, `evaluate` and `predict`: each batch is gathered whole, then made float32.

    The order of an epoch depends on `seed` and the number of the epoch alone, so that a training resumed with
    `initial_epoch=e` sees the same batches. Call `fit(..., shuffle=False)`, or Keras shuffles the batches once more.

    Args:
        images: `(N, height, width, channels)` uint8. Arrays of another type or rank serve too: signals
            `(N, length, channels)`, clips `(N, frames, height, width, channels)`; what is not uint8 is not rescaled.
        labels: `(N,)` integers, or any other targets, one per image, `(N, height, width)` labels of pixels among them.
        batch_size: Images per batch; the last one holds what is left.
        shuffle: Whether each epoch has an order of its own, over all images; otherwise they come as they are.
        seed: Fixes the orders, and the augmentation.
        initial_epoch: Number of the first epoch.
        augment: Whether to mirror half of the images, and to shift each by up to 4 pixels up or down and left or right,
            its border repeated; drawn anew in every epoch. Labels of pixels move with their image.

    Returns:
        At index `i`, batch `i` of the present epoch: images, float32 in [0, 1] if they were uint8, and labels.

    Raises:
        ParameterError: Images and labels differ in number, a number is out of range, or no pictures are augmented.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int = 256,
        shuffle: bool = True,
        seed: int = 0,
        initial_epoch: int = 0,
        augment: bool = False,
    ):
        super().__init__()
        if len(images) != len(labels):
            raise checks.ParameterError(f"There are {len(images)} images and {len(labels)} labels; it takes one each.")
        if augment and np.ndim(images) != 4:
            shape = f"of shape {np.shape(images)}"
            raise checks.error("augment", "False for images that are not (N, height, width, channels)", shape)
        self.images, self.labels, self.shuffle, self.seed = images, labels, shuffle, checks.seed(seed)
        self.batch_size, self.augment = checks.whole_number("batch_size", batch_size), augment
        self._set_epoch(checks.whole_number("initial_epoch", initial_epoch, 0))

    def _set_epoch(self, epoch):
        self.epoch, self._begun, self.order = epoch, False, np.arange(len(self.images))
        if self.shuffle:
            self.order = np.random.default_rng((self.seed, epoch)).permutation(self.order)

    def on_epoch_begin(self) -> None:
        """Note that an epoch has begun."""
        self._begun = True

    def on_epoch_end(self) -> None:
        """Go on to the next epoch, if one had begun: Keras also calls this before the first."""
        self._set_epoch(self.epoch + self._begun)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        if not self.augment:
            return scaled(self.images[chosen]), self.labels[chosen]
        rng, sizes = np.random.default_rng((self.seed, self.epoch, index)), self.images.shape[1:3]
        rows, columns = (
            np.clip(np.arange(size) + rng.integers(-4, 5, (len(chosen), 1)), 0, size - 1) for size in sizes
        )
        columns = np.where(rng.random((len(chosen), 1)) < 0.5, columns[:, ::-1], columns)  # mirrored
        pixels = chosen[:, None, None], rows[:, :, None], columns[:, None, :]
        return scaled(self.images[pixels]), self.labels[pixels if self.labels.shape[1:3] == sizes else chosen]
