"""The checks of notebook 01."""

import math
from typing import Any

import numpy as np
from scipy.signal import correlate2d

from involution_utils.exercises.judge import Verdict, is_stub, judge, numbers, show, unanswered, verdict


def check_parameter_count(answer: Any) -> Verdict:
    """Check the number of parameters of `keras.layers.Conv2D(64, kernel_size=5)` on 32 input channels.

    Args:
        answer: the number, biases included.
    """
    right, number = 64 * (32 * 5 * 5 + 1), numbers(answer)
    mistakes = {
        "the biases are missing.": (64 * 32 * 25,),
        "a kernel of size 5 has 5 rows and 5 columns.": (64 * (32 * 5 + 1), 64 * 32 * 5),
        "each output channel looks at all 32 input channels.": (64 * 26, 64 * 25, 32 * 26, 32 * 25),
        "this is one output channel; the layer has 64.": (32 * 25 + 1,),
    }
    if is_stub(answer):
        return unanswered("put your number in place of None.")
    if number is None or number.ndim or np.isnan(number):
        return verdict(f"the answer is a number; this is {show(answer)}.")
    wrong = f"{show(float(number))} is too {'small' if number < right else 'large'}; count one output channel first."
    problem = None if number == right else next((hint for hint, known in mistakes.items() if number in known), wrong)
    return verdict(problem, "5 x 5 weights for each pair of channels, and a bias for each output channel.")


def check_receptive_field(answer: Any) -> Verdict:
    """Check `receptive_field(layers)`.

    Args:
        answer: function of [(kernel_size, stride), ...], first layer first: how many pixels in a row an output sees.
    """

    def receptive_field(layers, *, step=math.prod):
        sizes, strides = zip(*layers, strict=True)
        return 1 + sum((size - 1) * step(strides[:number]) for number, size in enumerate(sizes))

    mistakes = {
        "the strides have no effect.": {"step": lambda strides: 1},
        "sizes are added; two layers of size 3 see 5 pixels, not 6.": lambda layers: sum(k for k, _ in layers),
        "a stride widens the steps of the layers after it, not those of its own layer.": (
            lambda layers: 1 + sum((k - 1) * np.prod(layers[: n + 1], axis=0)[1] for n, (k, _) in enumerate(layers))
        ),
        "all earlier strides count; how far apart are pixels after two strides of 3?": {
            "step": lambda strides: strides[-1] if strides else 1
        },
    }
    cases = [([(3, 1)],), ([(3, 1), (5, 1)],), ([(3, 2), (4, 1)],), ([(3, 2), (3, 2), (3, 1)],)]
    cases += [([(2, 2), (5, 3), (1, 2), (7, 2)],)]
    praise = "each layer adds its size less one, in steps of the product of all earlier strides."
    return judge(answer, cases, receptive_field, praise, mistakes)


def check_strided_convolution(answer: Any) -> Verdict:
    """Check `convolve_strided(image, kernel, stride)`.

    Args:
        answer: function of an image (H, W), a kernel (K_h, K_w) and a stride: `Conv2D` with padding "valid", in 2-D.
    """

    def convolve_strided(image, kernel, stride):
        return correlate2d(image, kernel, mode="valid")[::stride, ::stride]

    f = convolve_strided
    mistakes = {
        "the kernel is flipped; Keras does not flip it.": lambda x, k, s: f(x, k[::-1, ::-1], s),
        "the last window is missing: how many windows of 3 pixels fit into 5?": (
            lambda x, k, s: f(x, k, s)[:-1, :-1],
            lambda x, k, s: f(x[:-1, :-1], k, s),
        ),
        "the size is right, but where does the window of output (i, j) start?": (
            lambda x, k, s: f(x, k, 1)[tuple(map(slice, f(x, k, s).shape))]
        ),
        "the stride has no effect.": lambda x, k, s: f(x, k, 1),
        "the image is padded; here every window lies inside it.": (
            lambda x, k, s: f(np.pad(x, [(n // 2, n // 2) for n in k.shape]), k, s)
        ),
    }
    draw = np.random.default_rng(1).normal
    sizes = [((4, 5), (3, 3), 1), ((7, 10), (3, 3), 2), ((7, 5), (2, 3), 1), ((12, 10), (4, 2), 2)]
    cases = [(draw(size=image), draw(size=kernel), s) for image, kernel, s in [*sizes, ((9, 13), (3, 3), 3)]]
    return judge(answer, cases, convolve_strided, "the kernel as it is, on windows one stride apart.", mistakes)
