"""Involution (Li et al., CVPR 2021) in Keras 3: the operation, the layer, the classifiers and what the notebooks need.

The names below load their module on first use, so that a tool that needs none of them starts at once.
"""

import importlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's C++ code: errors alone

_HOMES = {
    "involution": "ops",
    "window_products": "ops",
    "AttentionKernelGenerator": "layers",
    "Involution2D": "layers",
    "KernelGenerator": "layers",
    "ImageDataset": "data",
    "load_dataset": "data",
    **dict.fromkeys(
        (
            "conv_classifier",
            "involution_classifier",
            "layer_kernels",
            "load_official_weights",
            "matched_widths",
            "multiply_adds",
            "parameters",
            "rednet",
            "small_rednet",
            "spatial_share",
        ),
        "models",
    ),
    **dict.fromkeys(
        (
            "check_parameters",
            "cosine_adamw",
            "load_results",
            "load_trained",
            "mean_interval",
            "record",
            "record_path",
            "save_json",
            "save_model",
            "train",
        ),
        "training",
    ),
}
__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'involution_utils' has no attribute {name!r}; public names: {', '.join(_HOMES)}")
    _import_keras_quietly()
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *_HOMES])


def _import_keras_quietly():
    """Import Keras without TensorFlow's start-up lines, which its C++ code writes straight to file descriptor 2."""
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
