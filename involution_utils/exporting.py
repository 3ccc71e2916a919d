"""Carry a trained network into ONNX, SavedModel or LiteRT, and compare each file with Keras before it is kept."""

import importlib.util
import os
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.execution import plain_operations

FORMATS = ("onnx", "saved_model", "litert")
SUFFIXES = {"onnx": ".onnx", "saved_model": "", "litert": ".tflite"}
TOLERANCE = 1e-4
HALF_TOLERANCE = 1e-2  # of models that compute in float16 or bfloat16
CASES = ((1, 32), (3, 45))  # (images, their size where the model leaves it open); even and odd


class ExportError(RuntimeError):
    """The network has no equal in the wanted format; the message says why, and no file was left."""

    def _render_traceback_(self) -> list[str]:
        return [f"ExportError: {self}"]


def export(model: keras.Model, path: str | os.PathLike, format: str = "onnx") -> Path:
    """Write `model` for another runtime, in plain operations that need no code of this package.

    The file is written under a temporary name, loaded by its runtime and compared with Keras on random images: on two
    batch sizes, and on two image sizes where the model leaves the size open. It gets its name only if all outputs agree
    to 1e-4, or to 1e-2 if the model computes in float16; where outputs exceed 1, that is relative to the largest.

    Args:
        model: A built `keras.Model` with one input, of floating-point numbers. Batch and sizes that its input leaves
            open stay open.
        path: The file to write, `.onnx` or `.tflite`; for `"saved_model"` the folder. What was there is replaced, but
            no folder other than a SavedModel.
        format: `"onnx"`, for ONNX Runtime (needs the extra `export`); `"saved_model"`, for TensorFlow; `"litert"`, for
            LiteRT, formerly TensorFlow Lite.

    Returns:
        The path.

    Raises:
        ParameterError: A ValueError, if an argument is out of its range.
        ImportError: If a package that the format needs is not installed.
        ExportError: If the model cannot be converted, the file does not load, or its outputs differ.
    """
    checks.choice("format", format, FORMATS)
    if not isinstance(model, keras.Model) or len(getattr(model, "inputs", None) or ()) != 1:
        raise checks.error("model", "a built keras.Model with one input", model)
    target = _check_path(path, format)
    if keras.backend.backend() != "tensorflow":
        message = f"`export` needs Keras on TensorFlow, and it runs on {keras.backend.backend()}"
        raise ImportError(f"{message}: set KERAS_BACKEND=tensorflow before Keras is imported")
    write, load = _WRITERS[format], _LOADERS[format]
    _check_packages(format)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
        part = Path(folder) / target.name
        cases = [(images, _outputs(model(images, training=False))) for images in _images(model)]
        try:
            with plain_operations():
                write(model, part)
            run = load(part)
            found = [_outputs(run(images)) for images, _ in cases]
        except Exception as problem:  # of any kind: converters and runtimes raise what they like
            reason = str(problem).strip().split("\n")[0][:300] or type(problem).__name__
            raise ExportError(f"{model.name} cannot be exported as {format}: {reason}") from problem
        _compare(model, format, cases, found)
        if target.is_dir():
            os.replace(target, Path(folder) / "earlier")
        os.replace(part, target)
    return target


def _check_path(path, format):
    suffix = SUFFIXES[format]
    if not isinstance(path, str | os.PathLike) or not Path(path).name or Path(path).suffix != suffix:
        raise checks.error("path", f"a file that ends in {suffix}" if suffix else "a folder, without a suffix", path)
    path = Path(path).expanduser()
    checks.folder("path", path.parent)
    if path.is_dir() and not (format == "saved_model" and _is_saved_model(path)):
        raise checks.error("path", "a new name, and there is a folder of that name", str(path))
    return path


def _is_saved_model(folder):
    """Whether `folder` holds a SavedModel and nothing else."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    own = re.compile(r"(saved_model|fingerprint)\.pb|assets|variables(/variables\.(index|data-\d+-of-\d+))?")
    return "saved_model.pb" in names and all(map(own.fullmatch, names))


def _check_packages(format):
    needed = ("onnx", "onnxruntime", "tf2onnx") if format == "onnx" else ()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise ImportError(f'exporting as {format} needs {names}: pip install "involution-utils[export]"')


def _images(model):
    """Make random images of two batch sizes, and of two sizes where the model leaves them open."""
    batch, *others = model.inputs[0].shape
    shapes = [(batch or images, *(size if n is None else n for n in others)) for images, size in CASES]
    rng = np.random.default_rng(0)
    dtype = keras.backend.standardize_dtype(model.inputs[0].dtype)
    return [rng.random(shape).astype(dtype) for shape in dict.fromkeys(shapes)]


def _outputs(outputs):
    return [np.asarray(keras.ops.convert_to_numpy(x), "float32") for x in keras.tree.flatten(outputs)]


def _compare(model, format, cases, found):
    half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in (model, *model.layers))
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    for (images, expected), outputs in zip(cases, found, strict=True):
        shapes = [[x.shape for x in outputs] for outputs in (expected, outputs)]
        if shapes[0] != shapes[1]:
            raise ExportError(f"{model.name} as {format} gives outputs of shapes {shapes[1]}, Keras {shapes[0]}")
        for ours, theirs in zip(expected, outputs, strict=True):
            difference = np.abs(ours - theirs).max() / max(1, np.abs(ours).max())
            if not difference <= tolerance:
                what = f"differs from Keras by {difference:.1e} on images of shape {images.shape}"
                raise ExportError(f"{model.name} as {format} {what}; {tolerance:.0e} is allowed")


# ONNX


def _write_onnx(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of NumPy, for what Keras asks it
        model.export(path, format="onnx", verbose=False)


def _load_onnx(path) -> Callable[[np.ndarray], Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})


# SavedModel


def _write_saved_model(model, path):
    model.export(path, format="tf_saved_model", verbose=False)


def _load_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return lambda images: loaded.serve(images)  # which alone would not keep the variables alive


# LiteRT


def _write_litert(model, path):
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, folder)
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _load_litert(path):
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path), num_threads=1)

    def run(images):
        (given,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(given["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return [interpreter.get_tensor(found["index"]) for found in interpreter.get_output_details()]

    return run


_WRITERS = {"onnx": _write_onnx, "saved_model": _write_saved_model, "litert": _write_litert}
_LOADERS = {"onnx": _load_onnx, "saved_model": _load_saved_model, "litert": _load_litert}
