"""`Involution2D` and its kernel generators: shapes, arithmetic, serialisation, and what they refuse."""

import re

import keras
import numpy as np
import pytest
from keras import ops

from involution_utils.layers import (
    AttentionKernelGenerator,
    Involution1D,
    Involution2D,
    Involution3D,
    KernelGenerator,
)
from involution_utils.ops import involution

BACKEND = keras.backend.backend()
PAPERS_PADDING = ((3, 3), (3, 3))


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def assert_close(actual, expected, tolerance=1e-4):
    actual, expected = ops.convert_to_numpy(actual), ops.convert_to_numpy(expected)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


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


def test_flat_kernels_are_read_with_the_group_fastest():
    layer = Involution2D((2, 3), groups=2, kernel_generator=Counting(12))
    _, kernels = layer(images(1, 4, 4, 4), return_kernels=True)
    assert_close(kernels[0, 1, 2], np.arange(12).reshape(2, 3, 2))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "arguments", [{}, {"strides": (2, 3)}, {"dilation_rate": 2}, {"strides": 2, "padding": ((2, 1), (0, 3))}], ids=str
)
def test_the_output_is_the_involution_of_the_input_with_the_returned_kernels(arguments, data_format):
    layer = Involution2D((3, 2), groups=2, data_format=data_format, **arguments)
    inputs = images(2, 8, 7, 4)
    given = np.moveaxis(inputs, -1, 1) if data_format == "channels_first" else inputs
    outputs, kernels = layer(given, return_kernels=True)
    if data_format == "channels_first":
        outputs = ops.moveaxis(outputs, 1, -1)
    assert_close(outputs, involution(inputs, kernels, **arguments, data_format="channels_last"))
    assert_close(layer(given) if data_format == "channels_last" else ops.moveaxis(layer(given), 1, -1), outputs)


def kernels_by_hand(generator, middles):
    """The generator's arithmetic on its own weights, in inference mode, in NumPy."""
    reduce, normalize, span = generator.reduce, generator.normalize, generator.span
    reduce_kernel, reduce_bias, span_kernel, span_bias = map(
        ops.convert_to_numpy, (reduce.kernel, reduce.bias, span.kernel, span.bias)
    )
    mean, variance, gamma, beta = map(
        ops.convert_to_numpy, (normalize.moving_mean, normalize.moving_variance, normalize.gamma, normalize.beta)
    )
    hidden = middles @ reduce_kernel[0, 0] + reduce_bias
    hidden = (hidden - mean) / np.sqrt(variance + normalize.epsilon) * gamma + beta
    return np.maximum(hidden, 0) @ span_kernel[0, 0] + span_bias


