"""`involution` against a plain NumPy loop: values, gradients, gradients of gradients, and what it refuses."""

import contextlib
import math
import re
from typing import NamedTuple

import keras
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from keras import ops

from involution_utils import execution
from involution_utils.ops import involution, window_products

BACKEND = keras.backend.backend()
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="a matter of TensorFlow alone")


class Case(NamedTuple):
    batch: int = 2
    sizes: tuple = (5, 6)
    kernel_size: tuple = (3, 3)
    groups: int = 2
    channels_per_group: int = 2
    strides: tuple = (1, 1)
    dilation: tuple = (1, 1)
    padding: object = "same"

    @property
    def extents(self):
        return [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]

    @property
    def pads(self):
        """((top, bottom), (left, right)), by Keras's rule written in another way than in the package."""
        if self.padding == "valid":
            return ((0, 0), (0, 0))
        if self.padding != "same":
            return self.padding
        pads = []
        for size, extent, stride in zip(self.sizes, self.extents, self.strides, strict=True):
            last = (math.ceil(size / stride) - 1) * stride  # where the last window starts on the unpadded image
            total = max(0, last + extent - size)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)

    @property
    def places(self):
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
            (self.batch, *self.places, *self.kernel_size, self.groups),
            (self.batch, *self.places, self.channels),
        )
        return [rng.normal(size=shape).astype(dtype) for shape in shapes]

    def involution(self, inputs, kernels):
        return involution(inputs, kernels, self.strides, self.dilation, self.padding)

    def loop(self, inputs, kernels):
        """Involution by definition: place by place, tap by tap, channel by channel."""
        outputs = np.zeros((self.batch, *self.places, self.channels))
        for i, j, u, v, channel in self._terms():
            row, column = self._pixel(i, j, u, v)
            if 0 <= row < self.sizes[0] and 0 <= column < self.sizes[1]:
                group = channel // self.channels_per_group
                outputs[:, i, j, channel] += kernels[:, i, j, u, v, group] * inputs[:, row, column, channel]
        return outputs

    def loop_gradients(self, inputs, kernels, upstream):
        d_inputs, d_kernels = np.zeros_like(inputs), np.zeros_like(kernels)
        for i, j, u, v, channel in self._terms():
            row, column = self._pixel(i, j, u, v)
            if 0 <= row < self.sizes[0] and 0 <= column < self.sizes[1]:
                group, slope = channel // self.channels_per_group, upstream[:, i, j, channel]
                d_inputs[:, row, column, channel] += kernels[:, i, j, u, v, group] * slope
                d_kernels[:, i, j, u, v, group] += inputs[:, row, column, channel] * slope
        return d_inputs, d_kernels

    def _terms(self):
        return np.ndindex(*self.places, *self.kernel_size, self.channels)

    def _pixel(self, i, j, u, v):
        top, left = self.pads[0][0], self.pads[1][0]
        return (
            i * self.strides[0] + u * self.dilation[0] - top,
            j * self.strides[1] + v * self.dilation[1] - left,
        )


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


def assert_close(actual, expected, tolerance=1e-10):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=tolerance, atol=tolerance)


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
def cases(draw):
    def pair(most):
        return draw(st.tuples(st.integers(1, most), st.integers(1, most)))

    kernel_size, dilation = pair(3 if draw(st.booleans()) else 4), pair(2)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    padding, sizes = draw(st.sampled_from(["same", "valid", "explicit"])), pair(7)
    if padding == "explicit":
        pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
        padding = draw(st.tuples(pads, pads))
    if padding != "same":  # at least one window must fit
        pads = ((0, 0), (0, 0)) if padding == "valid" else padding
        sizes = tuple(max(n, e - sum(p)) for n, e, p in zip(sizes, extents, pads, strict=True))
    groups, channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Case(draw(st.integers(1, 2)), sizes, kernel_size, groups, channels, pair(3), dilation, padding)


@given(cases())
@example(Case(sizes=(1, 1), kernel_size=(4, 3)))
@example(Case(sizes=(2, 3), kernel_size=(7, 7), strides=(2, 2)))
def test_equals_the_loop_everywhere(case):
    with little_compilation():
        check_case(case)


COMPILED = [
    Case(),
    Case(sizes=(7, 5), kernel_size=(2, 5), strides=(2, 3)),
    Case(sizes=(8, 8), kernel_size=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1))),
    Case(sizes=(9, 8), dilation=(2, 1), strides=(2, 2), groups=3),
    Case(sizes=(6, 9), kernel_size=(4, 1), padding="valid", strides=(4, 1), groups=1, channels_per_group=3),
    Case(sizes=(2, 1), kernel_size=(5, 4), padding=((3, 4), (5, 2))),
]


