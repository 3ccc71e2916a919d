"""Looks into a model: what it costs, the kernels that it makes, and what is lost when they may no longer vary."""

import math
from collections.abc import Iterable

import keras
import numpy as np
from keras import layers, ops

from involution_utils import checks
from involution_utils.layers import Involution2D
from involution_utils.models import SharedDepthwiseConv2D

LESIONS = ("dataset_mean", "image_mean", "position_mean", "shuffled", "zero")


def count_parameters(model: keras.Model) -> int:
    """Count the trainable parameters of `model`."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of `model` for one image: convolutions, dense layers, making and applying kernels.

    Each weight of convolutions and dense layers counts once per position; as in the paper, all else is free.

    Args:
        model: A functional model of a known input size; models inside it count, and so do frozen layers.
    """
    total = 0
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if weight.name.endswith("kernel")]
        if isinstance(layer, keras.Model) or not kernels:
            total += multiply_adds(layer) if isinstance(layer, keras.Model) else 0
            continue
        *positions, channels = layer.output.shape[1:]
        if getattr(layer, "data_format", None) == "channels_first":
            channels, *positions = layer.output.shape[1:]
        each = sum(math.prod(weight.shape) for weight in kernels)
        if isinstance(layer, SharedDepthwiseConv2D):
            each = each // layer.groups * channels  # a shared weight is multiplied once per channel
        if isinstance(layer, Involution2D):
            scored = getattr(layer.kernel_generator, "key_channels", 0)
            each += math.prod(layer.kernel_size) * (channels + scored)
        total += math.prod(positions) * each
    return total


def involutions(model: keras.Model) -> list[Involution2D]:
    """Return the involutions of `model`, in their order; a `ParameterError` tells of one in a model inside it."""
    hidden = [part for layer in model.layers if isinstance(layer, keras.Model) for part in parts(layer)]
    if any(isinstance(part, Involution2D) for part in hidden):
        raise checks.error("model", "one with all involutions among its own layers, none in a model inside", model.name)
    return [layer for layer in model.layers if isinstance(layer, Involution2D)]


def parts(layer: layers.Layer) -> list[layers.Layer]:
    """Return all layers inside a layer, however deep."""
    found = [layer]
    for part in found:  # which grows meanwhile
        for value in vars(part).values():
            inside = value if isinstance(value, list | tuple) else [value]
            inside = [one for one in inside if isinstance(one, layers.Layer)]
            found += [one for one in inside if not any(one is other for other in found)]
    return found[1:]


def layer_kernels(model: keras.Model, images: np.ndarray, batch_size: int = 100) -> dict[str, np.ndarray]:
    """Compute the kernels that each involution of a functional model makes for `images`.

    Args:
        model: A functional model, such as those of `involution_utils.models`.
        images: `(N, height, width, channels)`, in [0, 1].
        batch_size: Images per forward pass.

    Returns:
        A dict from the name of each `Involution2D` to its kernels, an array `(N, H', W', K_h, K_w, G)`.
    """
    found = involutions(model)
    if not found:
        return {}
    seen = keras.Model(model.inputs[0], {layer.name: layer.input for layer in found})
    made: dict[str, list[np.ndarray]] = {layer.name: [] for layer in found}
    for start in range(0, len(images), batch_size):
        features = seen(ops.convert_to_tensor(images[start : start + batch_size], "float32"))
        for layer in found:
            inputs, first = features[layer.name], layer.data_format == "channels_first"
            flat = layer.kernel_generator(ops.transpose(inputs, (0, 2, 3, 1)) if first else inputs)
            flat = ops.convert_to_numpy(flat)  # (N, H', W', K_h * K_w * G)
            made[layer.name].append(flat.reshape(*flat.shape[:-1], *layer.kernel_size, layer.groups))
    return {name: np.concatenate(parts) for name, parts in made.items()}


def spatial_share(kernels: np.ndarray) -> float:
    """Compute which share of the kernels' variance lies between the positions of an image, not between images.

    Args:
        kernels: `(N, H, W, K_h, K_w)`, the kernels of N images.

    Returns:
        A number from 0 to 1: the variance over the positions of an image, averaged over images and weights, divided by
        the variance over positions and images together, averaged over weights. 0 if all kernels are alike.
    """
    kernels = kernels.astype("float64")
    total = kernels.var(axis=(0, 1, 2)).mean()
    return float(kernels.var(axis=(1, 2)).mean() / total) if total > 0 else 0.0


