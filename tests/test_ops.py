"""`involution` over 1, 2 and 3 axes against a plain NumPy loop: values, gradients, gradients of gradients."""

import contextlib

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops
from loops import BACKEND, EVERY_RANK, RANKS, Case, assert_close, cut, gradients, outputs_and_gradients

from involution_utils.execution import plain_operations
from involution_utils.ops import involution, window_products


@contextlib.contextmanager
def little_compilation():
    """Spare Hypothesis a long compilation for every shape it draws."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)
    elif BACKEND == "jax":
        import jax

        jax.config.update("jax_disable_most_optimizations", True)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", False)
    else:
        yield


def check_case(case):
    """Compare values and both gradients with the loop, and the gradients with finite differences too."""
    inputs, kernels, upstream = case.draw()
    outputs, found = outputs_and_gradients(case, inputs, kernels, upstream)
    assert_close(outputs, case.loop(inputs, kernels))
    for actual, expected in zip(found, case.loop_gradients(inputs, kernels, upstream), strict=True):
        assert_close(actual, expected)

    rng, step = np.random.default_rng(1), 1e-3
    towards = rng.normal(size=inputs.shape), rng.normal(size=kernels.shape)
    ahead, behind = (
        np.sum(case.loop(inputs + sign * step * towards[0], kernels + sign * step * towards[1]) * upstream)
        for sign in (1, -1)
    )
    slope = sum(np.sum(ops.convert_to_numpy(g) * t) for g, t in zip(found, towards, strict=True))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)


@st.composite
def cases(draw, rank):
    def per_axis(most):
        return draw(st.tuples(*[st.integers(1, most)] * rank))

    largest = {1: 12, 2: 7, 3: 3}[rank]
    kernel_size, dilation = per_axis(3 if rank == 3 or draw(st.booleans()) else 4), per_axis(2)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    padding, sizes = draw(st.sampled_from(["same", "valid", "explicit"])), per_axis(largest)
    if padding == "explicit":
        padding = draw(st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * rank))
    if padding != "same":  # at least one window must fit
        pads = ((0, 0),) * rank if padding == "valid" else padding
        sizes = tuple(max(n, e - sum(p)) for n, e, p in zip(sizes, extents, pads, strict=True))
    groups, channels = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 8, 16]))
    return Case(draw(st.integers(1, 2)), sizes, kernel_size, groups, channels, per_axis(3), dilation, padding)


@EVERY_RANK
def test_equals_the_loop_everywhere(rank):
    most = hypothesis.settings.default.max_examples

    @hypothesis.settings(max_examples=most if rank == 2 else most // 4)  # else few axes, or many taps
    @hypothesis.given(cases(rank), st.booleans())
    @hypothesis.example(cut(Case(sizes=(1, 1, 2), kernel_size=(4, 3, 2)), rank), False)
    @hypothesis.example(cut(Case(sizes=(2, 3, 2), kernel_size=(7, 7, 3), strides=(2, 2, 2)), rank), True)
    def check(case, plain):
        with little_compilation(), plain_operations() if plain else contextlib.nullcontext():
            check_case(case)

    check()


STRIDED = Case(sizes=(7, 5, 3), kernel_size=(2, 5, 3), strides=(2, 3, 1), dilation=(1, 1, 2))
GROUPED = Case(sizes=(5, 9, 4), kernel_size=(4, 1, 2), padding="valid", strides=(3, 1, 2), channels_per_group=16)


@EVERY_RANK
@pytest.mark.parametrize("case", [STRIDED, GROUPED], ids=["strides", "vectors of channels"])
def test_equals_the_loop_when_compiled(case, rank):
    check_case(cut(case, rank))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(3, 1), (1, 2)])
def test_one_kernel_for_all_positions_is_keras_depthwise_convolution(padding, strides, dilation):
    rng = np.random.default_rng(0)
    inputs, kernel = rng.normal(size=(2, 8, 11, 3)), rng.normal(size=(3, 3, 3))
    expected = ops.depthwise_conv(
        inputs, kernel[..., None], strides, padding, data_format="channels_last", dilation_rate=dilation
    )
    kernels = np.broadcast_to(kernel, (*expected.shape[:-1], *kernel.shape))
    assert_close(involution(inputs, kernels, strides, dilation, padding), ops.convert_to_numpy(expected))


@RANKS
@pytest.mark.smoke
def test_channels_first_moves_the_channels_of_inputs_and_outputs_alone(rank):
    case = cut(Case(strides=(2, 1, 2)), rank)
    inputs, kernels, _ = case.draw()
    outputs = involution(np.moveaxis(inputs, -1, 1), kernels, case.strides, data_format="channels_first")
    assert_close(outputs, np.moveaxis(case.loop(inputs, kernels), -1, 1))


@RANKS
def test_an_empty_batch_stays_empty(rank):
    case = cut(Case(batch=0), rank)
    inputs, kernels, _ = case.draw("float32")
    assert tuple(case.involution(inputs, kernels).shape) == (0, *case.sizes, 4)


@RANKS
@pytest.mark.parametrize(("dtype", "large"), [("float16", 2048), ("bfloat16", 256)])
def test_sums_of_16_bit_numbers_are_formed_in_32(dtype, large, rank):
    """In 16 bits, `large` + 1 is `large` again, however often."""
    kernels = np.ones((1, *[1] * rank, *[3] * rank, 1))
    kernels[(0, *[0] * rank, *[1] * rank, 0)] = large
    inputs, kernels = ops.ones((1, *[3] * rank, 1), dtype), ops.cast(kernels, dtype)
    outputs = involution(inputs, kernels, padding="valid")
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    expected = float(ops.cast(ops.convert_to_tensor(float(large + 3**rank - 1)), dtype))
    assert float(ops.reshape(outputs, ())) == expected > large

    def loss(inputs, kernels):
        return ops.sum(ops.cast(involution(inputs, kernels, padding="valid"), "float32"))

    inputs = ops.concatenate([ops.ones((1, *[3] * rank, 8), dtype), ops.full((1, *[3] * rank, 1), large, dtype)], -1)
    d_inputs, d_kernels = gradients(loss, inputs, kernels)
    assert {keras.backend.standardize_dtype(d.dtype) for d in (d_inputs, d_kernels)} == {dtype}
    assert float(ops.reshape(d_kernels, (-1,))[0]) == large + 8


@RANKS
def test_the_output_has_the_type_of_inputs_and_each_gradient_that_of_its_argument(rank):
    inputs, kernels, _ = cut(Case(), rank).draw("float32")
    inputs = ops.cast(inputs, "float16")
    assert keras.backend.standardize_dtype(involution(inputs, kernels).dtype) == "float16"
    found = gradients(lambda x, k: ops.sum(ops.cast(involution(x, k), "float32")), inputs, kernels)
    assert [keras.backend.standardize_dtype(g.dtype) for g in found] == ["float16", "float32"]


@EVERY_RANK
@pytest.mark.smoke
def test_gradients_of_gradients(rank):
    """Against finite differences of the first gradients, along one direction for both arguments."""
    case = cut(Case(sizes=(4, 3, 2), kernel_size=(2, 3, 2), strides=(2, 1, 1)), rank)
    inputs, kernels, upstream = case.draw()
    rng, step = np.random.default_rng(1), 1e-5
    towards = rng.normal(size=inputs.shape), rng.normal(size=kernels.shape)
    upstream, directions = ops.convert_to_tensor(upstream), [ops.convert_to_tensor(t) for t in towards]

    def first(inputs, kernels):
        return gradients(lambda x, k: ops.sum(upstream * case.involution(x, k) ** 2), inputs, kernels)

    def slope(inputs, kernels):
        return sum(ops.sum(g * t) for g, t in zip(first(inputs, kernels), directions, strict=True))

    ahead, behind = (
        [ops.convert_to_numpy(g) for g in first(inputs + s * towards[0], kernels + s * towards[1])]
        for s in (step, -step)
    )
    for actual, after, before in zip(gradients(slope, inputs, kernels), ahead, behind, strict=True):
        assert_close(actual, (after - before) / (2 * step), 1e-5)


# The scores of local self-attention


@RANKS
@pytest.mark.parametrize(
    "case",
    [Case(sizes=(7, 6, 3), strides=(2, 1, 2), dilation=(1, 2, 1), padding=((1, 1), (2, 2), (0, 1))), GROUPED],
    ids=["strides", "vectors of channels"],
)
def test_window_products_are_the_gradient_with_respect_to_kernels(case, rank):
    case = cut(case, rank)
    inputs, kernels, queries = case.draw()
    _, expected = case.loop_gradients(inputs, kernels, queries)
    settings = case.kernel_size, case.groups, case.strides, case.dilation, case.padding
    found = window_products(ops.convert_to_tensor(queries), ops.convert_to_tensor(inputs), *settings)
    assert_close(found, expected)
