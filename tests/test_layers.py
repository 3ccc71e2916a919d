"""`Involution1D`, `2D` and `3D`: shapes, arithmetic, serialization, and what they refuse."""

import copy
import re

import keras
import numpy as np
import pytest
from keras import ops
from loops import BACKEND, LAYERS, RANKS, assert_close, cut, images

from involution_utils.layers import (
    AttentionKernelGenerator,
    Involution1D,
    Involution2D,
    Involution3D,
    KernelGenerator,
)
from involution_utils.ops import involution


@keras.saving.register_keras_serializable("tests")
class Counting(keras.layers.Layer):
    """A kernel generator without weights: the flat index of each kernel value, at every place."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def call(self, inputs):
        return ops.zeros_like(inputs[..., :1]) + ops.cast(ops.arange(self.values), inputs.dtype)

    def get_config(self):
        return super().get_config() | {"values": self.values}


def test_the_original_layer_has_26_parameters_with_speaking_paths():
    layer = Involution2D(kernel_size=3, reduction_ratio=2, name="involution")
    layer.build((None, 32, 32, 3))
    assert {weight.path: tuple(weight.shape) for weight in layer.weights} == {
        "involution/kernel_generator/reduce/kernel": (1, 1, 3, 1),
        "involution/kernel_generator/reduce/bias": (1,),
        "involution/kernel_generator/normalization/gamma": (1,),
        "involution/kernel_generator/normalization/beta": (1,),
        "involution/kernel_generator/normalization/moving_mean": (1,),
        "involution/kernel_generator/normalization/moving_variance": (1,),
        "involution/kernel_generator/span/kernel": (1, 1, 1, 9),
        "involution/kernel_generator/span/bias": (9,),
    }
    assert layer.count_params() == 26
    assert sum(np.prod(weight.shape) for weight in layer.trainable_weights) == 24


@RANKS
def test_flat_kernels_are_read_with_the_group_fastest(rank):
    size = (2, 3, 2)[:rank]
    values = 2 * int(np.prod(size))
    layer = LAYERS[rank](size, groups=2, kernel_generator=Counting(values))
    _, kernels = layer(images(1, *[4] * rank, 4), return_kernels=True)
    assert_close(kernels[(0, *(1, 2, 0)[:rank])], np.arange(values).reshape(*size, 2))


ARGUMENTS = [
    {},
    {"strides": (2, 3, 1)},
    {"dilation_rate": 2},
    {"strides": 2, "padding": ((2, 1), (0, 3), (1, 1))},
    {"padding": "valid"},
]


@RANKS
@pytest.mark.parametrize(
    ("arguments", "data_format"),
    [(arguments, "channels_last") for arguments in ARGUMENTS] + [(ARGUMENTS[1], "channels_first")],
    ids=str,
)
def test_the_output_is_the_involution_of_the_input_with_the_returned_kernels(arguments, data_format, rank):
    arguments = cut(arguments, rank)
    layer = LAYERS[rank]((3, 2, 2)[:rank], groups=2, data_format=data_format, **arguments)
    inputs = images(2, *(8, 7, 4)[:rank], 4)
    given = np.moveaxis(inputs, -1, 1) if data_format == "channels_first" else inputs
    outputs, kernels = layer(given, return_kernels=True)
    if data_format == "channels_first":
        outputs = ops.moveaxis(outputs, 1, -1)
    assert_close(outputs, involution(inputs, kernels, **arguments, data_format="channels_last"), 1e-4)


SHAPES = [
    ({}, (None, None, None, 4), (None, None, None, 4), (None, None, None, 3, 5, 2)),
    ({"strides": 2}, (None, 9, None, 4), (None, 5, None, 4), (None, 5, None, 3, 5, 2)),
    ({"strides": (1, 3), "padding": "valid"}, (1, 9, 8, 4), (1, 7, 2, 4), (1, 7, 2, 3, 5, 2)),
    ({"strides": 2, "padding": ((3, 3), (3, 3))}, (1, 9, 8, 4), (1, 7, 5, 4), (1, 7, 5, 3, 5, 2)),
    ({"data_format": "channels_first", "strides": 2}, (1, 4, 9, 8), (1, 4, 5, 4), (1, 5, 4, 3, 5, 2)),
    ({"strides": 2, "padding": ((3, 3),)}, (1, 9, 4), (1, 7, 4), (1, 7, 3, 2)),
    ({"padding": "valid"}, (2, 5, 6, 1, 4), (2, 3, 2, 1, 4), (2, 3, 2, 1, 3, 5, 1, 2)),
]


@pytest.mark.parametrize(("arguments", "shape", "outputs", "kernels"), SHAPES, ids=str)
def test_shapes_known_beforehand(arguments, shape, outputs, kernels):
    rank = len(shape) - 2
    layer = LAYERS[rank]((3, 5, 1)[:rank], groups=2, **arguments)
    assert layer.compute_output_shape(shape) == outputs
    assert layer.compute_output_shape(shape, return_kernels=True) == (outputs, kernels)
    found = layer(keras.KerasTensor(shape), return_kernels=True)
    assert [tuple(tensor.shape) for tensor in found] == [outputs, kernels]
    assert tuple(layer(keras.KerasTensor(shape)).shape) == outputs
    if None not in shape:
        found = layer(images(*shape), return_kernels=True)
        assert [tuple(tensor.shape) for tensor in found] == [outputs, kernels]


@RANKS
@pytest.mark.parametrize("arguments", [{"strides": 2}, {"strides": 3, "padding": ((1, 1),) * 3}], ids=str)
def test_one_functional_model_takes_two_resolutions_and_returns_kernels(arguments, rank):
    symbolic = keras.Input((*[None] * rank, 4))
    layer = LAYERS[rank](3, groups=2, **cut(arguments, rank))
    model = keras.Model(symbolic, layer(symbolic, return_kernels=True))
    for sizes in [(8, 9, 3), (13, 7, 4)]:
        inputs = images(3, *sizes[:rank], 4)
        outputs, kernels = model.predict(inputs, batch_size=2, verbose=0)
        assert (outputs.shape, kernels.shape) == layer.compute_output_shape(inputs.shape, return_kernels=True)
        assert_close(outputs, layer(inputs), 1e-4)


def arguments_in(config):
    """`config` without what Keras notes for its own bookkeeping."""
    if isinstance(config, dict):
        return {k: arguments_in(v) for k, v in config.items() if k not in ("build_config", "shared_object_id")}
    return list(config) if isinstance(config, tuple) else config


@pytest.mark.parametrize(
    "layer",
    [
        Involution2D(3, reduction_ratio=2),
        Involution2D(
            (3, 2),
            strides=(2, 1),
            groups=2,
            reduction_ratio=2,
            dilation_rate=(1, 2),
            padding=((3, 3), (3, 3)),
            use_bias=False,
            data_format="channels_last",
        ),
        Involution2D(2, groups=2, kernel_generator=Counting(8)),
        Involution2D(
            3,
            kernel_generator=KernelGenerator(
                3, hidden_channels=3, normalization=keras.layers.BatchNormalization(epsilon=1e-5)
            ),
        ),
        Involution2D(3, kernel_generator=KernelGenerator(normalization=None), dtype="mixed_bfloat16"),
        Involution1D(3, strides=2, padding=((2, 0),), kernel_generator=AttentionKernelGenerator()),
        Involution3D((1, 3, 2), dilation_rate=(1, 2, 1)),
    ],
    ids=["default", "all arguments", "custom generator", "custom norm", "mixed precision", "1D", "3D"],
)
@pytest.mark.smoke
def test_saved_and_loaded_layers_compute_the_same(layer, tmp_path):
    inputs = images(2, *(6, 5, 3)[: layer.rank], 4)
    model = keras.Sequential([keras.Input((*[None] * layer.rank, 4)), layer])
    expected = model(inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded(inputs), expected, 1e-6)
    assert arguments_in(loaded.layers[0].get_config()) == arguments_in(layer.get_config())
    again = type(layer).from_config(layer.get_config())
    assert arguments_in(again.get_config()) == arguments_in(layer.get_config())
    again.build(inputs.shape)
    again.set_weights(layer.get_weights())
    assert_close(again(inputs), expected, 1e-6)


@keras.saving.register_keras_serializable("tests")
class Late(keras.layers.Layer):
    """A kernel generator whose own layer is built when it is first called, not by its `build`."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.span = keras.layers.Conv2D(values, 1)

    def call(self, inputs):
        return self.span(inputs)