@pytest.mark.parametrize("case", COMPILED, ids=str)
def test_equals_the_loop_when_compiled(case):
    check_case(case)


def test_the_papers_padding_at_stride_2_differs_from_same():
    inputs, kernels, _ = Case(sizes=(8, 8), strides=(2, 2)).draw()
    papers = Case(sizes=(8, 8), strides=(2, 2), padding=((1, 1), (1, 1)))
    outputs = papers.involution(inputs, kernels)
    assert_close(outputs, papers.loop(inputs, kernels))
    assert not np.allclose(*map(ops.convert_to_numpy, (outputs, involution(inputs, kernels, strides=2))))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_one_kernel_for_all_places_is_keras_depthwise_convolution(padding, strides, dilation):
    rng = np.random.default_rng(0)
    inputs, kernel = rng.normal(size=(2, 8, 11, 3)), rng.normal(size=(3, 3, 3))
    expected = ops.depthwise_conv(
        inputs, kernel[..., None], strides, padding, data_format="channels_last", dilation_rate=dilation
    )
    kernels = np.broadcast_to(kernel, (*expected.shape[:3], 3, 3, 3))
    assert_close(involution(inputs, kernels, strides, dilation, padding), ops.convert_to_numpy(expected))


def test_channels_first_moves_the_channels_of_inputs_and_outputs_alone():
    case = Case(strides=(2, 1))
    inputs, kernels, _ = case.draw()
    outputs = involution(np.moveaxis(inputs, -1, 1), kernels, (2, 1), data_format="channels_first")
    assert_close(outputs, np.moveaxis(case.loop(inputs, kernels), -1, 1))


def test_an_empty_batch_stays_empty():
    inputs, kernels, _ = Case(batch=0).draw("float32")
    assert tuple(Case(batch=0).involution(inputs, kernels).shape) == (0, 5, 6, 4)


@pytest.mark.parametrize(("dtype", "large"), [("float16", 2048), ("bfloat16", 256)])
def test_sums_of_16_bit_numbers_are_formed_in_32(dtype, large):
    """In 16 bits, `large` + 1 is `large` again, however often."""
    kernels = np.ones((1, 1, 1, 3, 3, 1))
    kernels[..., 1, 1, :] = large
    inputs, kernels = ops.ones((1, 3, 3, 1), dtype), ops.cast(kernels, dtype)
    outputs = involution(inputs, kernels, padding="valid")
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    assert float(outputs[0, 0, 0, 0]) == large + 8

    def loss(inputs, kernels):
        return ops.sum(ops.cast(involution(inputs, kernels, padding="valid"), "float32"))

    inputs = ops.concatenate([ops.ones((1, 3, 3, 8), dtype), ops.full((1, 3, 3, 1), large, dtype)], -1)
    d_inputs, d_kernels = gradients(loss, inputs, kernels)
    assert {keras.backend.standardize_dtype(d.dtype) for d in (d_inputs, d_kernels)} == {dtype}
    assert float(d_kernels[0, 0, 0, 0, 0, 0]) == large + 8


def test_the_output_has_the_type_of_inputs_and_each_gradient_that_of_its_argument():
    inputs, kernels, _ = Case().draw("float32")
    inputs = ops.cast(inputs, "float16")
    assert keras.backend.standardize_dtype(involution(inputs, kernels).dtype) == "float16"
    found = gradients(lambda x, k: ops.sum(ops.cast(involution(x, k), "float32")), inputs, kernels)
    assert [keras.backend.standardize_dtype(g.dtype) for g in found] == ["float16", "float32"]


@pytest.mark.parametrize("case", [Case(sizes=(3, 4)), COMPILED[1]], ids=str)
def test_gradients_of_gradients(case):
    """Against finite differences of the first gradients, along one direction for both arguments."""
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


@only_tensorflow
def test_unknown_sizes_and_no_new_trace_per_call():
    import tensorflow as tf

    case = Case(kernel_size=(3, 2), strides=(2, 3), groups=1, channels_per_group=5)
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None] * 3 + [5]), tf.TensorSpec([None] * 3 + [3, 2, 1])])
    def loss_and_gradients(inputs, kernels):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = case.involution(inputs, kernels)
        return outputs, *tape.gradient(outputs, [inputs, kernels])

    execution._programs.clear()
    for batch, sizes in [(2, (5, 6)), (1, (5, 6)), (2, (4, 9)), (3, (1, 1)), (2, (5, 6))]:
        one = case._replace(batch=batch, sizes=sizes)
        inputs, kernels, _ = one.draw("float32")
        outputs, *found = loss_and_gradients(inputs, kernels)
        assert_close(outputs, one.loop(inputs, kernels), 1e-5)
        for actual, expected in zip(found, one.loop_gradients(inputs, kernels, np.ones(outputs.shape)), strict=True):
            assert_close(actual, expected, 1e-5)
        case.involution(inputs, kernels)  # eagerly too; the last shapes are the first ones again
    programs = [program for shapes in execution._programs.values() for program in shapes.values()]
    assert len(traces) == 1
    assert len(programs) == 4
    assert {program.experimental_get_tracing_count() for program in programs} == {1}


