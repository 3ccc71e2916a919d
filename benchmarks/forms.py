"""What the benchmarks compare: the operation, the windows copied out as patches, shifted images."""

import functools
import itertools

import numpy as np
import tensorflow as tf

# (batch, size of every axis, channels, kernel, groups, stride)
SHAPES = [
    (256, 32, 3, 3, 1, 1),
    (8, 56, 64, 7, 4, 1),
    (8, 28, 128, 7, 8, 1),
    (32, 32, 32, 3, 4, 1),
    (8, 56, 64, 7, 4, 2),
    (8, 28, 128, 7, 8, 2),
]
OTHER_RANKS = {1: (32, 1024, 64, 7, 4, 1), 3: (4, 16, 32, 3, 4, 1)}


def tensors(shape, rank=2):
    """Return inputs, kernels and upstream gradient for one of SHAPES."""
    batch, size, channels, kernel, groups, stride = shape
    positions = (-(-size // stride),) * rank
    rng = np.random.default_rng(0)
    shapes = (
        (batch, *(size,) * rank, channels),
        (batch, *positions, *(kernel,) * rank, groups),
        (batch, *positions, channels),
    )
    return [tf.constant(rng.standard_normal(s, dtype="float32")) for s in shapes]


def by_patches(inputs, kernels, strides):
    """Compute involution as the original does: every window copied out, multiplied by the kernels, added up."""
    rank = len(inputs.shape) - 2
    positions, (size, *_), groups = kernels.shape[1 : rank + 1], kernels.shape[rank + 1 : -1], kernels.shape[-1]
    channels = inputs.shape[-1]
    if rank == 3:
        windows = {"ksizes": [1, *[size] * 3, 1], "strides": [1, *[strides] * 3, 1]}
        patches = tf.raw_ops.ExtractVolumePatches(input=inputs, padding="SAME", **windows)
    else:
        image, flat = (inputs, [size, strides]) if rank == 2 else (inputs[:, None], [1, 1])
        window, step = [1, flat[0], size, 1], [1, flat[1], strides, 1]
        patches = tf.image.extract_patches(image, window, step, [1, 1, 1, 1], "SAME")
    split = tf.reshape(patches, (-1, *positions, size**rank, groups, channels // groups))
    weights = tf.reshape(kernels, (-1, *positions, size**rank, groups, 1))
    return tf.reshape(tf.reduce_sum(split * weights, axis=rank + 1), (-1, *positions, channels))


def by_shifts(inputs, kernels, strides):
    """Add up, tap by tap, the shifted image times that tap of the kernels; images and stride 1 alone."""
    _, rows, columns, size, _, groups = kernels.shape
    edge = [(size - 1) // 2, size // 2]
    image = tf.pad(inputs, [[0, 0], edge, edge, [0, 0]])
    image = tf.reshape(image, (*image.shape[:3], groups, -1))
    total = 0
    for u, v in itertools.product(range(size), repeat=2):
        total += kernels[:, :, :, u, v, :, None] * image[:, u : u + rows, v : v + columns]
    return tf.reshape(total, inputs.shape)


def calls(involve, shape, rank=2):
    """Return the forward pass, and both passes, on tensors of `shape`: graphs as functions without arguments."""

    @tf.function
    def forward(inputs, kernels):
        return involve(inputs, kernels, shape[-1])

    @tf.function
    def both(inputs, kernels, upstream):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = involve(inputs, kernels, shape[-1])
        return outputs, *tape.gradient(outputs, [inputs, kernels], upstream)

    given = tensors(shape, rank)
    return {
        "forward": functools.partial(forward, *given[:2]),
        "forward + backward": functools.partial(both, *given),
    }
