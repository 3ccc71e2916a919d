"""Involution and its gradients by definition, in NumPy loops: what tests of the operation compare with."""

import math
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import ops

from involution_utils.layers import Involution1D, Involution2D, Involution3D
from involution_utils.ops import involution

BACKEND = keras.backend.backend()
LAYERS = {1: Involution1D, 2: Involution2D, 3: Involution3D}
EVERY_RANK = pytest.mark.parametrize("rank", [1, 2, 3])  # for the oracle, gradients and serialization
RANKS = pytest.mark.parametrize(
    "rank", [pytest.param(1, marks=pytest.mark.long), 2, pytest.param(3, marks=pytest.mark.long)]
)


class Case(NamedTuple):
    """Shapes and settings of one involution; `cut` leaves as many axes as wanted."""

    batch: int = 2
    sizes: tuple = (5, 6, 3)
    kernel_size: tuple = (3, 3, 2)
    groups: int = 2
    channels_per_group: int = 2
    strides: tuple = (1, 1, 1)
    dilation: tuple = (1, 1, 1)
    padding: object = "same"

    @property
    def extents(self):
        return [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]

    @property
    def pads(self):
        """(before, after) per axis, by Keras's rule written in another way than in the package."""
        if self.padding == "valid":
            return ((0, 0),) * len(self.sizes)
        if self.padding != "same":
            return self.padding
        pads = []
        for size, extent, stride in zip(self.sizes, self.extents, self.strides, strict=True):
            last = (math.ceil(size / stride) - 1) * stride  # where the last window starts on the unpadded input
            total = max(0, last + extent - size)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)

    @property
    def positions(self):
        padded = [size + sum(pair) for size, pair in zip(self.sizes, self.pads, strict=True)]
        return tuple(len(range(0, p - e + 1, s)) for p, e, s in zip(padded, self.extents, self.strides, strict=True))

    @property
    def channels(self):
        return self.groups * self.channels_per_group

    def draw(self, dtype="float64"):
        """Random inputs, kernels and upstream gradient."""
        rng = np.random.default_rng(0)
        shapes = (
            (self.batch, *self.sizes, self.channels),
            (self.batch, *self.positions, *self.kernel_size, self.groups),
            (self.batch, *self.positions, self.channels),
        )
        return [rng.normal(size=shape).astype(dtype) for shape in shapes]

    def involution(self, inputs, kernels):
        return involution(inputs, kernels, self.strides, self.dilation, self.padding)

    def loop(self, inputs, kernels):
        """Involution by definition: position by position, tap by tap, group by group."""
        outputs = np.zeros((self.batch, *self.positions, self.channels))
        for output, kernel, pixel in self._terms():
            outputs[output] += kernels[kernel][:, None] * inputs[pixel]
        return outputs

    def loop_gradients(self, inputs, kernels, upstream):
        d_inputs, d_kernels = np.zeros_like(inputs), np.zeros_like(kernels)
        for output, kernel, pixel in self._terms():
            d_inputs[pixel] += kernels[kernel][:, None] * upstream[output]
            d_kernels[kernel] += (inputs[pixel] * upstream[output]).sum(-1)
        return d_inputs, d_kernels

    def _terms(self):
        """Yield, for every product of the sum, where it lies in the outputs, the kernels and the inputs."""
        every = slice(None)
        for position in np.ndindex(*self.positions):
            for tap in np.ndindex(*self.kernel_size):
                pixel = [
                    i * stride + u * dilation - before
                    for i, stride, u, dilation, (before, _) in zip(
                        position, self.strides, tap, self.dilation, self.pads, strict=True
                    )
                ]
                if all(0 <= n < size for n, size in zip(pixel, self.sizes, strict=True)):
                    for group in range(self.groups):
                        own = slice(group * self.channels_per_group, (group + 1) * self.channels_per_group)
                        yield (every, *position, own), (every, *position, *tap, group), (every, *pixel, own)


def cut(case, rank):
    """The case, or the arguments by name, with the first `rank` axes of each tuple alone."""
    if isinstance(case, dict):
        return {name: value[:rank] if isinstance(value, tuple) else value for name, value in case.items()}
    return Case(**cut(case._asdict(), rank))


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def gradients(function, *arguments):
    """Gradients of the scalar `function(*arguments)`, as tensors that can be differentiated again."""
    arguments = [ops.convert_to_tensor(argument) for argument in arguments]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(arguments)
            value = function(*arguments)
        return tape.gradient(value, arguments)
    if BACKEND == "jax":
        import jax

        return jax.grad(function, range(len(arguments)))(*arguments)
    import torch

    arguments = [a if a.requires_grad else a.detach().requires_grad_() for a in arguments]
    return torch.autograd.grad(function(*arguments), arguments, create_graph=True)


def outputs_and_gradients(case, inputs, kernels, upstream):
    """The output and both gradients of sum(output * upstream)."""
    upstream = ops.convert_to_tensor(upstream)

    def loss(inputs, kernels):
        return ops.sum(case.involution(inputs, kernels) * upstream)

    if BACKEND != "jax":
        return case.involution(inputs, kernels), gradients(loss, inputs, kernels)
    import jax

    @jax.jit  # one compilation instead of one for each piece
    def outputs_and_gradients(inputs, kernels, upstream):
        outputs, back = jax.vjp(case.involution, inputs, kernels)
        return outputs, back(upstream)

    return outputs_and_gradients(inputs, kernels, upstream)


def assert_close(actual, expected, tolerance=1e-10):
    actual, expected = map(ops.convert_to_numpy, (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
