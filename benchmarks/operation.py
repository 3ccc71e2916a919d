"""The operation beside an involution by patches: time, memory, first calls."""

import functools
import itertools
import time

import numpy as np
import tensorflow as tf

from benchmarks import forms
from benchmarks.timing import in_new_process, medians, peak_of_tensors, ratio, side_by_side
from involution_utils import involution
from involution_utils.execution import plain_operations

LARGEST = (8, 56, 64, 7, 4, 1)
HEIGHTS = (4, 160, 32, 3, 4, 1)


def row(what, shape, value, least=None, most=None, **more):
    """Return one row of the table, with the value that is aimed at: at `least` or at `most`."""
    target = f">= {least}" if most is None else f"<= {most}"
    met = value >= least if most is None else value <= most
    return {"what": what, "shape": list(shape), "value": value, "target": target, "met": met, **more}


def times(shape, rounds, rank=2):
    """Yield how many times as fast as patches the operation is."""
    ours, patches = (forms.calls(involve, shape, rank) for involve in (involution, forms.by_patches))
    for found, expected in zip(ours["forward + backward"](), patches["forward + backward"](), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    given = forms.tensors(shape, rank)[:2]
    functions = {f"{kind}, ours": call for kind, call in ours.items()}
    functions |= {f"{kind}, patches": call for kind, call in patches.items()}
    functions["eager forward, ours"] = lambda: involution(*given, strides=shape[-1])
    seconds = side_by_side(functions, rounds)
    axes = "" if rank == 2 else f"{rank}-D, "
    for kind, least in (("forward", 10), ("forward + backward", 10), ("eager forward", 1)):
        names = f"{kind.removeprefix('eager ')}, patches", f"{kind}, ours"
        what = f"{axes}{kind}, times faster than patches"
        yield row(what, shape, ratio(seconds, *names), least, seconds={n: medians(seconds)[n] for n in names})


def memory(shape):
    """Yield the peak memory of tensors, beyond inputs and results, as a share of that of patches."""
    ours, patches = (forms.calls(involve, shape) for involve in (involution, forms.by_patches))
    for kind in ours:
        extra = []
        for call in (ours[kind], patches[kind]):
            results = sum(result.numpy().nbytes for result in tf.nest.flatten(call()))
            extra.append(peak_of_tensors(call) - peak_of_tensors(lambda: None) - results)
        what = f"{kind}, peak extra memory as a share of that of patches"
        yield row(what, shape, extra[0] / extra[1], most=0.2, bytes=dict(zip(("ours", "patches"), extra, strict=True)))


def first_call(kind, shape):
    """Return the processor time of the first call of a program."""
    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))  # XLA itself starts up
    call = forms.calls(involution, shape)[kind]
    start = time.process_time()
    call()
    return time.process_time() - start


def heights(plain):
    """Return the processor time of the first calls for 120 heights: of the operation, or of one graph for any."""

    def graph(inputs, kernels):
        with plain_operations():
            return involution(inputs, kernels)

    inputs, kernels, _ = forms.tensors(HEIGHTS)
    specs = [tf.TensorSpec([HEIGHTS[0], None, *x.shape[2:]]) for x in (inputs, kernels)]
    function = tf.function(graph, input_signature=specs) if plain else involution
    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))
    start = time.process_time()
    for height in range(HEIGHTS[1] - 119, HEIGHTS[1] + 1):
        function(inputs[:, :height], kernels[:, :height])
    return time.process_time() - start


def benchmark(quick):
    """Yield all rows."""
    shapes, rounds = (forms.SHAPES[3:4], 2) if quick else (forms.SHAPES, 15)
    for shape in shapes:
        yield from times(shape, rounds)
    if quick:
        return
    for rank, shape in forms.OTHER_RANKS.items():
        yield from times(shape, rounds, rank)
    for shape in shapes:
        if shape[3] == 7:
            yield from memory(shape)
    ours, plain = (in_new_process(heights, plain) for plain in (False, True))
    yield row("120 different heights, times the time of a plain graph", HEIGHTS, ours / plain, most=3)
    for kind in ("forward", "forward + backward"):
        seconds = in_new_process(first_call, kind, LARGEST)
        yield row(f"{kind}, seconds of the first call", LARGEST, seconds, most=3)


def two_by_two(quick):
    """Yield why involution without patches is fast: seconds by patches and by shifts, without and with XLA."""
    for shape in [shape for shape in forms.SHAPES if shape[-1] == 1][: 1 if quick else None]:
        inputs, kernels, _ = forms.tensors(shape)
        functions = {}
        named = {"patches": forms.by_patches, "shifts": forms.by_shifts}
        for (name, involve), xla in itertools.product(named.items(), (False, True)):
            compiled = tf.function(involve, jit_compile=xla)
            functions[name + (", XLA" if xla else "")] = functools.partial(compiled, inputs, kernels, 1)
        first, *others = (function() for function in functions.values())
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-3)
        clock = time.perf_counter
        yield {"shape": list(shape), "seconds": medians(side_by_side(functions, 2 if quick else 15, clock))}