def explained_by_pixels(kernels: np.ndarray, images: np.ndarray) -> float:
    """Compute which share of the kernels' variance a linear function of the pixels beneath them explains.

    Args:
        kernels: `(N, H, W, K_h, K_w)`, the kernels of one group for N images.
        images: `(N, H * s, W * s, channels)`, averaged over blocks of s x s pixels; all channels together explain. For
            brightness alone hand over `images.mean(-1, keepdims=True)`, for one color `images[..., [2]]`.

    Returns:
        R squared of least squares, from 0 to 1, all weights of the kernel taken together.
    """
    count, height, width = kernels.shape[:3]
    blocks = images.reshape(count, height, images.shape[1] // height, width, images.shape[2] // width, -1)
    pixels = blocks.mean((2, 4), dtype="float64").reshape(count * height * width, -1)
    flat = kernels.reshape(len(pixels), -1).astype("float64")
    flat, pixels = flat - flat.mean(0), pixels - pixels.mean(0)
    total = (flat**2).sum()
    if total == 0:
        return 0.0
    fitted = pixels @ np.linalg.lstsq(pixels, flat, rcond=None)[0]
    return float((fitted**2).sum() / total)


@keras.saving.register_keras_serializable("involution_utils", "LesionedGenerator")
class _LesionedGenerator(layers.Layer):
    """A kernel generator whose kernels `lesioned` replaces; `mean` is flat: the kernel, or those of all positions."""

    def __init__(self, generator, lesion, mean=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(generator, dict):
            generator = keras.saving.deserialize_keras_object(generator)
        self.generator, self.lesion, self.seed = generator, lesion, checks.seed(seed)
        self.mean = None if mean is None else [float(value) for value in np.ravel(mean)]

    def build(self, input_shape):
        if not self.generator.built:
            self.generator.build(input_shape)

    def call(self, inputs, training=False):
        kernels = self.generator(inputs, training=training)
        _, height, width, values = shape = ops.shape(kernels)
        if self.lesion == "image_mean":
            kernels = ops.mean(kernels, axis=(1, 2), keepdims=True)
        elif self.lesion == "zero":
            kernels = ops.zeros_like(kernels)
        elif self.lesion == "shuffled":
            order = np.random.default_rng(self.seed).permutation(height * width)
            kernels = ops.reshape(ops.take(ops.reshape(kernels, (-1, height * width, values)), order, axis=1), shape)
        else:
            positions = (height, width) if self.lesion == "position_mean" else (1, 1)
            kernels = ops.reshape(ops.convert_to_tensor(self.mean, kernels.dtype), (1, *positions, values))
        return ops.broadcast_to(kernels, shape)

    def compute_output_shape(self, input_shape):
        return self.generator.compute_output_shape(input_shape)

    def get_config(self):
        generator = keras.saving.serialize_keras_object(self.generator)
        own = {"generator": generator, "lesion": self.lesion, "mean": self.mean, "seed": self.seed}
        return super().get_config() | own


def lesioned(
    model: keras.Model, lesion: str, images: np.ndarray | None = None, names: Iterable[str] | None = None, seed: int = 0
) -> keras.Model:
    """Copy a trained model with the kernels of some involutions replaced.

    Args:
        model: A functional model with `Involution2D` layers.
        lesion: `"image_mean"`, each image's kernels are replaced by their mean over the positions; `"dataset_mean"`,
            all kernels by their mean; `"position_mean"`, those of each position by that position's mean; `"shuffled"`,
            the kernels of an image change places at random; `"zero"`, all weights are zero.
        images: `(N, height, width, channels)` in [0, 1], over which `"dataset_mean"` and `"position_mean"` average.
        names: Names of the involutions to lesion; all by default.
        seed: Fixes the order of `"shuffled"`, the same for all images.

    Returns:
        A new model with the weights of `model`, not compiled; `reestimate_normalization` may follow.

    Raises:
        ParameterError: If `lesion` or a name is unknown, images are missing, or a model inside `model` has involutions.
    """
    checks.choice("lesion", lesion, LESIONS)
    known = [layer.name for layer in involutions(model)]
    names = set(known if names is None else names)
    checks.names(names, known, "involution")
    averaged, means = {"dataset_mean": (0, 1, 2), "position_mean": (0,)}.get(lesion), {}
    if averaged:
        if images is None:
            raise checks.error("images", "an array of images for the mean kernels", images)
        means = {name: made.mean(averaged) for name, made in layer_kernels(model, images).items()}

    def copy(layer):
        config = layer.get_config()
        if layer.name in names:
            inner = layer.kernel_generator
            inner = type(inner).from_config(inner.get_config())
            config["kernel_generator"] = _LesionedGenerator(inner, lesion, means.get(layer.name), seed, name="lesioned")
        return type(layer).from_config(config)

    changed = keras.models.clone_model(model, clone_function=copy)
    changed.set_weights(model.get_weights())
    return changed


def reestimate_normalization(model: keras.Model, images: np.ndarray, batch_size: int = 256) -> None:
    """Set the moving statistics of every `BatchNormalization` in `model` to their averages over `images`.

    Args:
        model: A built model; it is changed in place.
        images: `(N, height, width, channels)` in [0, 1], N a multiple of `batch_size` or less than it.
        batch_size: Images per forward pass.
    """
    momenta = {layer: layer.momentum for layer in parts(model) if isinstance(layer, layers.BatchNormalization)}
    for number, start in enumerate(range(0, len(images), batch_size)):
        for layer in momenta:
            layer.momentum = number / (number + 1)  # so that the moving average is the mean of the batches so far
        model(ops.convert_to_tensor(images[start : start + batch_size], "float32"), training=True)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
