"""The page's forward pass, in JavaScript under Node, against Keras; and what it refuses, since it would be wrong."""

import functools
import json
import math
import re

import keras
import numpy as np
import pytest
from keras import layers

import involution_utils as iu
from involution_utils import ParameterError, microscope
from involution_utils.execution import plain_operations
from involution_utils.microscope.graph import translate
from involution_utils.models import SharedDepthwiseConv2D

DISAGREEMENT = "disagreement(network, DATA.expected)"
PASSES = "pixels.map((one) => globalThis.involution.forward(Float32Array.from(one)))"


def close(found, expected):
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1, np.abs(expected).max()))


def involutions():
    """Odd sizes, several groups, strides, dilation, all paddings, both generators."""
    inputs, branches = keras.Input((14, 11, 3)), []
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        kernel, strides = (tuple(int(n) for n in rng.integers(1, most, 2)) for most in (5, 4))
        padding = ["same", "valid", tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2))][seed % 3]
        settings = {"strides": strides, "groups": 2, "padding": padding, "dilation_rate": 1 + seed % 2}
        generator = (iu.AttentionKernelGenerator if seed % 2 else iu.KernelGenerator)(reduction_ratio=2)
        branches.append(iu.Involution2D(kernel, kernel_generator=generator, name=f"i{seed}", **settings)(x))
    pooled = [layers.GlobalAveragePooling2D()(branch) for branch in branches]
    return keras.Model(inputs, layers.Dense(5)(layers.concatenate(pooled)))


def all_other_layers(padding, strides):
    inputs = keras.Input((19, 14, 3))
    x = layers.RandomFlip()(layers.Rescaling(2.0, -1.0)(inputs))
    x = layers.Conv2D(6, (3, 5), strides, padding, activation="silu")(x)
    x = SharedDepthwiseConv2D(3, groups=2)(layers.ZeroPadding2D(((1, 2), (0, 3)))(x))
    twice = layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2)(x)
    x = layers.concatenate([layers.DepthwiseConv2D(3, padding="same")(x), twice])
    x = layers.Conv2D(12, 3, 1, padding, groups=3, dilation_rate=1, activation="tanh")(x)
    x = layers.Identity()(layers.BatchNormalization(axis=3, scale=False)(layers.Dropout(0.5)(x)))
    pooled = [kind(2, strides, padding)(x) for kind in (layers.MaxPooling2D, layers.AveragePooling2D)]
    x = layers.concatenate(pooled)
    x = layers.Add()([layers.Conv2D(8, 1)(x), layers.Conv2D(8, 1, use_bias=False, activation="relu6")(x)])
    x = layers.Flatten()(layers.Reshape((-1, 8))(layers.Activation("relu")(x)))
    x = layers.Softmax()(layers.Dense(7, activation="sigmoid")(x))  # softmax of one row is right anywhere
    return keras.Model(inputs, layers.Dropout(0.5)(layers.Dense(4)(x)))


def built_layer_by_layer():
    """One channel, softmax at the end; its layers are called anew with every `add`."""
    model = keras.Sequential([keras.Input((11, 13, 1))])
    for layer in (layers.Conv2D(8, 3, activation="relu"), iu.Involution2D(3, groups=2), layers.ReLU()):
        model.add(layer)
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(3, activation="softmax"))
    model.add(layers.Dropout(0.1))
    return model


MODELS = {
    "involutions": involutions,
    "layer by layer": built_layer_by_layer,
    "same, 3": lambda: all_other_layers("same", 3),
    "valid, 2": lambda: all_other_layers("valid", 2),
}


@pytest.fixture(scope="module")
def made(randomized, tmp_path_factory):
    """A function of a name in `MODELS`: the model, three images in [0, 1] and the page, all made once."""

    @functools.cache
    def made(name):
        model = randomized(MODELS[name]())
        images = np.random.default_rng(0).integers(0, 256, (3, *model.input_shape[1:])).astype("uint8")
        page = microscope.show(model, images).save(tmp_path_factory.mktemp("pages") / "page.html")
        return model, images.astype("float32") / 255, page

    return made


