"""The checks of notebook 06."""

from typing import Any

import numpy as np

from involution_utils.exercises.judge import Verdict, judge
from involution_utils.exercises.kernels import careless_softmax, softmax


def check_window_pairs(answer: Any) -> Verdict:
    """Check `window_pairs(height, width, kernel_size)`.

    Args:
        answer: function that returns how many pairs of a position and a neighbor in its window (itself included) an
            image has, neighbors outside the image left out; kernel_size is odd and may exceed height and width.
    """

    def pairs(height, width, near):
        rows, columns = np.divmod(np.arange(height * width), width)
        return near(*(abs(at[:, None] - at) for at in (rows, columns))).sum()

    def window_pairs(height, width, kernel_size):
        return pairs(height, width, lambda y, x: np.maximum(y, x) <= kernel_size // 2)

    def without_overlap(h, w, k):
        lost = k // 2 * (k // 2 + 1)
        return (h * k - lost) * (w * k - lost)

    f = window_pairs
    mistakes = {
        "windows at the border hang over the edge; count only neighbors inside.": lambda h, w, k: h * w * k * k,
        "this is attention over all positions; a window ends after kernel_size // 2 steps.": lambda h, w, k: (
            (h * w) ** 2
        ),
        "windows at the border are smaller, but they are there.": (
            lambda h, w, k: max(0, h - k + 1) * max(0, w - k + 1) * k * k
        ),
        "the window reaches kernel_size // 2 steps to either side.": lambda h, w, k: f(h, w, 2 * k + 1),
        "a pixel is its own neighbor, too.": lambda h, w, k: f(h, w, k) - h * w,
        "the window is a square: its corners belong to it.": lambda h, w, k: pairs(h, w, lambda y, x: y + x <= k // 2),
        "where the window exceeds the image, no pixel loses more neighbors than there are.": without_overlap,
    }
    cases = [(3, 3, 3), (4, 7, 3), (6, 5, 5), (9, 8, 3), (2, 5, 7), (3, 1, 5)]
    return judge(answer, cases, window_pairs, "rows and columns count independently: multiply.", mistakes)


def check_attention_parameters(answer: Any) -> Verdict:
    """Check `attention_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns the number of weights of an `AttentionKernelGenerator` with a position bias;
            reduction_ratio and groups divide the channels evenly.
    """

    def attention_parameters(channels, kernel_size, groups, reduction_ratio):
        return 2 * channels * (channels // reduction_ratio) + kernel_size**2 * groups

    mistakes = {
        "queries and keys have a convolution each.": lambda c, k, g, r: c * (c // r) + k * k * g,
        "values are not part of the generator.": lambda c, k, g, r: 3 * c * (c // r) + k * k * g,
        "the position bias is missing.": lambda c, k, g, r: 2 * c * (c // r),
        "each group (head) has position biases of its own.": lambda c, k, g, r: 2 * c * (c // r) + k * k,
        "queries and keys are reduced: channels // reduction_ratio of them.": lambda c, k, g, r: 2 * c * c + k * k * g,
        "these 1x1 convolutions have no bias.": lambda c, k, g, r: 2 * (c + 1) * (c // r) + k * k * g,
        "the groups share out the channels of queries and keys.": lambda c, k, g, r: (2 * c * (c // r) + k * k) * g,
    }
    cases = [(8, 3, 2, 2), (16, 5, 4, 4), (64, 7, 4, 4), (32, 3, 1, 2)]
    return judge(answer, cases, attention_parameters, "two 1x1 convolutions, a number for each tap and head.", mistakes)


def check_attention_kernels(answer: Any) -> Verdict:
    """Check `attention_kernels(scores, inside)`.

    Args:
        answer: function of scores (H, W, K, K, G) of any size and of inside (H, W, K, K), true where a tap lies inside
            the image; it returns kernels of the shape of the scores: for each position and group the softmax over the
            taps inside, 0 at those outside.
    """

    def masked(scores, inside, value=-np.inf):
        return np.where(inside[..., None], scores, value)

    def over(*axes):
        return lambda scores, inside: softmax(masked(scores, inside), axes)

    def attention_kernels(scores, inside):
        return over(2, 3)(scores, inside)

    low = "where scores are low, taps outside get a weight; mask with a value below all scores, such as -inf or -1e9."
    overflow = "large scores overflow; subtract each kernel's largest score before the exponential."
    mistakes = {
        "taps outside the image get a weight; none should reach there.": lambda s, i: softmax(s, (2, 3)),
        "taps outside still count in the sum: mask before the softmax.": lambda s, i: softmax(s, (2, 3)) * i[..., None],
        "a score of 0 is no mask; -inf gives the weight 0.": lambda s, i: softmax(masked(s, i, 0), (2, 3)),
        low: (lambda s, i: softmax(masked(s, i, -1), (2, 3)), lambda s, i: softmax(masked(s, i, s.min()), (2, 3))),
        "the mask is inverted: it is true where a tap lies inside.": lambda s, i: softmax(masked(s, ~i), (2, 3)),
        "the heads share one sum; each has a kernel of its own.": over(2, 3, 4),
        "the softmax goes over one axis of the kernel; all taps together should add up to 1.": (over(2), over(3)),
        "the exponentials are not divided by their sum.": lambda s, i: np.exp(masked(s, i)),
    }
    mistakes_of_large_scores = {
        low: tuple(lambda s, i, f=f: f(masked(s, i, -100), (2, 3)) for f in (softmax, careless_softmax)),
        overflow: (
            lambda s, i: careless_softmax(masked(s, i), (2, 3)),
            lambda s, i: careless_softmax(masked(s, i) - s.max(), (2, 3)),
            lambda s, i: np.exp(s) * i[..., None] / (np.exp(s) * i[..., None]).sum((2, 3), keepdims=True),
        ),
    }
    random, cases = np.random.default_rng(7), []
    for height, width, size, groups, level in ((3, 3, 3, 2, 0), (4, 3, 3, 1, 0), (2, 6, 5, 3, 0), (3, 4, 3, 2, 2000)):
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
