"""Set up what has to stand before the backend is imported, and Hypothesis's two profiles."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import keras

if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)  # gradients are checked in float64

hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
