"""How the operation runs: XLA for a bounded number of shapes, plain operations elsewhere; what can be done with it."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from loops import LAYERS, RANKS, Case, assert_close, cut, images

from involution_utils import execution
from involution_utils.layers import AttentionKernelGenerator, Involution2D
from involution_utils.ops import involution

if keras.backend.backend() != "tensorflow":
    pytest.skip("a matter of TensorFlow alone", allow_module_level=True)
tf = pytest.importorskip("tensorflow")


def programs():
    return [program for shapes in execution._programs.values() for program in shapes.values()]


def small_model(shape, strides=2):
    """Both kernel generators, one after the other."""
    rank = len(shape) - 1
    inputs = keras.Input(shape)
    outputs = LAYERS[rank](3, groups=2, strides=strides)(inputs)
    outputs = LAYERS[rank](3, groups=2, kernel_generator=AttentionKernelGenerator())(outputs)
    return keras.Model(inputs, outputs)


def compiled_calls(graph):
    """The names of the XLA-compiled functions that `graph` calls, within its functions too."""
    functions = [graph.as_graph_def().library.function, graph.as_graph_def().node]
    nodes = [*functions[1], *(node for function in functions[0] for node in function.node_def)]
    return [node.name for node in nodes if node.attr["_XlaMustCompile"].b] + [
        function.signature.name for function in functions[0] if function.attr["_XlaMustCompile"].b
    ]


@RANKS
def test_one_trace_for_unknown_sizes_and_one_program_per_known_shape(rank):
    case = cut(Case(kernel_size=(3, 2, 2), strides=(2, 3, 1), groups=1, channels_per_group=5), rank)
    traces = []
    specs = [tf.TensorSpec([None] * (rank + 1) + [5]), tf.TensorSpec([None] * (rank + 1) + [*case.kernel_size, 1])]

    @tf.function(input_signature=specs)
    def loss_and_gradients(inputs, kernels):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = case.involution(inputs, kernels)
        return outputs, *tape.gradient(outputs, [inputs, kernels])

    execution._programs.clear()
    for batch, sizes in [(2, (5, 6, 3)), (1, (5, 6, 3)), (2, (4, 9, 2)), (3, (1, 1, 1)), (2, (5, 6, 3))]:
        one = case._replace(batch=batch, sizes=sizes[:rank])
        inputs, kernels, _ = one.draw("float32")
        outputs, *found = loss_and_gradients(inputs, kernels)
        assert_close(outputs, one.loop(inputs, kernels), 1e-5)
        for actual, expected in zip(found, one.loop_gradients(inputs, kernels, np.ones(outputs.shape)), strict=True):
            assert_close(actual, expected, 1e-5)
        case.involution(inputs, kernels)  # eagerly too; the last shapes are the first ones again
    assert len(traces) == 1
    assert not compiled_calls(loss_and_gradients.get_concrete_function().graph)
    assert len(programs()) == 4
    assert {program.experimental_get_tracing_count() for program in programs()} == {1}


@RANKS
def test_the_number_of_programs_is_bounded_and_what_comes_later_is_right_too(rank, monkeypatch):
    monkeypatch.setattr(execution, "MAX_SHAPES", 2)
    execution._programs.clear()
    case = cut(Case(sizes=(5, 4, 3), kernel_size=(3, 2, 1), strides=(2, 1, 1)), rank)
    for length in range(1, 5):
        one = case._replace(sizes=(length, *case.sizes[1:]))
        inputs, kernels, upstream = map(tf.constant, one.draw())
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernels])
            outputs = one.involution(inputs, kernels)
        found = tape.gradient(outputs, [inputs, kernels], upstream)
        assert_close(outputs, one.loop(inputs.numpy(), kernels.numpy()))
        expected = one.loop_gradients(inputs.numpy(), kernels.numpy(), upstream.numpy())
        for actual, wanted in zip(found, expected, strict=True):
            assert_close(actual, wanted)
    assert len(programs()) == 3 * 2  # the output and its two gradients


def test_fit_is_compiled_though_the_batch_is_unknown():
    model = keras.Sequential([keras.Input((6, 6, 4)), Involution2D(3, strides=2)])
    model.compile("sgd", "mse", jit_compile=False)
    execution._programs.clear()
    model.fit(images(5, 6, 6, 4), images(5, 3, 3, 4), batch_size=2, verbose=0)
    kinds = {key[0].wanted for key in execution._programs}
    assert kinds == {"outputs", "inputs", "kernels"}
    assert programs()


@pytest.mark.parametrize(
    ("shape", "batch"),
    [((6, 6, 4), None)]
    + [pytest.param(shape, 2, marks=pytest.mark.long) for shape in ((6, 6, 4), (None, None, 4), (6, 4), (3, 4, 3, 4))],
    ids=str,
)
def test_keras_exports_plain_operations(shape, batch, tmp_path):
    """A SavedModel holds no XLA program, whatever of its shape is known."""
    model, inputs = small_model(shape), images(2, *(size or 5 for size in shape))
    expected = model.predict(inputs, verbose=0)
    signature = [keras.InputSpec(shape=(batch, *shape), dtype="float32")]
    model.export(tmp_path / "saved", verbose=False, input_signature=signature)
    loaded = tf.saved_model.load(tmp_path / "saved")
    assert not compiled_calls(loaded.signatures["serving_default"].graph)
    np.testing.assert_allclose(loaded.serve(inputs), expected, atol=1e-5)


def test_plain_operations_switch_for_other_exporters_and_have_rank_5_at_most():
    model = small_model((6, 6, 4), strides=1)
    spec = tf.TensorSpec((2, 6, 6, 4))
    assert compiled_calls(tf.function(lambda x: model(x)).get_concrete_function(spec).graph)
    with execution.plain_operations():
        graph = tf.function(lambda x: model(x)).get_concrete_function(spec).graph
    assert not compiled_calls(graph)
    assert max(len(tensor.shape) for op in graph.get_operations() for tensor in op.outputs) == 5
    assert compiled_calls(tf.function(lambda x: model(x)).get_concrete_function(spec).graph)


def test_inside_a_function_that_is_compiled_itself():
    case = cut(Case(), 2)
    inputs, kernels, _ = case.draw()
    outputs = tf.function(involution, jit_compile=True)(tf.constant(inputs), tf.constant(kernels))
    assert_close(outputs, case.loop(inputs, kernels))


def test_falls_back_to_plain_operations_without_xla(monkeypatch):
    def function_without_xla(*args, jit_compile=None, **kwargs):
        if jit_compile:
            raise tf.errors.UnimplementedError(None, None, "no XLA here")
        return original(*args, **kwargs)

    original = tf.function
    monkeypatch.setattr(tf, "function", function_without_xla)
    execution._xla_works.cache_clear(), execution._programs.clear()
    try:
        assert execution._xla_works() is False
        case = cut(Case(), 2)
        inputs, kernels, _ = case.draw()
        assert_close(case.involution(inputs, kernels), case.loop(inputs, kernels))
    finally:
        execution._xla_works.cache_clear(), execution._programs.clear()


@RANKS
@pytest.mark.parametrize("traced_before", [True, False])
def test_jacobians_on_tensorflow(rank, traced_before):
    """Of an involution with fixed kernels, column by column from the loop."""
    case = cut(Case(batch=1, sizes=(3, 2, 2), strides=(2, 1, 1)), rank)
    inputs, kernels, _ = case.draw()
    function = tf.function(case.involution) if traced_before else case.involution
    inputs, kernels = tf.constant(inputs), tf.constant(kernels)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([inputs, kernels])
        outputs = function(inputs, kernels)
    by_inputs, by_kernels = (jacobian.numpy() for jacobian in tape.jacobian(outputs, [inputs, kernels]))
    for jacobian, argument, other in ((by_inputs, inputs, kernels), (by_kernels, kernels, inputs)):
        for where in np.ndindex(*argument.shape):
            unit = np.zeros(argument.shape)
            unit[where] = 1
            pair = (unit, other.numpy()) if argument is inputs else (other.numpy(), unit)
            assert_close(jacobian[(..., *where)], case.loop(*pair))
    assert_close(tape.batch_jacobian(outputs, inputs)[0], by_inputs[0, ..., 0, *(slice(None),) * (rank + 1)])


@pytest.mark.parametrize("traced", [pytest.param(True, marks=pytest.mark.long), False])
def test_forward_mode_on_tensorflow_alone_and_over_reverse_mode(traced):
    """Compared with what reverse mode twice gives, of a layer whose kernels depend on the input."""
    layer = Involution2D(3, groups=2, reduction_ratio=2)
    inputs, direction = (tf.constant(images(2, 5, 6, 4)) for _ in range(2))
    layer(inputs)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            cost = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(cost, x)

    def forward(x):
        with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
            cost, slope = tf.reduce_sum(layer(x) ** 2), gradient(x)
        return accumulator.jvp(cost), accumulator.jvp(slope)

    jvp, hvp = (tf.function(forward) if traced else forward)(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        by_direction = tf.reduce_sum(gradient(inputs) * direction)
    np.testing.assert_allclose(jvp, by_direction, rtol=1e-4)
    assert_close(hvp, tape.gradient(by_direction, inputs), 1e-3)


def test_a_layer_is_rematerialized_without_a_graph():
    """Keras's scope would wrap each operation, too, and not `ops.pad`, which has an argument given by keyword."""
    with keras.RematScope("full"):
        model = keras.Sequential([keras.Input((6, 6, 4)), Involution2D(3, groups=2)])
        model.compile("sgd", "mse", run_eagerly=True)
        assert np.isfinite(model.train_on_batch(*images(2, 2, 6, 6, 4)))


@pytest.mark.long
def test_many_kernels_and_sizes_do_not_make_tensorflow_warn_of_retracing():
    code = """
import numpy as np, keras
from involution_utils import AttentionKernelGenerator
for size in range(1, 9):
    AttentionKernelGenerator(size)(np.ones((1, 9, 8, 4), "float32"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "retracing" not in done.stdout + done.stderr