@only_tensorflow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_inside_a_tf_function(jit_compile):
    import tensorflow as tf

    inputs, kernels, _ = Case().draw()
    outputs = tf.function(involution, jit_compile=jit_compile)(tf.constant(inputs), tf.constant(kernels))
    assert_close(outputs, Case().loop(inputs, kernels))


@only_tensorflow
def test_falls_back_to_a_plain_graph_without_xla(monkeypatch):
    import tensorflow as tf

    def function_without_xla(*args, jit_compile=None, **kwargs):
        if jit_compile:
            raise tf.errors.UnimplementedError(None, None, "no XLA here")
        return original(*args, **kwargs)

    original = tf.function
    monkeypatch.setattr(tf, "function", function_without_xla)
    execution._xla_works.cache_clear(), execution._programs.clear()
    try:
        assert execution._xla_works() is False
        check_case(Case())
    finally:
        execution._xla_works.cache_clear(), execution._programs.clear()


@only_tensorflow
def test_vectorized_map():
    import tensorflow as tf

    case = Case(batch=1)
    inputs, kernels, _ = zip(*(case.draw() for _ in range(3)), strict=True)
    outputs = tf.vectorized_map(lambda pair: case.involution(*pair), (tf.constant(inputs), tf.constant(kernels)))
    assert_close(outputs[1], case.loop(inputs[1], kernels[1]))


@pytest.mark.skipif(BACKEND != "jax", reason="a matter of JAX alone")
def test_vmap_and_jit_on_jax():
    import jax

    case = Case(strides=(2, 1))
    inputs, kernels, upstream = (np.stack([a, 2 * a]) for a in case.draw())

    def loss(inputs, kernels, upstream):
        return ops.sum(case.involution(inputs, kernels) * upstream)

    outputs = jax.jit(jax.vmap(case.involution))(inputs, kernels)
    found = jax.jit(jax.vmap(jax.grad(loss, (0, 1))))(inputs, kernels, upstream)
    for n in (0, 1):
        assert_close(outputs[n], case.loop(inputs[n], kernels[n]))
        for actual, expected in zip(found, case.loop_gradients(inputs[n], kernels[n], upstream[n]), strict=True):
            assert_close(actual[n], expected)


