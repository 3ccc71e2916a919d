"""The checks of notebook 06."""

from typing import Any

import numpy as np

from involution_utils.exercises.judge import Verdict, judge
from involution_utils.exercises.kernels import softmax


def check_window_pairs(answer: Any) -> Verdict:
    """Check `window_pairs(height, width, kernel_size)`.

    Args:
        answer: function that returns how many pairs of a position and a neighbor in its window (itself included) an
            image has, neighbors outside the image left out; kernel_size is odd and may exceed height and width.
    """

    def window_pairs(height, width, kernel_size):
        rows, columns = np.divmod(np.arange(height * width), width)
        apart = np.maximum(*(abs(at[:, None] - at) for at in (rows, columns)))
        return np.sum(apart <= kernel_size // 2)

    f = window_pairs
    mistakes = {
        "windows at the border hang over the edge; count only neighbors inside.": lambda h, w, k: h * w * k * k,
        "windows at the border are smaller, but they are there.": (
            lambda h, w, k: max(0, h - k + 1) * max(0, w - k + 1) * k * k
        ),
        "the window reaches kernel_size // 2 steps to either side.": lambda h, w, k: f(h, w, 2 * k + 1),
        "a pixel is its own neighbor, too.": lambda h, w, k: f(h, w, k) - h * w,
    }
    cases = [(3, 3, 3), (4, 7, 3), (6, 5, 5), (9, 8, 3), (2, 5, 7), (3, 1, 5)]
    return judge(answer, cases, window_pairs, "rows and columns count independently: multiply.", mistakes)


def check_attention_parameters(answer: Any) -> Verdict:
    """Check `attention_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns how many weights an `AttentionKernelGenerator` with these arguments has.
    """

    def attention_parameters(channels, kernel_size, groups, reduction_ratio, *, layers=2, bias=0):
        return layers * (channels + bias) * (channels // reduction_ratio) + kernel_size**2 * groups

    f = attention_parameters
    mistakes = {
        "queries and keys have a convolution each.": {"layers": 1},
        "the position bias is missing.": lambda c, k, g, r: f(c, 0, g, r),
        "each group (head) has position biases of its own.": lambda c, k, g, r: f(c, k, 1, r),
        "these 1x1 convolutions have no bias.": {"bias": 1},
    }
    cases = [(8, 3, 2, 2), (16, 5, 4, 4), (64, 7, 4, 4), (10, 3, 1, 4)]
    return judge(answer, cases, attention_parameters, "two 1x1 convolutions, a number for each tap and head.", mistakes)


def check_attention_kernels(answer: Any) -> Verdict:
    """Check `attention_kernels(scores, inside)`.

    Args:
        answer: function of scores (H, W, K, K, G) of any size and of inside (H, W, K, K), true where a tap lies inside
            the image; it returns kernels of the scores' shape: each the softmax over the taps inside, 0 at the others.
    """

    def attention_kernels(scores, inside, *, mask=-np.inf, careful=True):
        return softmax(np.where(inside[..., None], scores, mask), (2, 3), careful)

    low = "where scores are low, taps outside get a weight; mask with a value below all scores, such as -inf or -1e9."
    overflow = "large scores overflow; subtract each kernel's largest score before the exponential."
    mistakes = {
        "taps outside the image get a weight; none should reach there.": lambda s, i: softmax(s, (2, 3)),
        "taps outside still count in the sum: mask before the softmax.": lambda s, i: softmax(s, (2, 3)) * i[..., None],
        "a score of 0 is no mask; -inf gives the weight 0.": {"mask": 0},
        low: ({"mask": -1}, lambda s, i: attention_kernels(s, i, mask=s.min())),
    }
    mistakes_of_large_scores = {
        low: ({"mask": -100}, {"mask": -100, "careful": False}),
        overflow: (
            {"careful": False},
            lambda s, i: attention_kernels(s - s.max(), i, careful=False),
            lambda s, i: np.exp(s) * i[..., None] / (np.exp(s) * i[..., None]).sum((2, 3), keepdims=True),
        ),
    }
    random, cases = np.random.default_rng(7), []
    for height, width, size, groups, level in ((3, 3, 3, 2, 0), (4, 3, 3, 1, 0), (2, 6, 5, 3, 0), (3, 4, 3, 2, 20_000)):
        steps = np.arange(size) - size // 2
        rows, columns = (np.arange(n)[:, None] + steps for n in (height, width))
        row_in, column_in = ((x >= 0) & (x < n) for x, n in ((rows, height), (columns, width)))
        inside = row_in[:, None, :, None] & column_in[None, :, None, :]
        levels = random.choice((-level, level), (height, width, 1, 1, groups))
        scores = levels + random.integers(-16, 17, (*inside.shape, groups)) / 8  # exact in float32, too
        cases.append((scores + 2 * level * ~inside[..., None], inside))
    praise = "only taps inside the image get a weight, and the weights of each kernel add up to 1."
    first = judge(answer, cases[:3], attention_kernels, praise, mistakes)
    return first and judge(answer, cases[3:], attention_kernels, praise, mistakes_of_large_scores)
