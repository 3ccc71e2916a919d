"""The kernel generators of the experiment `generators`; notebook 08 writes them, saved models may hold them."""

from typing import Any

import keras
from keras import layers, ops


class _Generator(layers.Layer):
    """The paper's two 1x1 convolutions; `_features` says from what they make kernels.

    Args:
        kernel_size, strides, groups, reduction_ratio: Integers, as for `KernelGenerator`.

    Input and output shape: Those of `KernelGenerator` for images.
    """

    def __init__(self, kernel_size: int, strides: int = 1, groups: int = 1, reduction_ratio: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = reduction_ratio
        self.pool = layers.AveragePooling2D(strides, padding="same")
        self.span = layers.Conv2D(kernel_size**2 * groups, 1)

    def build(self, input_shape):
        self.reduce = layers.Conv2D(max(1, input_shape[-1] // self.ratio), 1, use_bias=False)
        self.normalize = layers.BatchNormalization()

    def call(self, inputs):
        return self.span(ops.relu(self.normalize(self.reduce(self._features(self.pool(inputs))))))


@keras.saving.register_keras_serializable("involution_utils")
class ContextKernelGenerator(_Generator):
    """Makes a kernel from its pixel and from the mean of the 5x5 pixels around it."""

    def _features(self, pixels):
        return ops.concatenate([pixels, ops.average_pool(pixels, 5, 1, "same", "channels_last")], axis=-1)


@keras.saving.register_keras_serializable("involution_utils")
class PositionKernelGenerator(_Generator):
    """Makes a kernel from its pixel and from its row and column, each from -1 to 1 (Liu et al., 2018)."""

    def _features(self, pixels):
        sizes, one = ops.shape(pixels)[1:3], ops.ones_like(pixels[..., :1])
        rows, columns = (2 * ops.arange(n, dtype=one.dtype) / ops.cast(n - 1, one.dtype) - 1 for n in sizes)
        return ops.concatenate([pixels, one * rows[:, None, None], one * columns[:, None]], axis=-1)


@keras.saving.register_keras_serializable("involution_utils")
class MixtureKernelGenerator(_Generator):
    """Mixes four learned kernels per group, by weights that each pixel chooses and that add up to one."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make what chooses the weights."""
        self.choose = layers.Conv2D(4, 1)

    def call(self, inputs: Any) -> Any:
        """Return the kernels of `inputs`, flat."""
        return self.span(ops.softmax(self.choose(self.pool(inputs))))
