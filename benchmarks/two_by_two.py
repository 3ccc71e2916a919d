"""Why involution without patches is fast: patches or shifted images, without or with XLA, each on the same numbers.

Prints the milliseconds of the forward pass and writes `results/two_by_two.json`. Run it with
`python benchmarks/two_by_two.py`, on a machine that does nothing else.
"""

import itertools

import forms
from timing import RESULTS, medians, rounded

from involution_utils.records import provenance, save_json

SHAPES = [shape for shape in forms.SHAPES if shape[-1] == 1]


def shifts_involution(inputs, kernels, stride):
    """Add up, tap by tap, the shifted image times that tap of the kernels; stride 1 alone."""
    import tensorflow as tf

    _, rows, columns, size, _, groups = kernels.shape
    edge = [(size - 1) // 2, size // 2]
    image = tf.pad(inputs, [[0, 0], edge, edge, [0, 0]])
    image = tf.reshape(image, (*image.shape[:3], groups, -1))
    total = 0
    for u, v in itertools.product(range(size), repeat=2):
        total += kernels[:, :, :, u, v, :, None] * image[:, u : u + rows, v : v + columns]
    return tf.reshape(total, inputs.shape)


def measure(shape, repeats):
    """Median seconds of the four combinations, by their names; they are checked against one another first."""
    import numpy as np
    import tensorflow as tf

    inputs, kernels, _ = (tf.constant(array) for array in forms.arrays(shape))
    functions = {}
    for (form, involve), xla in itertools.product(
        {"patches": forms.patches_involution, "shifts": shifts_involution}.items(), (False, True)
    ):
        compiled = tf.function(lambda x, k, involve=involve: involve(x, k, 1), jit_compile=xla)
        functions[form + (", XLA" if xla else "")] = lambda compiled=compiled: compiled(inputs, kernels)
    first, *others = (function().numpy() for function in functions.values())
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-3)
    return medians(functions, repeats)


def main():
    rows = []
    for shape in SHAPES:
        rows.append({"shape": list(shape), "seconds": rounded(measure(shape, 15))})
        print(*shape, *(f"{name} {1000 * value:.3g} ms;" for name, value in rows[-1]["seconds"].items()), flush=True)
    record = {
        "command": "python benchmarks/two_by_two.py",
        "shape": "batch, height = width, channels, kernel, groups, stride; float32, forward pass",
        "rows": rows,
        **provenance(),
    }
    save_json(record, RESULTS / "two_by_two.json")
    print("written to results/two_by_two.json")


if __name__ == "__main__":
    main()