@pytest.mark.parametrize(
    ("size", "kernel_size", "strides", "dilation", "padding", "blocks"),
    [  # blocks: which pixels, by row and by column alike, make the kernels of each place
        (4, 3, 1, 1, "same", [[0], [1], [2], [3]]),
        (4, 3, 2, 1, "same", [[0, 1], [2, 3]]),
        (5, 3, 2, 1, "same", [[0, 1], [2, 3], [4]]),
        (6, 7, 2, 1, PAPERS_PADDING, [[0, 1], [2, 3], [4, 5]]),
        (7, 7, 2, 1, PAPERS_PADDING, [[0, 1], [2, 3], [4, 5], [6]]),
        (5, 3, 1, 1, "valid", [[1], [2], [3]]),
        (6, 2, 1, 2, "valid", [[1], [2], [3], [4]]),
        (8, 3, 2, 1, "valid", [[0, 1], [2, 3], [4, 5]]),
        (9, 5, 2, 1, "valid", [[2, 3], [4, 5], [6, 7]]),
        (9, 5, 3, 1, "valid", [[0, 1, 2], [3, 4, 5]]),
        (3, 3, 1, 1, ((2, 3), (2, 3)), [[0], [0], [1], [2], [2], [2]]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_kernel_comes_from_the_block_in_the_middle_of_its_window(
    size, kernel_size, strides, dilation, padding, blocks, known
):
    generator = KernelGenerator(kernel_size, strides=strides, groups=1, dilation_rate=dilation, padding=padding)
    inputs = images(2, size, size, 8)
    generator(inputs)
    generator.normalize.moving_mean.assign([0.1, -0.2])
    generator.normalize.gamma.assign([0.5, 2.0])
    if known:
        found = generator(inputs)
    else:
        symbolic = keras.Input((None, None, 8))
        found = keras.Model(symbolic, generator(symbolic)).predict(inputs, verbose=0)
    middles = np.stack([np.mean(inputs[:, rows], 1) for rows in blocks], 1)
    middles = np.stack([np.mean(middles[:, :, columns], 2) for columns in blocks], 2)
    assert found.shape == generator.compute_output_shape(inputs.shape)
    assert_close(found, kernels_by_hand(generator, middles))


def test_batch_statistics_in_training_and_moving_ones_in_inference():
    keras.utils.set_random_seed(0)
    forgetful = keras.layers.BatchNormalization(momentum=0.0)  # inference uses the last batch's statistics alone
    layer = Involution2D(3, kernel_generator=KernelGenerator(3, hidden_channels=4, normalization=forgetful))
    inputs = 5 + 3 * images(4, 5, 5, 4)
    before = layer(inputs, training=False)
    trained = layer(inputs, training=True)
    assert not np.allclose(*map(ops.convert_to_numpy, (before, trained)), atol=1e-2)
    assert_close(layer(inputs, training=False), trained, 1e-3)


SHAPES = [
    ({}, (2, 9, 8, 4), (2, 9, 8, 4), (2, 9, 8, 3, 5, 2)),
    ({}, (None, None, None, 4), (None, None, None, 4), (None, None, None, 3, 5, 2)),
    ({"strides": 2}, (None, 9, None, 4), (None, 5, None, 4), (None, 5, None, 3, 5, 2)),
    ({"strides": (1, 3), "padding": "valid"}, (1, 9, 8, 4), (1, 7, 2, 4), (1, 7, 2, 3, 5, 2)),
    ({"strides": 2, "padding": PAPERS_PADDING}, (1, 9, 8, 4), (1, 7, 5, 4), (1, 7, 5, 3, 5, 2)),
    ({"dilation_rate": 2, "padding": "valid"}, (1, 9, 9, 4), (1, 5, 1, 4), (1, 5, 1, 3, 5, 2)),
    ({"data_format": "channels_first", "strides": 2}, (1, 4, 9, 8), (1, 4, 5, 4), (1, 5, 4, 3, 5, 2)),
]


@pytest.mark.parametrize(("arguments", "shape", "outputs", "kernels"), SHAPES, ids=str)
def test_shapes_known_beforehand(arguments, shape, outputs, kernels):
    layer = Involution2D((3, 5), groups=2, **arguments)
    assert layer.compute_output_shape(shape) == outputs
    assert layer.compute_output_shape(shape, return_kernels=True) == (outputs, kernels)
    found = layer(keras.KerasTensor(shape), return_kernels=True)
    assert [tuple(tensor.shape) for tensor in found] == [outputs, kernels]
    assert tuple(layer(keras.KerasTensor(shape)).shape) == outputs
    if None not in shape:
        found = layer(images(*shape), return_kernels=True)
        assert [tuple(tensor.shape) for tensor in found] == [outputs, kernels]


@pytest.mark.parametrize("arguments", [{}, {"strides": 2}, {"strides": 3, "padding": PAPERS_PADDING}], ids=str)
def test_one_functional_model_takes_two_resolutions_and_returns_kernels(arguments):
    symbolic = keras.Input((None, None, 4))
    layer = Involution2D(7, groups=2, **arguments)
    model = keras.Model(symbolic, layer(symbolic, return_kernels=True))
    for sizes in [(8, 9), (13, 7)]:
        outputs, kernels = model.predict(images(3, *sizes, 4), batch_size=2, verbose=0)
        assert (outputs.shape, kernels.shape) == layer.compute_output_shape((3, *sizes, 4), return_kernels=True)
        assert_close(outputs, layer(images(3, *sizes, 4)))


def test_summary_shows_the_shapes(capsys):
    model = keras.Sequential([keras.Input((32, 32, 3)), Involution2D(3, strides=2, reduction_ratio=2)])
    model.summary()
    assert "(None, 16, 16, 3)" in capsys.readouterr().out


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
            padding=PAPERS_PADDING,
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
        Involution2D(3, kernel_generator=KernelGenerator(3, normalization=None), dtype="mixed_bfloat16"),
    ],
    ids=["default", "all arguments", "custom generator", "custom normalization", "mixed precision"],
)
def test_saved_and_loaded_layers_compute_the_same(layer, tmp_path):
    inputs = images(2, 6, 5, 4)
    model = keras.Sequential([keras.Input((None, None, 4)), layer])
    expected = model(inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded(inputs), expected, 1e-6)
    assert arguments_in(loaded.layers[0].get_config()) == arguments_in(layer.get_config())
    again = Involution2D.from_config(layer.get_config())
    assert arguments_in(again.get_config()) == arguments_in(layer.get_config())
    again.build(inputs.shape)
    again.set_weights(layer.get_weights())
    assert_close(again(inputs), expected, 1e-6)


@pytest.mark.parametrize(
    ("policy", "dtype"), [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16"), ("float64", "float64")]
)
def test_dtype_policies(policy, dtype):
    layer = Involution2D(3, groups=2, dtype=policy)
    symbolic = keras.Input((None, None, 4))
    outputs, kernels = layer(symbolic, return_kernels=True)
    assert outputs.dtype == kernels.dtype == dtype
    found = layer(images(2, 5, 5, 4), return_kernels=True)
    assert {keras.backend.standardize_dtype(tensor.dtype) for tensor in found} == {dtype}
    variables = "float64" if policy == "float64" else "float32"
    assert {weight.dtype for weight in layer.weights} == {variables}
    single = Involution2D(3, groups=2)
    single.build((None, None, None, 4))
    single.set_weights(layer.get_weights())
    assert_close(ops.cast(found[0], "float32"), single(images(2, 5, 5, 4)), 5e-2)


@pytest.mark.parametrize(
    ("jit_compile", "policy"), [(True, "float32"), (False, "float32"), ("auto", "float32"), ("auto", "mixed_bfloat16")]
)
def test_training_lowers_the_loss_however_the_model_is_compiled(jit_compile, policy):
    if BACKEND == "torch" and jit_compile is True:
        pytest.skip("torch.compile is slow and no matter of ours")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            Involution2D(3, strides=2, groups=2, dtype=policy),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    inputs = images(40, 8, 8, 4)
    losses = model.fit(inputs, inputs.mean((1, 2, 3)), batch_size=16, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def apply(layer, *shape):
    return layer(images(*shape))


NUMBERS = "must be a positive whole number or 2 of them. Received: "
REFUSED = [
    (lambda: Involution2D(0), f"`kernel_size` {NUMBERS}kernel_size=0"),
    (lambda: Involution2D((3, -1)), f"`kernel_size` {NUMBERS}kernel_size=(3, -1)"),
    (lambda: Involution2D((3, 3, 3)), f"`kernel_size` {NUMBERS}kernel_size=(3, 3, 3)"),
    (lambda: Involution2D(3.0), f"`kernel_size` {NUMBERS}kernel_size=3.0"),
    (lambda: KernelGenerator(3.0), f"`kernel_size` {NUMBERS}kernel_size=3.0"),
    (lambda: Involution2D(3, strides=0), f"`strides` {NUMBERS}strides=0"),
    (lambda: Involution2D(3, groups=0), "`groups` must be a whole number of at least 1. Received: groups=0"),
    (lambda: Involution2D(3, groups=(1, 2)), "`groups` must be a whole number of at least 1. Received: groups=(1, 2)"),
    (lambda: Involution2D(3, reduction_ratio=-4), "`reduction_ratio` must be a whole number of at least 1. Received: "),
    (
        lambda: Involution2D(3, reduction_ratio=0.5),
        "`reduction_ratio` must be a whole number of at least 1. Received: ",
    ),
    (lambda: Involution2D(3, dilation_rate=0), f"`dilation_rate` {NUMBERS}dilation_rate=0"),
    (lambda: Involution2D(3, padding="causal"), '`padding` must be "same", "valid" or'),
    (lambda: Involution2D(3, use_bias=1), "`use_bias` must be True or False. Received: use_bias=1"),
    (lambda: Involution2D(3, data_format="last"), '`data_format` must be "channels_last", "channels_first" or None'),
    (lambda: Involution2D(3, kernel_generator=abs), "`kernel_generator` must be a Keras layer or None. Received: "),
    (
        lambda: KernelGenerator(3, hidden_channels=0),
        "`hidden_channels` must be a whole number of at least 1. Received:",
    ),
    (lambda: KernelGenerator(3, normalization="layer"), '`normalization` must be "batch", None or a Keras layer'),
    (lambda: KernelGenerator(3, normalization=np.zeros(2)), '`normalization` must be "batch", None or a Keras layer'),
    (lambda: Involution2D(64, 3), "by name there are strides, groups, reduction_ratio, dilation_rate, padding, use_"),
    (lambda: Involution2D(64, 3), "there are no `filters`. Received: 3 after kernel_size"),
    (lambda: KernelGenerator(3, 1, 2), "by name there are strides, groups, reduction_ratio, hidden_channels,"),
    (lambda: AttentionKernelGenerator(3, 1), "by name there are strides, groups, reduction_ratio, dilation_rate,"),
    (lambda: apply(Involution2D(3), 5, 5, 4), "`inputs` of layer involution2d must have rank 4: batch, height, width,"),
    (lambda: apply(Involution1D(3), 2, 5, 5, 4), "`inputs` of layer involution1d must have rank 3: batch, length, ch"),
    (lambda: apply(Involution3D(3), 2, 5, 5, 4), "`inputs` of layer involution3d must have rank 5: batch, depth, hei"),
    (
        lambda: apply(KernelGenerator(3), 2, 4),
        "must have rank 3, 4 or 5: batch, 1 to 3 spatial axes, channels. Received",
    ),
    (lambda: apply(Involution2D(3, groups=3), 2, 5, 5, 4), "`groups` of layer involution2d must divide the 4 channels"),
    (lambda: Involution2D(3)(keras.Input((5, 5, None))), "known number of channels"),
    (lambda: apply(Involution2D(7, padding="valid"), 2, 5, 5, 4), "`inputs` must be as large as the window"),
    (
        lambda: apply(Involution2D(3, kernel_generator=Counting(8)), 2, 5, 5, 4),
        "`kernel_generator` of layer involution2d must return kernels of shape (2, 5, 5, 9) for inputs of shape "
        "(2, 5, 5, 4): (batch, *spatial, kernel values * groups). Received: shape (2, 5, 5, 8)",
    ),
    (
        lambda: apply(Involution2D(3, strides=2, kernel_generator=Counting(9)), 2, 5, 5, 4),
        "`kernel_generator` of layer involution2d must return kernels of shape (2, 3, 3, 9)",
    ),
    (
        lambda: apply(Involution2D(3, kernel_generator=keras.layers.Flatten()), 2, 5, 5, 4),
        "`kernel_generator` of layer involution2d must return kernels of shape (2, 5, 5, 9)",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_arguments_are_refused_by_name(build, message):
    keras.utils.clear_session()
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


# Local self-attention


def attention_kernels(inputs, query, key, bias, kernel_size, groups, strides, dilation, pads):
    """The kernels of local self-attention, place by place; the query comes from the mean of the block in the middle."""
    batch, height, width, _ = inputs.shape
    extents = [(k - 1) * dilation + 1 for k in kernel_size]
    places = [(n + sum(p) - e) // strides + 1 for n, p, e in zip((height, width), pads, extents, strict=True)]
    kernels = np.zeros((batch, *places, *kernel_size, groups))
    keys = inputs @ key
    channels = key.shape[1] // groups
    for n, i, j, g in np.ndindex(batch, *places, groups):
        own = slice(g * channels, (g + 1) * channels)
        middle = inputs[n, i * strides : (i + 1) * strides, j * strides : (j + 1) * strides].mean((0, 1)) @ query
        scores = {}
        for u, v in np.ndindex(*kernel_size):
            y, x = i * strides + u * dilation - pads[0][0], j * strides + v * dilation - pads[1][0]
            if 0 <= y < height and 0 <= x < width:
                scores[u, v] = middle[own] @ keys[n, y, x, own] / channels**0.5 + bias[u, v, g]
        largest = max(scores.values())
        total = sum(np.exp(score - largest) for score in scores.values())
        for (u, v), score in scores.items():
            kernels[n, i, j, u, v, g] = np.exp(score - largest) / total
    return kernels


@pytest.mark.parametrize(
    ("settings", "pads", "size"),
    [
        ({"kernel_size": 3}, ((1, 1), (1, 1)), (5, 6)),
        ({"kernel_size": (3, 5), "groups": 4}, ((1, 1), (2, 2)), (4, 7)),
        ({"kernel_size": 3, "dilation_rate": 2}, ((2, 2), (2, 2)), (6, 5)),
        ({"kernel_size": 3, "strides": 2, "padding": ((1, 1), (1, 1))}, ((1, 1), (1, 1)), (6, 8)),
        ({"kernel_size": 5, "padding": ((2, 2), (2, 2))}, ((2, 2), (2, 2)), (3, 3)),
    ],
)
def test_attention_kernels_are_those_of_the_loop(settings, pads, size):
    settings = {"groups": 2, "reduction_ratio": 1, "strides": 1, "dilation_rate": 1} | settings
    layer = AttentionKernelGenerator(**settings)
    inputs = images(2, *size, 8)
    layer.build(inputs.shape)
    bias = images(*layer.position_bias.shape)
    layer.position_bias.assign(bias)
    query, key = (ops.convert_to_numpy(conv.kernel)[0, 0] for conv in (layer.query, layer.key))
    taps, groups = layer.kernel_size, settings["groups"]
    expected = attention_kernels(
        inputs, query, key, bias, taps, groups, settings["strides"], settings["dilation_rate"], pads
    )
    flat = ops.convert_to_numpy(layer(inputs))
    assert flat.shape == layer.compute_output_shape(inputs.shape)
    assert_close(flat.reshape(expected.shape), expected, 1e-5)
    np.testing.assert_allclose(flat.reshape(*expected.shape[:3], -1, groups).sum(3), 1, rtol=1e-5)
    assert np.array_equal(flat.reshape(expected.shape) == 0, expected == 0)


def test_an_involution_with_attention_takes_any_size_and_is_saved_and_loaded(tmp_path):
    generator = AttentionKernelGenerator(3, groups=2, use_position_bias=False)
    inputs = keras.Input((None, None, 8))
    model = keras.Model(inputs, Involution2D(3, groups=2, kernel_generator=generator)(inputs))
    model.save(tmp_path / "attention.keras")
    loaded = keras.saving.load_model(tmp_path / "attention.keras")
    for size in ((5, 6), (9, 4)):
        assert_close(model(images(2, *size, 8)), loaded(images(2, *size, 8)), 1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
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
