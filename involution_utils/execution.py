"""How the operation runs: the one place that decides.

On TensorFlow a bilinear form becomes one XLA program where all sizes but the batch are known, for at most `MAX_SHAPES`
shapes. Elsewhere plain operations do it, for images of rank 5 at most: where sizes are unknown, past that number, where
TensorFlow lacks XLA, inside `plain_operations`, and while a model is exported, since few readers of exported files know
XLA. JAX compiles by itself. PyTorch runs plain operations.
"""

import contextlib
import contextvars
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras
from keras import ops

from involution_utils.window import is_known

MAX_SHAPES = 8  # for each form, types and channels; a program takes some 0.2 s and 2 MiB, which are never freed
EXPORTERS = ("keras.src.export.", "tf2onnx.", "tensorflow.lite.", "tensorflow.python.saved_model.")
JACOBIANS = "tensorflow.python.ops.parallel_for."  # which vectorizes plain operations alone

_plain = contextvars.ContextVar("plain", default=False)
_programs: dict[tuple, dict[tuple, Callable]] = {}


class Form(Protocol):
    """A function of two tensors, linear in each of them, whose derivatives are such forms again."""

    @property
    def sizes(self) -> tuple:
        """The spatial sizes of the inputs; tensors where they are unknown."""

    def __call__(self, first: Any, second: Any, /) -> Any:
        """Compute it by operations that each store their result."""

    def fused(self, first: Any, second: Any) -> Any:
        """Compute it for a compiler that fuses operations; the result is to go through `flat`."""

    def flat(self, result: Any) -> Any:
        """Give the result of `fused` its shape, outside of the compiled program."""

    def shape(self, first: tuple, second: tuple) -> tuple:
        """Return the shape of the result for the shapes of the arguments."""

    def gradients(self, first: Any, second: Any, upstream: Any, numbers: tuple[int, ...] = (0, 1)) -> list:
        """Return the gradients with respect to the arguments of these `numbers`, computed by `run`."""


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Trace the operation as plain operations of the backend inside the block, for exporters of any kind.

    Exports by Keras, tf2onnx, TensorFlow Lite or SavedModel need no such block, unless they are given a function that
    was traced before.
    """
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def run(form: Form, first: Any, second: Any) -> Any:
    """Apply the bilinear `form` to two tensors; the result can be differentiated to any order."""
    if keras.backend.backend() == "jax" and not _plain.get():
        return _primitive().bind(first, second, form=form)
    if keras.backend.backend() != "tensorflow" or _plain.get():  # a file holds no gradient of our own
        return form(first, second)
    program = _tensorflow_program(form, first, second)

    @ops.custom_gradient
    def differentiable(first, second):
        with _unrecorded():
            result = program(first, second)
        return result, lambda upstream: form.gradients(first, second, upstream)

    return differentiable(first, second)


# TensorFlow


def _unrecorded():
    """Hide eager operations from tapes and forward accumulators, which differentiate the custom gradient in any case.

    They would differentiate the XLA program too, whose operations have no second gradients. In a graph, accumulators
    need to see the operations.
    """
    import tensorflow as tf

    try:
        from tensorflow.python.eager.record import stop_recording  # it has no public name
    except ImportError:
        return contextlib.nullcontext()
    return stop_recording() if tf.executing_eagerly() else contextlib.nullcontext()


def _tensorflow_program(form, first, second):
    """Return what computes `form` for arguments like `first` and `second`: XLA, a graph for any sizes, or `form`."""
    import tensorflow as tf

    # A partial has no code of its own: TensorFlow would take the programs for one function that is traced too often.
    eager = tf.executing_eagerly()
    if _plain.get() or (not eager and _wants_plain()):
        return form
    kind = dataclasses.replace(form, sizes=())
    arguments = tuple((len(x.shape), x.shape[-1], x.dtype) for x in (first, second))
    if None not in (*first.shape[1:], *second.shape[1:]) and all(map(is_known, form.sizes)) and _xla_works():
        programs = _programs.setdefault((kind, arguments), {})
        shape = (*first.shape, *second.shape, *form.sizes)
        if shape not in programs and len(programs) < MAX_SHAPES:
            programs[shape] = tf.function(functools.partial(form.fused), jit_compile=True, autograph=False)
        if shape in programs:
            return lambda first, second: form.flat(programs[shape](first, second))
    if not eager:
        return form
    graph = _graph_for_any_sizes(kind, *arguments)
    return lambda first, second: graph(first, second, tf.constant(form.sizes))


@functools.cache
def _graph_for_any_sizes(form, *arguments):
    import tensorflow as tf

    specs = [tf.TensorSpec([None] * (rank - 1) + [channels], dtype) for rank, channels, dtype in arguments]
    rank = arguments[0][0] - 2

    def graph(first, second, sizes):
        return dataclasses.replace(form, sizes=tuple(tf.unstack(sizes)))(first, second)

    signature = [*specs, tf.TensorSpec([rank], "int32")]
    return tf.function(functools.partial(graph), input_signature=signature, autograph=False)


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


def _wants_plain():
    """Whether an exporter or a Jacobian is among the callers; Keras traces alike for `export` and `predict`."""
    frame = sys._getframe()
    while frame is not None:
        if f"{frame.f_globals.get('__name__', '')}.".startswith((*EXPORTERS, JACOBIANS)):
            return True
        frame = frame.f_back
    return False


# JAX


@functools.cache
def _primitive():
    """Make a JAX primitive of bilinear forms, which JAX differentiates in both modes, batches and compiles."""
    import jax
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    primitive = Primitive("involution")

    @functools.lru_cache(256)
    def jitted(form):
        return jax.jit(lambda first, second: form.flat(form.fused(first, second)))

    def batch(arguments, axes, *, form):
        count = next(x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None)
        first, second = (
            jax.numpy.broadcast_to(x, (count, *x.shape)) if axis is None else jax.numpy.moveaxis(x, axis, 0)
            for x, axis in zip(arguments, axes, strict=True)
        )
        images = first.shape[1]  # not -1, which an empty batch leaves undetermined
        result = primitive.bind(*(x.reshape(count * images, *x.shape[2:]) for x in (first, second)), form=form)
        return result.reshape(count, images, *result.shape[1:]), 0

    def transpose(number):
        def rule(cotangent, first, second, *, form):
            return form.gradients(first, second, cotangent, (number,))[0]

        return rule

    primitive.def_impl(lambda first, second, *, form: jitted(form)(first, second))
    primitive.def_abstract_eval(
        lambda first, second, *, form: jax.core.ShapedArray(form.shape(first.shape, second.shape), form.dtype)
    )
    mlir.register_lowering(
        primitive, mlir.lower_fun(lambda *x, form: form.flat(form.fused(*x)), multiple_results=False)
    )
    ad.defbilinear(primitive, transpose(0), transpose(1))
    batching.primitive_batchers[primitive] = batch
    return primitive