X, K = (2, 5, 6, 4), (2, 5, 6, 3, 3, 2)
PADDING = '`padding` must be "same", "valid" or ((before, after), (before, after)) in whole numbers of positions. '
NUMBERS = "must be a positive whole number or 2 of them. Received: "
REFUSED = [  # changes to good arguments, then what the message must say
    ({"inputs": (6, 4)}, "`inputs` must have rank 3, 4 or 5: batch, 1 to 3 spatial axes, channels.*(6, 4)"),
    ({"inputs": (1, 2, 3, 5, 6, 4)}, "`inputs` must have rank 3, 4 or 5.*(1, 2, 3, 5, 6, 4)"),
    ({"inputs": (5, 6, 4)}, "`kernels` must have rank 4.*(2, 5, 6, 3, 3, 2)"),
    ({"inputs": (1, 2, 5, 6, 4)}, "`kernels` must have rank 8: batch, 3 spatial axes, 3 of the kernel, groups"),
    ({"kernels": (2, 5, 6, 18)}, "`kernels` must have rank 6.*(2, 5, 6, 18)"),
    ({"kernels": (2, 5, 6, 3, 3, 3)}, "`groups` must divide the 4 channels of `inputs`. Received: groups=3"),
    ({"kernels": (2, 5, 6, 3, 3, 0)}, "`kernels` must have a known kernel size.*(2, 5, 6, 3, 3, 0)"),
    ({"kernels": (2, 5, 6, 0, 3, 2)}, "`kernels` must have a known kernel size.*(2, 5, 6, 0, 3, 2)"),
    ({"inputs": (2, 5, 6, 0)}, "`inputs` must have a known number of channels, at least 1.*(2, 5, 6, 0)"),
    ({"kernels": (3, 5, 6, 3, 3, 2)}, "`kernels` must have shape (2, 5, 6, 3, 3, 2).*(3, 5, 6, 3, 3, 2)"),
    ({"kernels": (2, 6, 5, 3, 3, 2)}, "`kernels` must have shape (2, 5, 6, 3, 3, 2).*(2, 6, 5, 3, 3, 2)"),
    ({"padding": "valid"}, "`kernels` must have shape (2, 3, 4, 3, 3, 2).*padding 'valid'"),
    ({"strides": 2}, "`kernels` must have shape (2, 3, 3, 3, 3, 2).*strides (2, 2)"),
    (
        {"padding": "valid", "dilation_rate": 3},
        '`inputs` must be as large as the window.*(3, 3).*dilation (3, 3).*"same".*(5, 6)',
    ),
    ({"inputs": (2, 0, 6, 4)}, "`inputs` must be as large as the window.*(0, 6)"),
    ({"padding": "full"}, PADDING + "Received: padding='full'"),
    ({"padding": 1}, PADDING + "Received: padding=1"),
    ({"padding": None}, PADDING + "Received: padding=None"),
    ({"padding": (1, 1)}, PADDING + "Received: padding=(1, 1)"),
    ({"padding": ((1, 1),)}, PADDING + "Received: padding=((1, 1),)"),
    ({"padding": ((1, -1), (1, 1))}, PADDING + "Received: padding=((1, -1), (1, 1))"),
    ({"padding": ((1, 0.5), (1, 1))}, PADDING + "Received: padding=((1, 0.5), (1, 1))"),
    ({"strides": 0}, f"`strides` {NUMBERS}strides=0"),
    ({"strides": -1}, f"`strides` {NUMBERS}strides=-1"),
    ({"strides": (1, 2, 3)}, f"`strides` {NUMBERS}strides=(1, 2, 3)"),
    ({"strides": 1.5}, f"`strides` {NUMBERS}strides=1.5"),
    ({"strides": "1"}, f"`strides` {NUMBERS}strides='1'"),
    ({"dilation_rate": 0}, f"`dilation_rate` {NUMBERS}dilation_rate=0"),
    ({"dilation_rate": (1, -2)}, f"`dilation_rate` {NUMBERS}dilation_rate=(1, -2)"),
    ({"dilation_rate": True}, f"`dilation_rate` {NUMBERS}dilation_rate=True"),
    ({"data_format": "NHWC"}, '`data_format` must be "channels_last", "channels_first" or None. Received: data_'),
    ({"inputs": np.ones(X, "int32")}, "`inputs` must hold floating-point numbers.*int32"),
    ({"kernels": np.ones(K, "uint8")}, "`kernels` must hold floating-point numbers.*uint8"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_is_refused_with_the_argument_its_value_and_what_would_be_right(change, message):
    arguments = {"inputs": X, "kernels": K} | change
    for name in ("inputs", "kernels"):
        if isinstance(arguments[name], tuple):
            arguments[name] = np.ones(arguments[name], "float32")
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(ValueError, match=pattern):
        involution(**arguments)


# The scores of local self-attention


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(sizes=(4, 7), kernel_size=(3, 5), groups=1, channels_per_group=4),
        Case(sizes=(7, 6), strides=(2, 1), dilation=(1, 2), padding=((1, 1), (2, 2))),
        Case(sizes=(6, 6), padding="valid", groups=4, channels_per_group=1),
    ],
)
def test_window_products_are_those_of_the_loop(case):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(case.batch, *case.sizes, case.channels)).astype("float32")
    queries = rng.normal(size=(case.batch, *case.places, case.channels)).astype("float32")
    expected = np.zeros((case.batch, *case.places, *case.kernel_size, case.groups))
    padded = np.pad(inputs, [(0, 0), *case.pads, (0, 0)])
    for i, j, u, v, c in np.ndindex(*case.places, *case.kernel_size, case.channels):
        y, x = i * case.strides[0] + u * case.dilation[0], j * case.strides[1] + v * case.dilation[1]
        expected[:, i, j, u, v, c // case.channels_per_group] += queries[:, i, j, c] * padded[:, y, x, c]
    settings = case.kernel_size, case.groups, case.strides, case.dilation, case.padding
    found = window_products(ops.convert_to_tensor(queries), ops.convert_to_tensor(inputs), *settings)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("queries", "inputs", "groups", "words"),
    [
        ((1, 5, 5, 4), (1, 5, 5, 8), 2, "`queries` must have shape (1, 5, 5, 8) for inputs of shape (1, 5, 5, 8)"),
        ((1, 4, 5, 4), (1, 5, 5, 4), 2, "`queries` must have shape (1, 5, 5, 4).*(1, 4, 5, 4)"),
        ((1, 5, 5, 4), (1, 5, 5, 4), 3, "`groups` must divide"),
    ],
)
def test_window_products_refuse_what_does_not_fit(queries, inputs, groups, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words.split(".*")))):
        window_products(np.zeros(queries, "float32"), np.zeros(inputs, "float32"), 3, groups)
