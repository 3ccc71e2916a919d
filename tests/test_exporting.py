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


def ran(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


@pytest.mark.parametrize(("rank", "strides"), [(1, 2), (2, 1), (2, 2), (3, 1)])
def test_onnx_agrees_for_batches_and_sizes_that_export_never_saw(tmp_path, rank, strides):
    model = small_model(rank, strides=strides)
    path = iu.export(model, tmp_path / "small.onnx")
    images = np.random.default_rng(1).normal(size=(5, *range(7, 7 + rank), 4)).astype("float32")
    np.testing.assert_allclose(ran(path, images), np.array(model(images)), atol=1e-5)
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_model_agrees_and_can_be_trained_on(tmp_path):
    import tensorflow as tf

    model = small_model()
    loaded = tf.saved_model.load(iu.export(model, tmp_path / "small", "saved_model"))
    images = tf.constant(np.random.default_rng(1).normal(size=(5, 7, 8, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = loaded.serve(images)
    np.testing.assert_allclose(outputs, np.array(model(images)), atol=1e-5)
    assert float(tf.reduce_max(tf.abs(tape.gradient(outputs, images)))) > 0
    assert iu.export(model, tmp_path / "small", "saved_model") == tmp_path / "small"  # replaces itself


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_litert_agrees_for_one_to_three_axes(tmp_path, rank):
    """`export` itself compares the outputs."""
    path = iu.export(small_model(rank, 6), tmp_path / "small.tflite", "litert")
    assert list(tmp_path.iterdir()) == [path]


def test_litert_refuses_what_its_interpreter_does_not_load(tmp_path, monkeypatch):
    monkeypatch.setitem(exporting._WRITERS, "litert", lambda model, path: path.write_bytes(b"half a file"))
    with pytest.raises(exporting.ExportError, match="small cannot be exported as litert: "):
        iu.export(small_model(size=6), tmp_path / "small.tflite", "litert")
    assert list(tmp_path.iterdir()) == []


def test_keras_export_gives_a_valid_file_even_after_a_prediction_traced_the_model(tmp_path):
    model, images = small_model(size=8), np.random.default_rng(1).random((3, 8, 8, 4)).astype("float32")
    expected = model.predict(images, verbose=0)
    model.export(tmp_path / "keras.onnx", format="onnx", verbose=False)
    np.testing.assert_allclose(ran(tmp_path / "keras.onnx", images), expected, atol=1e-5)


def test_a_model_in_mixed_precision_is_exported(tmp_path):
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, iu.Involution2D(3, groups=2, dtype="mixed_float16")(inputs), name="half")
    images = np.random.default_rng(1).random((3, 8, 8, 4)).astype("float32")
    found = ran(iu.export(model, tmp_path / "half.onnx"), images)
    np.testing.assert_allclose(found, np.array(model(images)), atol=1e-2)


@pytest.fixture
def copier(monkeypatch):
    """A format that writes nothing of the model, and whose runtime gives what the test says."""

    def gives(run):
        monkeypatch.setitem(exporting._WRITERS, "onnx", lambda model, path: path.write_text("half a file"))
        monkeypatch.setitem(exporting._LOADERS, "onnx", lambda path: run)

    return gives


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            lambda y: y + 1.01e-3 * max(1, np.abs(y).max()),
            r"differs from Keras by 1.0e-03 on images of shape \(1, 8, 8, 4\); 1e-04 is allowed",
        ),
        (lambda y: y * np.nan, "differs from Keras by nan"),
        (lambda y: y[:, 1:], r"gives outputs of shapes \[\(1, 7, 8, 4\)\]"),
    ],
)
def test_a_file_that_differs_is_refused_and_leaves_nothing(tmp_path, copier, wrong, words):
    model = small_model(size=8)
    copier(lambda images: wrong(np.array(model(images))))
    with pytest.raises(exporting.ExportError, match=words):
        iu.export(model, tmp_path / "small.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_load_is_refused_and_the_one_before_stays(tmp_path, copier):
    def fails(images):
        raise RuntimeError("no such operation\nand more")

    copier(fails)
    (tmp_path / "small.onnx").write_text("before")
    with pytest.raises(exporting.ExportError, match=r"^small cannot be exported as onnx: no such operation$"):
        iu.export(small_model(size=8), tmp_path / "small.onnx")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("small.onnx", "torchscript"), '`format` must be "onnx", "saved_model" or "litert"'),
        (("small.h5", "onnx"), "`path` must be a file that ends in .onnx"),
        (("small.onnx", "saved_model"), "`path` must be a folder, without a suffix"),
        (("folder", "saved_model"), "`path` must be a new name"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path, arguments, words):
    name, format = arguments
    (tmp_path / "folder").mkdir()
    with pytest.raises(iu.ParameterError, match=words):
        iu.export(small_model(), tmp_path / name, format)
    with pytest.raises(iu.ParameterError, match=r"`model` must be a built keras.Model with one input"):
        iu.export(keras.Sequential([layers.ReLU()]), tmp_path / "model.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else found(name))
    with pytest.raises(ImportError, match=r'exporting as onnx needs tf2onnx: pip install "involution-utils\[export\]"'):
        iu.export(small_model(), tmp_path / "small.onnx")


NETWORKS = {
    "conv_classifier": iu.conv_classifier,
    "involution_classifier": iu.involution_classifier,
    "repaired_involution_classifier": lambda: iu.repaired_involution_classifier((None, None, 3)),
    "rednet": lambda: iu.rednet(26, (64, 64, 3), 10),
    **{
        f"small_rednet, {operator}": lambda operator=operator: iu.small_rednet((None, None, 3), operator=operator)
        for operator in iu.models.OPERATORS
    },
}


@pytest.mark.long
@pytest.mark.parametrize("format", exporting.FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_exported(tmp_path, name, format):
    """`export` itself compares the outputs."""
    assert iu.export(NETWORKS[name](), tmp_path / f"model{exporting.SUFFIXES[format]}", format).exists()


@pytest.mark.parametrize("more", ["thesis.txt", "assets/thesis.txt", "variables/thesis.txt", "other/saved_model.pb"])
def test_a_folder_with_more_than_a_saved_model_is_never_replaced(more, tmp_path):
    folder = tmp_path / "models"
    (folder / more).parent.mkdir(parents=True)
    (folder / more).write_text("years of work")
    (folder / "saved_model.pb").write_text("")
    with pytest.raises(ValueError, match="`path` must be a new name"):
        iu.export(small_model(), folder, "saved_model")
    assert (folder / more).read_text() == "years of work"
