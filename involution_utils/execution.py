"""How the operation runs: `run` decides.

On TensorFlow a bilinear form becomes one XLA program where all sizes but the batch are known, for at most `MAX_SHAPES`
shapes. Elsewhere plain operations do it: on JAX, which compiles and differentiates them, on PyTorch, where sizes are
unknown, past that number of shapes, where TensorFlow lacks XLA, inside `plain_operations` and in exported models.
"""

import contextlib
import contextvars
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras

from involution_utils.window import is_known

MAX_SHAPES = 8  # for each form, types and channels; a program takes some 0.2 s and 2 MiB, which are never freed
EXPORTERS = ("keras.src.export.", "tf2onnx.", "tensorflow.lite.", "tensorflow.python.saved_model.")
JACOBIANS = "tensorflow.python.ops.parallel_for."  # which vectorizes plain operations alone

_plain = contextvars.ContextVar("plain", default=False)
_programs: dict[tuple, dict[tuple, Callable]] = {}


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Trace the operation as plain operations of the backend inside the block, for exporters of any kind.

    Exports by Keras, tf2onnx, TensorFlow Lite or SavedModel need it only for a function that was traced before.
    """
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def run(form: Any, first: Any, second: Any) -> Any:
    """Apply a bilinear form to two tensors; the result can be differentiated to any order.

    Args:
        form: a hashable dataclass with the spatial `sizes` of its inputs. Called, it computes by plain operations, with
            `fused=True` by what XLA fuses best, up to a `flat` outside. Its `gradients` go through `run` again.
        first: the tensor that `form` takes first.
        second: the other one.
    """
    if keras.backend.backend() == "jax":
        return _jax_program()(form, first, second)
    if keras.backend.backend() != "tensorflow" or _plain.get():  # a file holds no gradient of our own
        return form(first, second)
    import tensorflow as tf

    program = _program(form, first, second)

    @tf.custom_gradient
    def differentiable(first, second):
        if tf.executing_eagerly():  # a forward accumulator would differentiate the program too, which it need not
            result = program(tf.stop_gradient(first), tf.stop_gradient(second))
        else:
            result = program(first, second)
        return result, lambda upstream: form.gradients(first, second, upstream)

    return differentiable(first, second)


def _program(form, first, second):
    """Return what computes `form` for tensors like these: an XLA program that is kept, or `form`."""
    import tensorflow as tf

    known = None not in (*first.shape[1:], *second.shape[1:]) and all(map(is_known, form.sizes))
    if not known or not _xla_works() or (not tf.executing_eagerly() and _is_called_by(*EXPORTERS, JACOBIANS)):
        return form
    kind = (dataclasses.replace(form, sizes=()), first.shape[-1], second.shape[-1], first.dtype, second.dtype)
    programs = _programs.setdefault(kind, {})
    shape = (*first.shape, *second.shape, *form.sizes)
    if shape not in programs:
        if len(programs) == MAX_SHAPES:
            return form
        # A partial has no code of its own: TensorFlow would take all for one function that is traced too often.
        programs[shape] = tf.function(functools.partial(form, fused=True), jit_compile=True, autograph=False)
    return lambda first, second: form.flat(programs[shape](first, second))


@functools.cache
def _jax_program():
    """Return what compiles a form, for calls outside of a compiled function too."""
    import jax

    return jax.jit(lambda form, first, second: form(first, second), static_argnums=0)


@functools.cache
def _xla_works():
    """Whether this TensorFlow can compile with XLA; builds for some platforms leave it out."""
    import tensorflow as tf

    with tf.init_scope():
        try:
            tf.function(lambda: tf.zeros(1) + 1, jit_compile=True)()
        except (tf.errors.OpError, NotImplementedError, ValueError):
            return False
    return True


def _is_called_by(*modules):
    """Whether one of these modules is among the callers.

    Keras traces alike for `predict` and `export`, and nothing else prevents an unreadable file that calls XLA programs.
    """
    frame = sys._getframe()
    while frame is not None:
        if f"{frame.f_globals.get('__name__', '')}.".startswith(modules):
            return True
        frame = frame.f_back
    return False
