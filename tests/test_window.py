"""What the operation refuses, and how: the argument, what would be right, what was received."""

import re

import numpy as np
import pytest

from involution_utils.ops import involution, window_products

X, K = (2, 5, 6, 4), (2, 5, 6, 3, 3, 2)
PADDING = '`padding` must be "same", "valid" or ((before, after), (before, after)) in whole numbers of positions. '
NUMBERS = "must be a positive whole number or 2 of them. Received: "
REFUSED = [  # changes to good arguments, then what the message must say
    ({"inputs": (6, 4)}, "`inputs` must have rank 3, 4 or 5: batch, 1 to 3 spatial axes, channels.*(6, 4)"),
    ({"inputs": (1, 2, 3, 5, 6, 4)}, "`inputs` must have rank 3, 4 or 5.*(1, 2, 3, 5, 6, 4)"),
    ({"inputs": (5, 6, 4)}, "`kernels` must have rank 4.*(2, 5, 6, 3, 3, 2)"),
    (
        {"inputs": (1, 2, 5, 6, 4)},
        "`kernels` must have rank 8: batch, 3 spatial axes,.* 3 of the kernel, groups",
    ),
    ({"kernels": (2, 5, 6, 3, 3, 3)}, "`groups` must divide the 4 channels of `inputs`. Received: groups=3"),
    ({"kernels": (2, 5, 6, 0, 3, 2)}, "`kernels` must have rank 6.*known.*(2, 5, 6, 0, 3, 2)"),
    ({"inputs": (2, 5, 6, 0)}, "`inputs` must have a known number of channels, at least 1.*(2, 5, 6, 0)"),
    ({"kernels": (3, 5, 6, 3, 3, 2)}, "`kernels` must have shape (2, 5, 6, 3, 3, 2).*(3, 5, 6, 3, 3, 2)"),
    ({"kernels": (2, 6, 5, 3, 3, 2)}, "`kernels` must have shape (2, 5, 6, 3, 3, 2).*(2, 6, 5, 3, 3, 2)"),
    ({"padding": "valid"}, "`kernels` must have shape (2, 3, 4, 3, 3, 2).*padding 'valid'"),
    ({"strides": 2}, "`kernels` must have shape (2, 3, 3, 3, 3, 2).*strides (2, 2)"),
    (
        {"padding": "valid", "dilation_rate": 3},
        '`inputs` must be as large as the window.*(3, 3).*dilation (3, 3).*"same".*(5, 6)',
    ),
    ({"padding": "full"}, PADDING + "Received: padding='full'"),
    ({"padding": ((1, -1), (1, 1))}, PADDING + "Received: padding=((1, -1), (1, 1))"),
    ({"strides": 0}, f"`strides` {NUMBERS}strides=0"),
    ({"strides": (1, 2, 3)}, f"`strides` {NUMBERS}strides=(1, 2, 3)"),
    ({"data_format": "NHWC"}, '`data_format` must be "channels_last", "channels_first" or None. Received: data_'),
    ({"inputs": np.ones(X, "int32")}, "`inputs` must hold floating-point numbers.*int32"),
    ({"kernels": np.ones(K, "uint8")}, "`kernels` must hold floating-point numbers.*uint8"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_is_refused_with_the_argument_its_value_and_what_would_be_right(change, message):
    arguments = {"inputs": X, "kernels": K} | change
    for name in ("inputs", "kernels"):
        if isinstance(arguments[name], tuple):
            arguments[name] = np.ones(arguments[name], "float32")
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(ValueError, match=pattern):
        involution(**arguments)


@pytest.mark.parametrize(
    ("queries", "inputs", "groups", "words"),
    [
        ((1, 5, 5, 4), (1, 5, 5, 8), 2, "`queries` must have shape (1, 5, 5, 8) for inputs of shape (1, 5, 5, 8)"),
        ((1, 4, 5, 4), (1, 5, 5, 4), 2, "`queries` must have shape (1, 5, 5, 4).*(1, 4, 5, 4)"),
        ((1, 5, 5, 4), (1, 5, 5, 4), 3, "`groups` must divide"),
    ],
)
def test_window_products_refuse_what_does_not_fit(queries, inputs, groups, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words.split(".*")))):
        window_products(np.zeros(queries, "float32"), np.zeros(inputs, "float32"), 3, groups)
