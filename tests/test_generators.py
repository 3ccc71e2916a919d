"""`KernelGenerator` and `AttentionKernelGenerator`: what the kernels are made of."""

import keras
import numpy as np
import pytest
from keras import ops
from loops import EVERY_RANK, RANKS, assert_close, cut, images

from involution_utils.layers import AttentionKernelGenerator, Involution2D, KernelGenerator


@pytest.mark.parametrize(
    ("arguments", "weights", "hidden"),
    [
        ({"use_bias": False}, 7, 4),
        ({"normalization": None}, 4, 4),
        ({"normalization": keras.layers.LayerNormalization()}, 6, 4),
        ({"hidden_channels": 5}, 8, 5),
        ({"reduction_ratio": 32}, 8, 1),
    ],
)
def test_arguments_of_the_kernel_generator_change_its_weights(arguments, weights, hidden):
    generator = KernelGenerator(3, groups=2, **arguments)
    generator.build((None, None, None, 16))
    assert len(generator.weights) == weights
    assert generator.reduce.kernel.shape[-1] == hidden


def kernels_by_hand(generator, middles):
    """The generator's arithmetic on its own weights, in inference mode, in NumPy."""
    reduce, normalize, span = generator.reduce, generator.normalize, generator.span
    reduce_kernel, reduce_bias, span_kernel, span_bias = map(
        ops.convert_to_numpy, (reduce.kernel, reduce.bias, span.kernel, span.bias)
    )
    mean, variance, gamma, beta = map(
        ops.convert_to_numpy, (normalize.moving_mean, normalize.moving_variance, normalize.gamma, normalize.beta)
    )
    hidden = middles @ reduce_kernel.reshape(reduce_kernel.shape[-2:]) + reduce_bias
    hidden = (hidden - mean) / np.sqrt(variance + normalize.epsilon) * gamma + beta
    return np.maximum(hidden, 0) @ span_kernel.reshape(span_kernel.shape[-2:]) + span_bias


@pytest.mark.parametrize(
    ("size", "kernel_size", "strides", "dilation", "padding", "blocks"),
    [  # blocks: which positions, along every axis alike, make the kernels of each position of the output
        (5, 3, 2, 1, "same", [[0, 1], [2, 3], [4]]),
        (2, 3, 3, 1, "same", [[0, 1]]),  # an axis that is shorter than a block
        (7, 7, 2, 1, (3, 3), [[0, 1], [2, 3], [4, 5], [6]]),
        (6, 2, 1, 2, "valid", [[1], [2], [3], [4]]),
        (9, 5, 2, 1, "valid", [[2, 3], [4, 5], [6, 7]]),
        (9, 5, 3, 1, "valid", [[0, 1, 2], [3, 4, 5]]),
        (3, 3, 1, 1, (2, 3), [[0], [0], [1], [2], [2], [2]]),
    ],
)
@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.long)])
@RANKS
def test_a_kernel_comes_from_the_block_in_the_middle_of_its_window(
    size, kernel_size, strides, dilation, padding, blocks, known, rank
):
    padding = (padding,) * rank if isinstance(padding, tuple) else padding
    kernel_size = (kernel_size,) * rank
    generator = KernelGenerator(kernel_size, strides=strides, groups=1, dilation_rate=dilation, padding=padding)
    inputs = images(2, *[size] * rank, 8)
    generator(inputs)
    generator.normalize.moving_mean.assign([0.1, -0.2])
    generator.normalize.gamma.assign([0.5, 2.0])
    if known:
        found = generator(inputs)
    else:
        symbolic = keras.Input((*[None] * rank, 8))
        found = keras.Model(symbolic, generator(symbolic)).predict(inputs, verbose=0)
    middles = inputs
    for axis in range(1, rank + 1):
        middles = np.stack([np.take(middles, block, axis).mean(axis) for block in blocks], axis)
    assert found.shape == generator.compute_output_shape(inputs.shape)
    assert_close(found, kernels_by_hand(generator, middles), 1e-4)


def test_batch_statistics_in_training_and_moving_ones_in_inference():
    keras.utils.set_random_seed(0)
    forgetful = keras.layers.BatchNormalization(momentum=0.0)  # inference uses the last batch's statistics alone
    layer = Involution2D(3, kernel_generator=KernelGenerator(3, hidden_channels=4, normalization=forgetful))
    inputs = 5 + 3 * images(4, 5, 5, 4)
    before = layer(inputs, training=False)
    trained = layer(inputs, training=True)
    assert not np.allclose(*map(ops.convert_to_numpy, (before, trained)), atol=1e-2)
    assert_close(layer(inputs, training=False), trained, 1e-3)


# Local self-attention


