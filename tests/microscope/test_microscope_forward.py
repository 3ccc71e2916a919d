"""The page's forward pass, in JavaScript under Node, against Keras."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from random_weights import randomized

import involution_utils as iu
from involution_utils import microscope
from involution_utils.checks import ParameterError

PASSES = "pixels.map((one) => globalThis.involution.forward(Float32Array.from(one)))"


@pytest.fixture
def compare(tmp_path, run_page):
    """A function that compares the page of a model with Keras, logits and kernels within 1e-4 of their size."""

    def compare(model, seed=0, images=None):
        if images is None:
            shape = (3, *model.input_shape[1:])
            images = np.random.default_rng(seed).integers(0, 256, shape).astype("uint8")
        page = microscope.page(model, images, tmp_path / "page.html")
        images = images.astype("float32") / 255 if images.dtype == "uint8" else images
        pixels = f"var pixels = {json.dumps(images.reshape(len(images), -1).tolist())}; 0"
        found = run_page(page, [pixels, PASSES])[1]
        logits = keras.ops.convert_to_numpy(model(images, training=False))
        assert logits.std() > 1e-3  # an answer that says something
        close(np.array([one["logits"] for one in found]), logits)
        kernels = iu.layer_kernels(model, images)
        assert list(found[0]["kernels"]) == list(kernels)
        for name, expected in kernels.items():
            close(np.array([one["kernels"][name] for one in found]), expected.reshape(len(images), -1))

    return compare


def close(found, expected):
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1, np.abs(expected).max()))


OPERATORS = ("involution", "depthwise", "static", "attention", "convolution", "pooling", "identity")


@pytest.mark.parametrize("operator", OPERATORS)
def test_small_rednet_with_each_operator(operator, compare):
    compare(randomized(iu.small_rednet(operator=operator)))


@pytest.mark.parametrize(
    "arguments", [{"normalization": "none"}, {"kernel_size": 3, "group_channels": 8}, {"kernel_size": 7}]
)
def test_small_rednet_with_other_arguments(arguments, compare):
    compare(randomized(iu.small_rednet(input_shape=(33, 21, 3), **arguments)))


@pytest.mark.parametrize("model", [iu.conv_classifier, iu.involution_classifier])
def test_the_classifiers(model, compare):
    compare(randomized(model(input_shape=(29, 34, 3))))


def test_the_committed_model(compare, tmp_path):
    compare(iu.load_trained("involution_classifier", tmp_path)[0], images=microscope.pictures())


def test_rednet_with_its_paddings(compare):
    compare(randomized(iu.rednet(26, input_shape=(62, 62, 3), num_classes=7)))


@pytest.mark.parametrize("seed", range(12))
def test_an_involution_of_any_kind(seed, compare):
    """Odd sizes, several groups, strides, dilation, all paddings, both generators."""
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(9, 16, 2))
    kernel = tuple(int(n) for n in rng.integers(1, 5, 2))
    strides = tuple(int(n) for n in rng.integers(1, 4, 2))
    groups = int(rng.choice([1, 2, 4]))
    padding = ["same", "valid", tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2))][seed % 3]
    settings = {"strides": strides, "groups": groups, "padding": padding, "dilation_rate": int(rng.integers(1, 3))}
    kind = iu.AttentionKernelGenerator if seed % 2 else iu.KernelGenerator
    inputs = keras.Input((*size, 3))
    outputs = layers.Conv2D(8, 3, padding="same")(inputs)
    outputs = iu.Involution2D(kernel, kernel_generator=kind(reduction_ratio=2), **settings)(outputs)
    outputs = layers.Dense(5)(layers.GlobalAveragePooling2D()(outputs))
    compare(randomized(keras.Model(inputs, outputs), seed), seed)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_the_other_layers(padding, strides, compare):
    inputs = keras.Input((19, 14, 3))
    x = layers.Rescaling(2.0, -1.0)(inputs)
    x = layers.RandomFlip()(x)
    x = layers.Conv2D(6, (3, 5), strides, padding, activation="silu")(x)
    x = layers.ZeroPadding2D(((1, 2), (0, 3)))(x)
    twice = layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2)(x)
    x = layers.concatenate([layers.DepthwiseConv2D(3, padding="same")(x), twice])
    x = layers.Conv2D(12, 3, 1, padding, groups=3, dilation_rate=1, activation="tanh")(x)
    x = layers.BatchNormalization(scale=False)(layers.Dropout(0.5)(x))
    x = layers.concatenate(
        [layers.MaxPooling2D(2, strides, padding)(x), layers.AveragePooling2D(2, strides, padding)(x)]
    )
    x = layers.Add()([layers.Conv2D(8, 1)(x), layers.Conv2D(8, 1, use_bias=False, activation="relu6")(x)])
    x = layers.Dense(7, activation="sigmoid")(layers.Flatten()(layers.Activation("relu")(x)))
    compare(randomized(keras.Model(inputs, layers.Dense(4)(x))), strides)


def test_a_model_of_the_readers(compare):
    """One channel, softmax at the end, trained for an epoch."""
    model = keras.Sequential(
        [
            keras.Input((11, 13, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            iu.Involution2D(3, groups=2),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(0)
    images, labels = rng.uniform(size=(64, 11, 13, 1)).astype("float32"), rng.integers(0, 3, 64)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=1, verbose=0)
    compare(randomized(model), images=(images[:2] * 255).astype("uint8"))


def test_frozen_kernels_are_those_of_lesioned(tmp_path, run_page):
    """What the page says with frozen kernels is what Keras says of the same lesions."""
    model, images = randomized(iu.small_rednet()), microscope.pictures()[:3]
    page = microscope.page(model, images, tmp_path / "page.html", dataset_kernels=means_of(model, images))
    for change, lesion in (("image", "image_mean"), ("dataset", "dataset_mean")):
        ask = f"Object.assign(state, {{change: '{change}', scope: 'all', image: 1}}); compute(); now.logits"
        expected = iu.lesioned(model, lesion, images)(images[1:2], training=False)
        close(np.array(run_page(page, [ask])[0]), keras.ops.convert_to_numpy(expected)[0])
    own = microscope.page(model, images, tmp_path / "own.html")  # the mean over the page's images
    ask = "Object.assign(state, {change: 'dataset', scope: 'all', image: 1}); compute(); now.logits"
    close(np.array(run_page(own, [ask])[0]), keras.ops.convert_to_numpy(expected)[0])


def means_of(model, images):
    return microscope.kernel_means(model, images)


def test_shuffled_kernels_are_the_same_in_another_order(tmp_path, run_page):
    model = randomized(iu.small_rednet())
    page = microscope.page(model, microscope.pictures()[:1], tmp_path / "page.html")
    ask = "Object.assign(state, {change: 'shuffled', scope: 'one'}); compute(); "
    ask += "[before.kernels, now.kernels].map((kernels) => kernels[layer().name])"
    before, now = (np.reshape(kernels, (-1, 50)) for kernels in run_page(page, [ask])[0])
    assert (before != now).any(1).mean() > 0.9
    np.testing.assert_array_equal(before[np.lexsort(before.T)], now[np.lexsort(now.T)])


def test_wrong_number_of_pixels(tmp_path, run_page):
    page = microscope.page(iu.involution_classifier(), microscope.pictures()[:1], tmp_path / "page.html")
    call = "globalThis.involution.forward(new Float32Array(5))"
    ask = f"(() => {{ try {{ {call}; }} catch (error) {{ return error.message; }} }})()"
    assert run_page(page, [ask]) == ["forward needs 32 x 32 x 3 = 3072 numbers, not 5."]


class Unknown(layers.Layer):
    def call(self, inputs):
        return inputs


def _model(*stack, shape=(8, 8, 3)):
    return keras.Sequential([keras.Input(shape), *stack, layers.GlobalAveragePooling2D(), layers.Dense(2)])


class OwnGenerator(iu.KernelGenerator):
    pass


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: _model(Unknown(name="mine")), "layer 'mine' (Unknown), which the microscope does not know"),
        (lambda: _model(layers.Conv2DTranspose(3, 2, name="up")), "layer 'up' (Conv2DTranspose)"),
        (lambda: _model(layers.Conv2D(2, 1, activation="gelu", name="c")), "whose activation, 'gelu'"),
        (lambda: _model(layers.LayerNormalization(name="n")), "layer 'n' (LayerNormalization)"),
        (
            lambda: _model(iu.Involution2D(3, kernel_generator=OwnGenerator(3), name="i")),
            "kernel generator, OwnGenerator",
        ),
        (lambda: _model(layers.Conv2D(3, 1), shape=(None, 8, 3)), "from one image of known size"),
        (lambda: _model(layers.Conv2D(3, 1), shape=(8, 8, 4)), "images of 1 or 3 channels"),
        (lambda: "model", "functional or sequential Keras model"),
    ],
)
def test_what_the_page_cannot_run_is_said_in_a_sentence(model, words, tmp_path):
    with pytest.raises(ParameterError) as caught:
        microscope.page(model(), np.zeros((1, 8, 8, 3)), tmp_path / "page.html")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
