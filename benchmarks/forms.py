"""What the benchmarks compare: the operation, the original's patches, PyTorch's `unfold`, the original's network."""

import importlib
import os
import sys

import timing  # noqa: F401  # finds the package, and sets the backend

# (batch, size of every axis, channels, kernel, groups, stride)
SHAPES = [
    (256, 32, 3, 3, 1, 1),
    (8, 56, 64, 7, 4, 1),
    (8, 28, 128, 7, 8, 1),
    (32, 32, 32, 3, 4, 1),
    (8, 56, 64, 7, 4, 2),
    (8, 28, 128, 7, 8, 2),
]
OTHER_RANKS = [(1, (32, 1024, 64, 7, 4, 1)), (3, (4, 16, 32, 3, 4, 1))]


def arrays(shape, rank=2):
    """Inputs, kernels and upstream gradient for one of SHAPES, as NumPy arrays."""
    import numpy as np

    batch, size, channels, kernel, groups, stride = shape
    positions = (-(-size // stride),) * rank
    rng = np.random.default_rng(0)
    shapes = (
        (batch, *(size,) * rank, channels),
        (batch, *positions, *(kernel,) * rank, groups),
        (batch, *positions, channels),
    )
    return [rng.standard_normal(s, dtype="float32") for s in shapes]


def patches_involution(inputs, kernels, stride):
    """The original's arithmetic: every window copied out, multiplied by the kernels, added up; 1 to 3 axes."""
    import tensorflow as tf

    rank = len(inputs.shape) - 2
    positions, (size, *_), groups = kernels.shape[1 : rank + 1], kernels.shape[rank + 1 : -1], kernels.shape[-1]
    channels = inputs.shape[-1]
    if rank == 3:
        patches = tf.raw_ops.ExtractVolumePatches(
            input=inputs, ksizes=[1, *[size] * 3, 1], strides=[1, *[stride] * 3, 1], padding="SAME"
        )
    else:
        image, flat = (inputs, [size, stride]) if rank == 2 else (inputs[:, None], [1, 1])
        window, step = [1, flat[0], size, 1], [1, flat[1], stride, 1]
        patches = tf.image.extract_patches(image, window, step, [1, 1, 1, 1], "SAME")
    split = tf.reshape(patches, (-1, *positions, size**rank, groups, channels // groups))
    weights = tf.reshape(kernels, (-1, *positions, size**rank, groups, 1))
    return tf.reshape(tf.reduce_sum(split * weights, axis=rank + 1), (-1, *positions, channels))


def ours(inputs, kernels, stride):
    """The operation of the package."""
    from involution_utils import involution

    return involution(inputs, kernels, strides=stride)


def of_another_checkout(folder):
    """The operation of the package in `folder`, an earlier one, beside that of this repository."""
    names = [name for name in sys.modules if name.split(".")[0] == "involution_utils"]
    kept = {name: sys.modules.pop(name) for name in names}
    sys.path.insert(0, folder)
    operation = importlib.import_module("involution_utils.ops").involution
    sys.path.remove(folder)
    for name in [name for name in sys.modules if name.split(".")[0] == "involution_utils"]:
        del sys.modules[name]
    sys.modules.update(kept)
    return lambda inputs, kernels, stride: operation(inputs, kernels, strides=stride)


def forward_and_backward(involve, stride):
    """Return functions of (inputs, kernels) and (inputs, kernels, upstream), each a plain tf.function."""
    import tensorflow as tf

    @tf.function
    def forward(inputs, kernels):
        return involve(inputs, kernels, stride)

    @tf.function
    def both(inputs, kernels, upstream):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = involve(inputs, kernels, stride)
        return outputs, *tape.gradient(outputs, [inputs, kernels], upstream)

    return forward, both


def torch_forward_and_backward(shape, data):
    """PyTorch's `unfold` formulation on the same numbers, as functions without arguments; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    batch, size, channels, kernel, groups, stride = shape
    positions = -(-size // stride)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    inputs = torch.from_numpy(data[0]).permute(0, 3, 1, 2).contiguous().requires_grad_()
    kernels = torch.from_numpy(data[1]).permute(0, 5, 3, 4, 1, 2).contiguous()
    kernels = kernels.reshape(batch, groups, 1, kernel * kernel, positions, positions).requires_grad_()
    upstream = torch.from_numpy(data[2]).permute(0, 3, 1, 2).contiguous()
    unfold = torch.nn.Unfold(kernel, padding=(kernel - 1) // 2, stride=stride)

    def involve():
        columns = unfold(inputs).view(batch, groups, channels // groups, kernel * kernel, positions, positions)
        return (columns * kernels).sum(3).view(batch, channels, positions, positions)

    def forward():
        with torch.no_grad():
            return involve()

    return forward, lambda: torch.autograd.grad(involve(), (inputs, kernels), upstream)


def original_classifier():
    """The original experiment's network with the original layer's arithmetic, fixed to its sizes when built."""
    import keras
    import tensorflow as tf

    class PatchesInvolution(keras.layers.Layer):
        def build(self, shape):
            self.average = keras.layers.AveragePooling2D(1, padding="same")
            channels = shape[-1]
            self.generator = keras.Sequential(
                [
                    keras.Input(shape[1:]),
                    keras.layers.Conv2D(channels // 2, 1),
                    keras.layers.BatchNormalization(),
                    keras.layers.ReLU(),
                    keras.layers.Conv2D(9, 1),
                ]
            )
            self.positions = shape[1:3]

        def call(self, inputs):
            rows, columns = self.positions
            kernels = self.generator(self.average(inputs))
            kernels = tf.reshape(kernels, (-1, rows, columns, 3, 3, 1))
            return patches_involution(inputs, kernels, 1)

    layers = [keras.Input((32, 32, 3))]
    for number in (1, 2, 3):
        layers += [PatchesInvolution(), keras.layers.ReLU()]
        layers += [keras.layers.MaxPooling2D(2)] if number < 3 else []
    layers += [keras.layers.Flatten(), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    return keras.Sequential(layers)