def attention_kernels(inputs, generator, bias, pads):
    """The kernels of local self-attention by definition; the query comes from the mean of the block in the middle."""
    query, key = (ops.convert_to_numpy(layer.kernel) for layer in (generator.query, generator.key))
    query, key = query.reshape(query.shape[-2:]), key.reshape(key.shape[-2:])
    kernel_size, strides, dilation, groups = (
        getattr(generator, name) for name in ("kernel_size", "strides", "dilation_rate", "groups")
    )
    sizes = inputs.shape[1:-1]
    extents = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    positions = [(n + sum(p) - e) // s + 1 for n, p, e, s in zip(sizes, pads, extents, strides, strict=True)]
    kernels = np.zeros((len(inputs), *positions, *kernel_size, groups))
    channels = key.shape[1] // groups
    for n, *position in np.ndindex(len(inputs), *positions):
        block = tuple(slice(i * s, (i + 1) * s) for i, s in zip(position, strides, strict=True))
        middle = inputs[(n, *block)].mean(tuple(range(len(sizes)))) @ query
        for g in range(groups):
            own, scores = slice(g * channels, (g + 1) * channels), {}
            for tap in np.ndindex(*kernel_size):
                axes = zip(position, strides, tap, dilation, pads, strict=True)
                pixel = tuple(i * s + u * d - before for i, s, u, d, (before, _) in axes)
                if all(0 <= i < size for i, size in zip(pixel, sizes, strict=True)):
                    scores[tap] = middle[own] @ (inputs[(n, *pixel)] @ key)[own] / channels**0.5 + bias[(*tap, g)]
            total = sum(np.exp(score) for score in scores.values())
            for tap, score in scores.items():
                kernels[(n, *position, *tap, g)] = np.exp(score) / total
    return kernels


@EVERY_RANK
@pytest.mark.parametrize(
    ("settings", "pads", "size"),
    [
        ({"kernel_size": (3, 5, 2), "groups": 4}, ((1, 1), (2, 2), (0, 1)), (4, 7, 3)),
        ({"kernel_size": 3, "dilation_rate": 2}, ((2, 2), (2, 2), (2, 2)), (6, 5, 3)),
        ({"kernel_size": 3, "strides": 2, "padding": ((1, 1),) * 3}, ((1, 1),) * 3, (6, 8, 4)),
    ],
    ids=range(3),
)
def test_attention_kernels_are_those_of_the_loop(settings, pads, size, rank):
    layer = AttentionKernelGenerator(**{"groups": 2, "reduction_ratio": 1} | cut(settings, rank))
    inputs = images(2, *size[:rank], 8)
    layer.build(inputs.shape)
    bias = images(*layer.position_bias.shape)
    layer.position_bias.assign(bias)
    expected = attention_kernels(inputs, layer, bias, pads[:rank])
    flat = ops.convert_to_numpy(layer(inputs))
    assert flat.shape == layer.compute_output_shape(inputs.shape)
    assert_close(flat.reshape(expected.shape), expected, 1e-5)
    by_group = flat.reshape(*expected.shape[: rank + 1], -1, layer.groups)
    np.testing.assert_allclose(by_group.sum(-2), 1, rtol=1e-5)
    assert np.array_equal(flat.reshape(expected.shape) == 0, expected == 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_attention_stays_inside_however_low_the_scores(dtype):
    """As those of pixels from 0 to 255 may be; these are -40,000."""
    layer = AttentionKernelGenerator(3, reduction_ratio=1, dtype=dtype)
    inputs = ops.full((1, 2, 2, 1), 200, dtype)
    layer.build(inputs.shape)
    layer.query.kernel.assign(np.ones(layer.query.kernel.shape, "float32"))
    layer.key.kernel.assign(-np.ones(layer.key.kernel.shape, "float32"))
    kernels = ops.convert_to_numpy(ops.cast(layer(inputs), "float32")).reshape(2, 2, 3, 3)
    np.testing.assert_allclose(kernels[0, 0], [[0, 0, 0], [0, 0.25, 0.25], [0, 0.25, 0.25]])


@pytest.mark.parametrize("policy", ["float32", pytest.param("mixed_float16", marks=pytest.mark.long)])
def test_training_reaches_every_weight_of_the_attention(policy):
    layer = Involution2D(
        3, groups=2, kernel_generator=AttentionKernelGenerator(3, groups=2, dtype=policy), dtype=policy
    )
    model = keras.Sequential([keras.Input((6, 6, 8)), layer, keras.layers.Conv2D(1, 1)])
    before = [weight.copy() for weight in model.get_weights()]
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    model.fit(images(16, 6, 6, 8), images(16, 6, 6, 1), epochs=3, verbose=0)
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert not any(np.allclose(*pair) for pair in zip(before, after, strict=True))
