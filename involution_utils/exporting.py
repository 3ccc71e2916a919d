"""Carry a trained network into ONNX, SavedModel or LiteRT by Keras's own `export`, and compare the file with Keras."""

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.execution import plain_operations

FORMATS = {"onnx": ".onnx", "saved_model": "", "litert": ".tflite"}  # and how their files end


class ExportError(RuntimeError):
    """The network has no equal in the wanted format; the message says why, and no file was left."""


def export(model: keras.Model, path: str | os.PathLike, format: str = "onnx") -> Path:
    """Write `model` for another runtime, in plain operations that need no code of this package.

    The file is written under a temporary name, loaded by its runtime and compared with Keras on random images: on two
    batch sizes, and on two image sizes where the model leaves the size open. It gets its name only if each output
    agrees to 1e-4 of its largest value, or to 1e-2 if the model computes in float16.

    Args:
        model: A built `keras.Model` with one floating-point input, whose open batch and sizes stay open.
        path: The file to write or replace, `.onnx` or `.tflite`; for `"saved_model"` a new folder.
        format: `"onnx"` (ONNX Runtime; needs the extra `export`), `"saved_model"` (TensorFlow) or `"litert"` (TF Lite).

    Returns:
        The path.

    Raises:
        ParameterError: If an argument is out of its range, or a package that the format needs is not installed.
        ExportError: If the model cannot be converted, the file does not load, or its outputs differ.
    """
    suffix = FORMATS[checks.choice("format", format, FORMATS)]
    if not isinstance(model, keras.Model) or len(getattr(model, "inputs", None) or ()) != 1:
        raise checks.error("model", "a built keras.Model with one input", model)
    if not isinstance(path, str | os.PathLike) or not Path(path).name or Path(path).suffix != suffix:
        raise checks.error("path", f"a file that ends in {suffix}" if suffix else "a folder, without a suffix", path)
    target = Path(path).expanduser()
    checks.folder("path", target.parent)
    if target.is_dir() or (not suffix and os.path.lexists(target)):
        raise checks.error("path", "a new name, and there is something of that name", str(path))
    for name in ("onnx", "onnxruntime", "tf2onnx") if format == "onnx" else ():
        checks.extra(name, "export")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
        part, batches = Path(folder) / target.name, _batches(model)
        expected = [_arrays(model(images, training=False)) for images in batches]
        try:
            with plain_operations(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of NumPy, for what Keras asks it
                model.export(part, {"saved_model": "tf_saved_model"}.get(format, format), verbose=False)
            run = _runtime(part, format)
            found = [_arrays(run(images)) for images in batches]
        except Exception as problem:  # of any kind: converters and runtimes raise what they like
            reason = str(problem).strip().split("\n")[0][:300] or type(problem).__name__
            raise ExportError(f"{model.name} cannot be exported as {format}: {reason}") from problem
        half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in (model, *model.layers))
        for ours, theirs in zip(expected, found, strict=True):
            _compare(f"{model.name} as {format}", ours, theirs, 1e-2 if half else 1e-4)
        os.replace(part, target)
    return target


def _batches(model: keras.Model) -> list[np.ndarray]:
    """Make random images of two batch sizes, and of two image sizes where the model leaves them open."""
    batch, *sizes = model.inputs[0].shape
    rng, dtype = np.random.default_rng(0), keras.backend.standardize_dtype(model.inputs[0].dtype)
    shapes = [(batch or count, *(n or size for n in sizes)) for count, size in ((1, 32), (3, 45))]
    return [rng.random(shape).astype(dtype) for shape in shapes]


def _arrays(outputs: Any) -> list[np.ndarray]:
    return [np.asarray(keras.ops.convert_to_numpy(x), "float32") for x in keras.tree.flatten(outputs)]


def _compare(what: str, ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    shapes = [[x.shape for x in outputs] for outputs in (theirs, ours)]
    if shapes[0] != shapes[1]:
        raise ExportError(f"{what} gives outputs of shapes {shapes[0]}, Keras {shapes[1]}")
    for right, found in zip(ours, theirs, strict=True):
        gap, most = np.abs(right - found).max(initial=0), np.abs(right).max(initial=0)
        if not gap <= tolerance * most:
            allowed = f"{gap:.1e} where the largest output is {most:.1e}; {tolerance:.0e} of it is allowed"
            raise ExportError(f"{what} differs from Keras by {allowed}")


def _runtime(path: Path, format: str) -> Any:
    """Load the file; return a function that computes with it."""
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {session.get_inputs()[0].name: images})
    import tensorflow as tf

    if format == "saved_model":
        loaded = tf.saved_model.load(path)
        return lambda images: loaded.serve(images)  # which alone would not keep the variables alive
    # The signature names the outputs, as Keras does; the interpreter's own list has them in any order.
    run = tf.lite.Interpreter(str(path), num_threads=1).get_signature_runner()
    (name,) = run.get_input_details()
    return lambda images: [x for _, x in sorted(run(**{name: images}).items(), key=lambda one: (len(one[0]), one[0]))]
