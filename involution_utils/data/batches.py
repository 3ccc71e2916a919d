"""Feed images to `fit`, `evaluate` and `predict`, in an order that seed and epoch alone decide."""

import keras
import numpy as np

from involution_utils import checks


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
        self.batch_size, self.augment = checks.whole_number("batch_size", batch_size, 1), augment
        self.epoch, self._begun = initial_epoch, False

    @property
    def epoch(self):
        """Number of the present epoch; setting it sets the order."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        self._epoch = checks.whole_number("initial_epoch", epoch, 0)
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
