"""Exported files: each agrees with Keras in its own runtime, and what does not agree is refused and leaves nothing."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import layers

import involution_utils as iu
from involution_utils import exporting

if keras.backend.backend() != "tensorflow":
    pytest.skip("export needs TensorFlow", allow_module_level=True)
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

LAYERS = {1: iu.Involution1D, 2: iu.Involution2D, 3: iu.Involution3D}


def small_model(rank=2, size=None, **settings):
    inputs = keras.Input((size,) * rank + (4,))
    return keras.Model(inputs, LAYERS[rank](3, groups=2, reduction_ratio=2, **settings)(inputs), name="small")


@pytest.mark.parametrize(("rank", "strides"), [(2, 2), pytest.param(3, 1, marks=pytest.mark.long)])
def test_onnx_agrees_for_batches_and_sizes_that_export_never_saw(tmp_path, rank, strides):
    model = small_model(rank, strides=strides)
    path = iu.export(model, tmp_path / "small.onnx")
    images = np.random.default_rng(1).normal(size=(5, *range(7, 7 + rank), 4)).astype("float32")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: images})[0]
    np.testing.assert_allclose(found, np.array(model(images)), atol=1e-5)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.long
def test_a_saved_model_agrees_and_no_folder_is_replaced(tmp_path):
    import tensorflow as tf

    model, path = small_model(), tmp_path / "small"
    loaded = tf.saved_model.load(iu.export(model, path, "saved_model"))
    images = np.random.default_rng(1).normal(size=(5, 7, 8, 4)).astype("float32")
    np.testing.assert_allclose(loaded.serve(images), np.array(model(images)), atol=1e-5)
    (path / "assets" / "thesis.txt").write_text("years of work")
    with pytest.raises(iu.ParameterError, match="`path` must be a new name"):
        iu.export(model, path, "saved_model")
    assert (path / "assets" / "thesis.txt").read_text() == "years of work"


@pytest.mark.long
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_two_outputs_keep_their_order(tmp_path, format):
    """`export` itself compares the outputs; LiteRT's interpreter lists them the other way around."""
    inputs = keras.Input((6, 6, 4))
    outputs = iu.Involution2D(3, groups=2)(inputs)
    model = keras.Model(inputs, [layers.Conv2D(2, 1)(outputs), layers.Conv2D(3, 1)(outputs)])
    path = iu.export(model, tmp_path / f"two{exporting.FORMATS[format]}", format)
    assert list(tmp_path.iterdir()) == [path]


class Copier(keras.Model):
    """A model whose export writes nothing of it."""

    def export(self, path, *arguments, **settings):
        path.write_text("half a file")


@pytest.fixture
def copy(monkeypatch, tmp_path):
    """A function that exports a small model, whose runtime gives what `wrong` makes of the right outputs."""

    def copy(wrong, size=1.0):
        inputs = keras.Input((8, 8, 4))
        model = Copier(inputs, layers.Rescaling(size)(layers.Conv2D(4, 3, padding="same")(inputs)), name="small")
        monkeypatch.setattr(exporting, "_runtime", lambda *file: lambda images: wrong(np.array(model(images))))
        return iu.export(model, tmp_path / "small.onnx")

    return copy


@pytest.mark.parametrize("size", [1e-6, 1e6])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda y: y + 1.1e-4 * np.abs(y).max(), "differs from Keras by .* 1e-04 of it is allowed"),
        (lambda y: 0 * y, "differs from Keras"),
        (lambda y: y * np.nan, "differs from Keras by nan"),
        (lambda y: y[:, 1:], r"gives outputs of shapes \[\(1, 7, 8, 4\)\]"),
    ],
)
def test_a_file_that_differs_is_refused_and_leaves_nothing(tmp_path, copy, wrong, words, size):
    with pytest.raises(exporting.ExportError, match=words):
        copy(wrong, size)
    assert list(tmp_path.iterdir()) == []
    assert copy(lambda y: y * (1 + 5e-5), size).exists()


def test_a_file_that_does_not_load_is_refused_and_the_one_before_stays(tmp_path, copy):
    def fails(outputs):
        raise RuntimeError("no such operation\nand more")

    (tmp_path / "small.onnx").write_text("before")
    with pytest.raises(exporting.ExportError, match=r"^small cannot be exported as onnx: no such operation$"):
        copy(fails)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("small.onnx", "torchscript"), '`format` must be "onnx", "saved_model" or "litert"'),
        (("small.h5", "onnx"), "`path` must be a file that ends in .onnx"),
        (("small.onnx", "saved_model"), "`path` must be a folder, without a suffix"),
        (("folder", "saved_model"), "`path` must be a new name"),
        (("file", "saved_model"), "`path` must be a new name"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path, arguments, words):
    name, format = arguments
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(iu.ParameterError, match=words):
        iu.export(small_model(), tmp_path / name, format)
    with pytest.raises(iu.ParameterError, match=r"`model` must be a built keras.Model with one input"):
        iu.export(keras.Sequential([layers.ReLU()]), tmp_path / "model.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else found(name))
    with pytest.raises(iu.ParameterError, match=r'`tf2onnx` is needed .* pip install "involution-utils\[export\]"'):
        iu.export(small_model(), tmp_path / "small.onnx")


def half_precision():
    inputs = keras.Input((8, 8, 4))
    return keras.Model(inputs, iu.Involution2D(3, groups=2, dtype="mixed_float16")(inputs))


NETWORKS = {
    "conv_classifier": iu.conv_classifier,
    "involution_classifier": iu.involution_classifier,
    "repaired_involution_classifier": lambda: iu.repaired_involution_classifier((None, None, 3)),
    "rednet": lambda: iu.rednet(26, (64, 64, 3), 10),
    "signals": lambda: small_model(1, strides=2),
    "volumes": lambda: small_model(3, 6),
    "half precision": half_precision,
    **{
        f"small_rednet, {operator}": lambda operator=operator: iu.small_rednet((None, None, 3), operator=operator)
        for operator in ("involution", "attention", "static", "depthwise", "convolution", "pooling")
    },
}


@pytest.mark.long
@pytest.mark.parametrize("format", exporting.FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_exported(tmp_path, name, format):
    """`export` itself compares the outputs."""
    assert iu.export(NETWORKS[name](), tmp_path / f"model{exporting.FORMATS[format]}", format).exists()
