"""Involution (Li et al., CVPR 2021) in Keras 3: the operation, the layers, the networks and what the notebooks need."""

import os
import subprocess
import sys

__version__ = "0.2.0"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's C++ code: errors alone
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")  # keeps freed tensors: fewer page faults

# Reads all that a process writes, and shows it unless the process says at the end, by a zero byte, that all went well.
_WATCHER = "import sys; text = sys.stdin.buffer.read(); sys.stderr.buffer.write(b'' if text.endswith(b'\\0') else text)"


def _import_keras_quietly():
    """Import Keras without TensorFlow's start-up lines, which its C++ code writes straight to file descriptor 2.

    They are held back by a process of its own, so that they are shown even if the import ends this one.
    """
    command = [sys.executable or "python", "-I", "-S", "-c", _WATCHER]
    try:
        stderr = os.dup(2)
        watcher = subprocess.Popen(command, stdin=subprocess.PIPE)
    except OSError:  # no file descriptor 2, or no process to be had
        import keras

        return
    os.dup2(watcher.stdin.fileno(), 2)
    try:
        import keras  # noqa: F401

        os.write(2, b"\0")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        watcher.stdin.close()
        watcher.wait()


if "keras" not in sys.modules:
    _import_keras_quietly()

from involution_utils.analysis import (  # noqa: E402
    effective_rank,
    explained_by_pixels,
    layer_kernels,
    lesioned,
    multiply_adds,
    parameters,
    reestimate_normalization,
    spatial_share,
)
from involution_utils.checks import ParameterError  # noqa: E402
from involution_utils.data import ImageDataset, load_dataset  # noqa: E402
from involution_utils.experiments import (  # noqa: E402
    load_measurements,
    load_records,
    load_results,
    mean_interval,
    record,
    save_json,
)
from involution_utils.exporting import export  # noqa: E402
from involution_utils.layers import (  # noqa: E402
    AttentionKernelGenerator,
    Involution1D,
    Involution2D,
    Involution3D,
    KernelGenerator,
)
from involution_utils.live import microscope  # noqa: E402
from involution_utils.models import (  # noqa: E402
    conv_classifier,
    involution_classifier,
    load_official_weights,
    load_pretrained,
    load_trained,
    rednet,
    repaired_involution_classifier,
    small_rednet,
)
from involution_utils.notebook_parameters import check_parameters  # noqa: E402
from involution_utils.ops import involution, window_products  # noqa: E402
from involution_utils.training import cosine_adamw, save_model, train  # noqa: E402

__all__ = [
    "AttentionKernelGenerator",
    "ImageDataset",
    "Involution1D",
    "Involution2D",
    "Involution3D",
    "KernelGenerator",
    "ParameterError",
    "check_parameters",
    "conv_classifier",
    "cosine_adamw",
    "effective_rank",
    "explained_by_pixels",
    "export",
    "involution",
    "involution_classifier",
    "layer_kernels",
    "lesioned",
    "load_dataset",
    "load_measurements",
    "load_official_weights",
    "load_pretrained",
    "load_records",
    "load_results",
    "load_trained",
    "mean_interval",
    "microscope",
    "multiply_adds",
    "parameters",
    "record",
    "rednet",
    "reestimate_normalization",
    "repaired_involution_classifier",
    "save_json",
    "save_model",
    "small_rednet",
    "spatial_share",
    "train",
    "window_products",
]