@pytest.mark.parametrize("name", MODELS)
def test_the_page_computes_what_keras_computes(name, made, run_page):
    model, images, page = made(name)
    pixels = f"var pixels = {json.dumps(images.reshape(len(images), -1).tolist())}; 0"
    _, found, warning, probabilities = run_page(page, [pixels, PASSES, DISAGREEMENT, "DATA.graph.probabilities"])
    with plain_operations():
        logits = keras.ops.convert_to_numpy(model(images, training=False))
        kernels = iu.layer_kernels(model, images)
    assert logits.std() > 1e-3  # an answer that says something
    close(np.array([one["logits"] for one in found]), logits)
    assert list(found[0]["kernels"]) == list(kernels)
    for layer, expected in kernels.items():
        close(np.array([one["kernels"][layer] for one in found]), expected.reshape(len(images), -1))
    assert warning == ""
    assert probabilities == (name == "layer by layer")


@pytest.mark.parametrize("wrong", ["0.01", "NaN"])
def test_a_page_that_computes_something_else_says_so(wrong, made, run_page):
    _, found = run_page(made("involutions")[2], [f"DATA.graph.nodes[1].kernel[5] += {wrong}; 0", DISAGREEMENT])
    assert re.match("Do not trust this page: for “image 1” it computes other numbers than Keras, off by", found)


def test_frozen_and_shuffled_kernels(made, run_page):
    """What the page says with frozen kernels is what Keras says of the same lesions; shuffling only moves kernels."""
    model, images, page = made("involutions")
    asked = [
        f"Object.assign(state, {{change: '{change}', scope: 'all', image: 1}}); compute(); now.logits"
        for change in ("image", "dataset")
    ]
    shuffled = "Object.assign(state, {change: 'shuffled', scope: 'one'}); compute(); "
    shuffled += "[before.kernels, now.kernels].map((kernels) => kernels[layer().name])"
    *found, (before, now) = run_page(page, [*asked, shuffled])
    for logits, lesion in zip(found, ("image_mean", "dataset_mean"), strict=True):
        with plain_operations():
            expected = iu.lesioned(model, lesion, images)(images[1:2], training=False)
        close(np.array(logits), keras.ops.convert_to_numpy(expected)[0])
    taps = math.prod(model.get_layer("i0").kernel_size) * 2
    before, now = (np.reshape(kernels, (-1, taps)) for kernels in (before, now))
    assert (before != now).any(1).mean() > 0.5
    np.testing.assert_array_equal(before[np.lexsort(before.T)], now[np.lexsort(now.T)])


def test_wrong_number_of_pixels(made, run_page):
    call = "globalThis.involution.forward(new Float32Array(5))"
    ask = f"(() => {{ try {{ {call}; }} catch (error) {{ return error.message; }} }})()"
    assert run_page(made("involutions")[2], [ask]) == ["forward needs 14 x 11 x 3 = 462 numbers, not 5."]


# ------------------------------------------------------------------------------------------------------------- refusals


def stack(*middle, shape=(8, 8, 3)):
    return keras.Sequential([keras.Input(shape), *middle, layers.GlobalAveragePooling2D(), layers.Dense(2, name="d")])


def quantized(mode):
    model = stack(layers.Conv2D(4, 1))
    model.quantize(mode)
    return model


def with_generator(generator):
    return stack(iu.Involution2D(3, kernel_generator=generator, name="i"))


def with_normalization(**settings):
    return with_generator(iu.KernelGenerator(normalization=layers.BatchNormalization(**settings)))


def used_twice():
    inputs, layer = keras.Input((8, 8, 3)), layers.Conv2D(3, 1, name="c")
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(layer(layer(inputs))))


def functional(call):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(call(inputs)))


class Model(keras.Model):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs)


def own_model():
    inputs = keras.Input((8, 8, 3))
    return Model(inputs, layers.GlobalAveragePooling2D()(inputs))


def subclass(base):
    """A class of the reader's with a `call` of its own, named as its base is."""
    return type(base.__name__, (base,), {"call": lambda self, inputs: inputs})