@pytest.mark.parametrize("size", [(6, 5), (None, None)])
def test_a_generator_whose_layers_are_built_late_keeps_its_weights_when_saved(size, tmp_path):
    inputs = images(2, 6, 5, 4)
    model = keras.Sequential([keras.Input((*size, 4)), Involution2D(3, kernel_generator=Late(9))])
    assert model.count_params() == 4 * 9 + 9  # before any call with numbers
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded(inputs), model(inputs), 1e-6)


@RANKS
@pytest.mark.parametrize(
    ("policy", "dtype"), [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16"), ("float64", "float64")]
)
def test_dtype_policies(policy, dtype, rank):
    inputs = images(2, *(5, 5, 3)[:rank], 4)
    layer = LAYERS[rank](3, groups=2, strides=2, dtype=policy)
    outputs, kernels = layer(keras.Input((*[None] * rank, 4)), return_kernels=True)
    assert outputs.dtype == kernels.dtype == dtype
    found = layer(inputs, return_kernels=True)
    assert {keras.backend.standardize_dtype(tensor.dtype) for tensor in found} == {dtype}
    variables = "float64" if policy == "float64" else "float32"
    assert {weight.dtype for weight in layer.weights} == {variables}
    single = LAYERS[rank](3, groups=2, strides=2)
    single.build((*[None] * (rank + 1), 4))
    single.set_weights(layer.get_weights())
    assert_close(ops.cast(found[0], "float32"), single(inputs), 5e-2)


@pytest.mark.parametrize(
    ("jit_compile", "policy", "rank"),
    [("auto", "float32", 2)]
    + [
        pytest.param(*case, marks=pytest.mark.long)
        for case in (
            (True, "float32", 2),
            ("auto", "float32", 1),
            ("auto", "float32", 3),
            ("auto", "mixed_bfloat16", 2),
        )
    ],
)
def test_training_lowers_the_loss_however_the_model_is_compiled(jit_compile, policy, rank):
    if BACKEND == "torch" and jit_compile is True:
        pytest.skip("torch.compile is slow and no matter of ours")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((*(8, 8, 2)[:rank], 4)),
            LAYERS[rank](3, strides=2, groups=2, dtype=policy),
            keras.layers.Flatten(),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    inputs = images(40, *(8, 8, 2)[:rank], 4)
    targets = inputs.mean(tuple(range(1, rank + 2)))
    losses = model.fit(inputs, targets, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.skipif(BACKEND != "jax", reason="a matter of JAX alone")
@RANKS
@pytest.mark.parametrize(("kernel_size", "padding"), [(3, "same"), (3, "valid"), (1, "same")])
def test_exported_from_jax_for_unknown_sizes_and_strides(rank, kernel_size, padding):
    import jax
    from jax import export

    layer = LAYERS[rank](kernel_size, strides=2, groups=2, padding=padding)
    attention = LAYERS[rank](kernel_size, strides=2, kernel_generator=AttentionKernelGenerator(), padding=padding)
    model = keras.Sequential([keras.Input((*[None] * rank, 4)), layer, attention])
    sizes = export.symbolic_shape(", ".join("ndhw"[: rank + 1]), constraints=[f"{axis} >= 9" for axis in "dhw"[:rank]])
    exported = export.export(jax.jit(lambda x: model(x)))(jax.ShapeDtypeStruct((*sizes, 4), "float32"))
    for size in (9, 12):
        inputs = images(2, *[size] * rank, 4)
        np.testing.assert_allclose(exported.call(inputs), model(inputs), atol=1e-4)


# The generator's window is the layer's


@RANKS
@pytest.mark.parametrize(
    "arguments", [{"dilation_rate": 2}, {"padding": ((2, 1),) * 3}, {"strides": 2}, {"groups": 2}, {}], ids=str
)
def test_a_generator_takes_its_window_from_its_layer(arguments, rank):
    """On a constant input, attention over the very window of its layer gives the constant."""
    layer = LAYERS[rank](3, **cut(arguments, rank), kernel_generator=AttentionKernelGenerator())
    outputs = layer(np.ones((1, *[6] * rank, 4), "float32"))
    assert layer.kernel_generator.window == layer.window
    assert_close(outputs, np.ones(outputs.shape), 1e-6)


CONTRADICTIONS = [
    ({"kernel_size": 5}, "`kernel_size` of `kernel_generator` must be that of layer layer, (3, 3)"),
    ({"strides": 2}, "Received: strides=(2, 2)"),
    ({"groups": 4}, "`groups` of `kernel_generator` must be that of layer layer, 1"),
    ({"dilation_rate": (1, 2)}, "Received: dilation_rate=(1, 2)"),
    (
        {"padding": ((2, 0), (2, 0))},
        "`padding` of `kernel_generator` must be that of layer layer, 'same': leave it out",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), CONTRADICTIONS, ids=range(len(CONTRADICTIONS)))
def test_a_generator_for_another_window_is_refused(arguments, message):
    layer = Involution2D(3, kernel_generator=AttentionKernelGenerator(**arguments), name="layer")
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(images(1, 6, 6, 4))


def test_a_generator_built_for_another_window_is_refused():
    generator = KernelGenerator(3)
    generator(images(1, 6, 6, 4))
    Involution2D(3, kernel_generator=generator)(images(1, 6, 6, 4))
    other = KernelGenerator(3)
    other(images(1, 6, 4))
    with pytest.raises(ValueError, match="`kernel_size` of `kernel_generator`"):
        Involution2D(3, kernel_generator=other)(images(1, 6, 6, 4))


def test_a_generator_or_normalization_of_two_layers_is_refused():
    """Keras would save them, but could not load them."""
    inputs = images(1, 6, 6, 4)
    generator = KernelGenerator(normalization=keras.layers.LayerNormalization(name="norm"))
    first = Involution2D(3, kernel_generator=generator, name="first")
    first(inputs)
    with pytest.raises(ValueError, match=r"`kernel_generator` must be a layer of its own\..*first/"):
        Involution2D(3, kernel_generator=generator)(inputs)
    with pytest.raises(ValueError, match=r"`normalization` must be a layer of its own\. Received: .*norm"):
        KernelGenerator(normalization=generator.normalization)(inputs)
    foreign = Counting(9)
    Involution2D(3, kernel_generator=foreign)(inputs)
    with pytest.raises(ValueError, match=r"`kernel_generator` must be a layer of its own\. Received: .*counting"):
        Involution2D(3, kernel_generator=foreign)(inputs)
    Involution2D(3, kernel_generator=copy.deepcopy(KernelGenerator()))(inputs)
    keras.models.clone_model(keras.Sequential([keras.Input((6, 6, 4)), first]))


def apply(layer, *shape):
    return layer(images(*shape))


NUMBERS = "must be a positive whole number or 2 of them. Received: "
REFUSED = [
    (lambda: Involution2D((3, 3, 3)), f"`kernel_size` {NUMBERS}kernel_size=(3, 3, 3)"),
    (lambda: Involution2D(3, groups=(1, 2)), "`groups` must be a whole number of at least 1. Received: groups=(1, 2)"),
    (lambda: Involution2D(3, reduction_ratio=0.5), "`reduction_ratio` must be a whole number of at least 1. Received"),
    (lambda: Involution2D(3, use_bias=1), "`use_bias` must be True or False. Received: use_bias=1"),
    (lambda: Involution2D(3, kernel_generator=abs), "`kernel_generator` must be a Keras layer or None. Received: "),
    (lambda: KernelGenerator(3, hidden_channels=0), "`hidden_channels` must be a whole number of at least 1. Received"),
    (lambda: KernelGenerator(3, normalization=np.zeros(2)), '`normalization` must be "batch", None or a Keras layer'),
    (lambda: apply(Involution2D(3), 5, 5, 4), "`inputs` of layer involution2d must have rank 4: batch, height, width,"),
    (lambda: apply(Involution3D(3), 2, 5, 5, 4), "`inputs` of layer involution3d must have rank 5: batch, depth, hei"),
    (lambda: apply(KernelGenerator(3), 2, 4), "must have rank 3, 4 or 5: batch, 1 to 3 spatial axes, channels."),
    (lambda: apply(Involution2D(3, groups=3), 2, 5, 5, 4), "`groups` of layer involution2d must divide the 4 channels"),
    (lambda: Involution2D(3)(keras.Input((5, 5, None))), "known number of channels"),
    (
        lambda: Involution2D(3)(np.ones((1, 5, 5, 4), "uint8")),
        "`inputs` of layer involution2d must hold floating-point",
    ),
    (
        lambda: apply(Involution2D(3, kernel_generator=Counting(8)), 2, 5, 5, 4),
        "`kernel_generator` of layer involution2d must return kernels of shape (2, 5, 5, 9), (batch, *spatial, kernel "
        "values * groups), for inputs of shape (2, 5, 5, 4). Received: kernels of shape (2, 5, 5, 8)",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_arguments_are_refused_by_name(build, message):
    keras.utils.clear_session(free_memory=False)  # for the names of the layers
    with pytest.raises(ValueError, match=re.escape(message)):
        build()
