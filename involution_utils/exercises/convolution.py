"""The checks of notebook 01."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import Verdict, is_stub, judge, numbers, show


def check_parameter_count(answer: Any) -> Verdict:
    """Check the number of parameters of `keras.layers.Conv2D(64, kernel_size=5)` on 32 input channels.

    Args:
        answer: the number, biases included.
    """
    right, number = 64 * (32 * 5 * 5 + 1), numbers(answer)
    mistakes = {
        "the biases are missing.": (64 * 32 * 25,),
        "a kernel of size 5 has 5 rows and 5 columns.": (64 * (32 * 5 + 1), 64 * 32 * 5),
        "the weights are right, the biases are not: what has one?": (right - 32, right + 64 * 31, right - 63),
        "each output channel looks at all 32 input channels.": (64 * 26, 64 * 25, 32 * 26, 32 * 25),
        "this is one output channel; the layer has 64.": (32 * 25 + 1,),
    }
    if is_stub(answer):
        return Verdict(False, "Not answered yet: put your number in place of None.")
    if number is None or number.ndim or np.isnan(number):
        return Verdict(False, f"Not yet: the answer is a number; this is {show(answer)}.")
    if number == right:
        return Verdict(True, "Right: 5 x 5 weights for each pair of channels, and a bias for each output channel.")
    wrong = f"{show(float(number))} is too {'small' if number < right else 'large'}; count one output channel first."
    return Verdict(False, f"Not yet: {next((hint for hint, known in mistakes.items() if number in known), wrong)}")


def check_receptive_field(answer: Any) -> Verdict:
    """Check `receptive_field(layers)`.

    Args:
        answer: function of a list of (kernel_size, stride), first layer first. It returns how many input pixels, along
            one axis, an output of the last layer depends on.
    """

    def receptive_field(layers, *, own=lambda step, s: step, following=lambda step, s: step * s):
        field = step = 1
        for size, stride in layers:
            field += (size - 1) * own(step, stride)
            step = following(step, stride)
        return field

    def in_wrong_direction(layers):
        field = 1
        for size, stride in layers:
            field = (field - 1) * stride + size
        return field

    mistakes = {
        "the strides have no effect.": lambda layers: receptive_field(layers, following=lambda step, s: 1),
        "sizes are added; two layers of size 3 see 5 pixels, not 6.": lambda layers: sum(k for k, _ in layers),
        "sizes are multiplied; two layers of size 3 see 5 pixels, not 9.": lambda layers: np.prod(
            [k for k, _ in layers]
        ),
        "a stride widens the steps of the layers after it, not those of its own layer.": (
            lambda layers: receptive_field(layers, own=lambda step, s: step * s)
        ),
        "all earlier strides count; how wide a step do two strides of 3 make together?": (
            lambda layers: receptive_field(layers, following=lambda step, s: s),
            lambda layers: receptive_field(layers, following=lambda step, s: step + s),
        ),
        "this rule leads from the last layer back to the first; yours starts at the first.": in_wrong_direction,
    }
    cases = [([(3, 1)],), ([(3, 1), (5, 1)],), ([(3, 2), (4, 1)],), ([(2, 2), (5, 3), (3, 1), (7, 2)],)]
    praise = "each layer adds its kernel size less one, in steps of the earlier strides multiplied."
    return judge(answer, cases, receptive_field, praise, mistakes)


def check_strided_convolution(answer: Any) -> Verdict:
    """Check `convolve_strided(image, kernel, stride)`.

    Args:
        answer: function of an image (H, W), a kernel (K_h, K_w) and a stride. It returns the 2-D array that Keras's
            `Conv2D` computes from them with padding "valid".
    """

    def convolve_strided(image, kernel, stride, *, steps=None, count=lambda room, stride: room // stride + 1):
        down, right = steps or (stride, stride)
        rows, columns = (count(n - k, stride) for n, k in zip(image.shape, kernel.shape, strict=True))
        windows = sliding_window_view(image, kernel.shape)[::down, ::right][:rows, :columns]
        return np.einsum("ijuv,uv->ij", windows, kernel)

    mistakes = {
        "the kernel is flipped; Keras does not flip it.": lambda x, k, s: convolve_strided(x, k[::-1, ::-1], s),
        "rows and columns of the kernel are swapped.": lambda x, k, s: convolve_strided(x, k.T, s),
        "the last window is missing: how many windows of 3 pixels fit into 5?": (
            lambda x, k, s: convolve_strided(x, k, s, count=lambda room, s: room // s),
            lambda x, k, s: convolve_strided(x, k, s, count=lambda room, s: -(-room // s)),
            lambda x, k, s: convolve_strided(x, k, s, count=lambda room, s: (room + 1) // s),
        ),
        "the stride acts on one axis only.": (
            lambda x, k, s: convolve_strided(x, k, s, steps=(s, 1)),
            lambda x, k, s: convolve_strided(x, k, s, steps=(1, s)),
            lambda x, k, s: convolve_strided(x, k, s, steps=(s, 1), count=lambda room, s: None),
            lambda x, k, s: convolve_strided(x, k, s, steps=(1, s), count=lambda room, s: None),
        ),
        "the size is right, but where does the window of output (i, j) start?": (
            lambda x, k, s: convolve_strided(x, k, s, steps=(1, 1))
        ),
        "the stride has no effect.": lambda x, k, s: convolve_strided(x, k, 1),
        'the image is padded; with "valid" every window lies inside it.': (
            lambda x, k, s: convolve_strided(np.pad(x, [(n // 2, n // 2) for n in k.shape]), k, s)
        ),
    }
    draw = np.random.default_rng(1).normal
    sizes = [((4, 5), (3, 3), 1), ((7, 10), (3, 3), 2), ((7, 5), (2, 3), 1), ((12, 10), (4, 2), 2)]
    sizes += [((9, 13), (3, 3), 3)]
    cases = [(draw(size=image), draw(size=kernel), stride) for image, kernel, stride in sizes]
    return judge(answer, cases, convolve_strided, "the kernel as it is, on windows one stride apart.", mistakes)