def relu(x):
    return -x


REFUSED = {
    "int8": (lambda: quantized("int8"), "layer d (Dense)", "int8"),
    "int4": (lambda: quantized("int4"), "layer d (Dense)", "int4"),
    "normalization of rows": (lambda: stack(layers.BatchNormalization(axis=1, name="n")), "layer n", "axis 1"),
    "in a generator": (lambda: with_normalization(axis=1, name="n"), "layer n (BatchNormalization)", "axis 1"),
    "other in a generator": (
        lambda: with_generator(iu.KernelGenerator(normalization=layers.LayerNormalization(name="n"))),
        "layer n (LayerNormalization)",
        "It knows BatchNormalization",
    ),
    "softmax of a map": (lambda: stack(layers.Conv2D(2, 1, activation="softmax", name="c")), "layer c", "one row"),
    "softmax layer": (lambda: stack(layers.Softmax(name="s")), "layer s (Softmax)", "softmax of one row"),
    "mixed precision": (lambda: stack(layers.Conv2D(2, 1, dtype="mixed_float16", name="c")), "layer c", "float32"),
    "half generator": (lambda: with_generator(iu.KernelGenerator(dtype="mixed_float16", name="g")), "layer g", "mixed"),
    "own Dense": (lambda: stack(subclass(layers.Dense)(3, name="own")), "layer own (Dense)", "its class"),
    "own ReLU": (lambda: stack(subclass(layers.ReLU)(name="own")), "layer own (ReLU)", "its class"),
    "own Identity": (lambda: stack(subclass(layers.Identity)(name="own")), "layer own (Identity)", "its class"),
    "own Involution2D": (lambda: stack(subclass(iu.Involution2D)(3, name="own")), "layer own", "its class"),
    "own generator": (lambda: with_generator(subclass(iu.KernelGenerator)(name="g")), "layer g", "KernelGenerator"),
    "own relu": (lambda: stack(layers.Conv2D(2, 1, activation=relu, name="c")), "layer c", "activation relu"),
    "gelu": (lambda: stack(layers.Activation("gelu", name="a")), "layer a (Activation)", "activation gelu"),
    "ReLU with a maximum": (lambda: stack(layers.ReLU(6.0, name="r")), "layer r (ReLU)", "max_value 6"),
    "channels first": (
        lambda: stack(layers.MaxPooling2D(2, data_format="channels_first", name="p")),
        "p",
        "channels_last",
    ),
    "unknown": (lambda: stack(layers.Conv2DTranspose(3, 2, name="up")), "layer up (Conv2DTranspose)", "It knows"),
    "used twice": (used_twice, "layer c (Conv2D)", "2 calls"),
    "in training": (
        lambda: functional(lambda x: layers.BatchNormalization(name="n")(x, training=True)),
        "layer n (BatchNormalization)",
        "further arguments",
    ),
    "an operation": (lambda: functional(lambda x: 2 * x), "made of layers alone", "ultiply"),
    "rows added to a map": (
        lambda: functional(lambda x: layers.Add(name="a")([x, layers.MaxPooling2D((8, 1))(x)])),
        "layer a (Add)",
        "one shape",
    ),
    "sigmoid at the end": (
        lambda: keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), layers.Dense(2, activation="sigmoid")]),
        "ends in logits or in softmax",
        "sigmoid",
    ),
    "model of its own": (own_model, "of no class of its own", "Model"),
    "unknown size": (lambda: stack(layers.Conv2D(3, 1), shape=(None, 8, 3)), "from one image of known size", "None"),
    "four channels": (lambda: stack(layers.Conv2D(3, 1), shape=(8, 8, 4)), "1 or 3", "(None, 8, 8, 4)"),
    "not built": (lambda: keras.Sequential([layers.Dense(2)]), "from one image of known size", "[]"),
    "no model": (lambda: "model", "functional or sequential Keras model", "str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_page_cannot_compute_exactly_is_refused_by_name(name):
    make, *words = REFUSED[name]
    with pytest.raises(ParameterError) as caught:
        translate(make())
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)
