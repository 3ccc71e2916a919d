"""Carry a trained network into ONNX, SavedModel or LiteRT by Keras's own `export`, and compare the file with Keras."""

import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from involution_utils import checks
from involution_utils.execution import plain_operations

FORMATS = {"onnx": ".onnx", "saved_model": "", "litert": ".tflite"}  # and how their files end
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
    batch sizes, and on two image sizes where the model leaves the size open. It gets its name only if each output
    agrees to 1e-4 of its largest value, or to 1e-2 if the model computes in float16.

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
    if target.is_dir() and not (format == "saved_model" and _is_saved_model(target)):
        raise checks.error("path", "a new name, and there is a folder of that name", str(path))
    for name in ("onnx", "onnxruntime", "tf2onnx") if format == "onnx" else ():
        checks.extra(name, "export")
    if keras.backend.backend() != "tensorflow":
        raise checks.ParameterError("`export` needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow at first")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
        part = Path(folder) / target.name
        images = _images(model)
        expected = [_outputs(model(x, training=False)) for x in images]
        try:
            with plain_operations(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of NumPy, for what Keras asks it
                model.export(part, {"saved_model": "tf_saved_model"}.get(format, format), verbose=False)
            run = _RUNTIMES[format](part)
            found = [_outputs(run(x)) for x in images]
        except Exception as problem:  # of any kind: converters and runtimes raise what they like
            reason = str(problem).strip().split("\n")[0][:300] or type(problem).__name__
            raise ExportError(f"{model.name} cannot be exported as {format}: {reason}") from problem
        _compare(model, format, expected, found)
        if target.is_dir():
            os.replace(target, Path(folder) / "earlier")
        os.replace(part, target)
    return target


def _is_saved_model(folder: Path) -> bool:
    """Whether `folder` holds a SavedModel and nothing else."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    own = re.compile(r"(saved_model|fingerprint)\.pb|assets|variables(/variables\.(index|data-\d+-of-\d+))?")
    return "saved_model.pb" in names and all(map(own.fullmatch, names))


def _images(model: keras.Model) -> list[np.ndarray]:
    """Make random images of two batch sizes, and of two sizes where the model leaves them open."""
    batch, *others = model.inputs[0].shape
    shapes = [(batch or images, *(size if n is None else n for n in others)) for images, size in CASES]
    rng, dtype = np.random.default_rng(0), keras.backend.standardize_dtype(model.inputs[0].dtype)
    return [rng.random(shape).astype(dtype) for shape in dict.fromkeys(shapes)]


def _outputs(outputs: Any) -> list[np.ndarray]:
    return [np.asarray(keras.ops.convert_to_numpy(x), "float32") for x in keras.tree.flatten(outputs)]


def _compare(model: Any, format: str, expected: list[list[np.ndarray]], found: list[list[np.ndarray]]) -> None:
    half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in (model, *model.layers))
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    for ours, theirs in zip(expected, found, strict=True):
        shapes = [[x.shape for x in outputs] for outputs in (theirs, ours)]
        if shapes[0] != shapes[1]:
            raise ExportError(f"{model.name} as {format} gives outputs of shapes {shapes[0]}, Keras {shapes[1]}")
        for right, wrong in zip(ours, theirs, strict=True):
            gap, most = np.abs(right - wrong).max(initial=0), np.abs(right).max(initial=0)
            if not gap <= tolerance * most:
                what = f"{gap:.1e} where the largest output is {most:.1e}; {tolerance:.0e} of it is allowed"
                raise ExportError(f"{model.name} as {format} differs from Keras by {what}")


def _onnx(path: Path) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {session.get_inputs()[0].name: images})


def _saved_model(path: Path) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return lambda images: loaded.serve(images)  # which alone would not keep the variables alive


def _litert(path: Path) -> Any:
    import tensorflow as tf

    # The signature names the outputs, as Keras does; the interpreter's own list has them in any order.
    run = tf.lite.Interpreter(str(path), num_threads=1).get_signature_runner()
    (name,) = run.get_input_details()
    return lambda images: [x for _, x in sorted(run(**{name: images}).items(), key=lambda one: (len(one[0]), one[0]))]


_RUNTIMES = {"onnx": _onnx, "saved_model": _saved_model, "litert": _litert}
