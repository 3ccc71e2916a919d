"""The checks of notebook 05."""

import numpy as np

from involution_utils.exercises.judge import judge


def check_window_pairs(answer):
    """Check `window_pairs(height, width, kernel_size)`.

    Args:
        answer: function that returns how many pairs of a position and a neighbor in its window (itself included) an
            image has, neighbors outside the image left out; kernel_size is odd.
    """

    def along(size, radius):
        return sum(abs(i - j) <= radius for i in range(size) for j in range(size))

    def window_pairs(height, width, kernel_size):
        return along(height, kernel_size // 2) * along(width, kernel_size // 2)

    def diamond(h, w, k):
        steps = [(abs(i), abs(j)) for i in range(-k, k + 1) for j in range(-k, k + 1) if abs(i) + abs(j) <= k // 2]
        return sum(max(0, h - i) * max(0, w - j) for i, j in steps)

    mistakes = {
        "windows at the border hang over the edge; count only neighbors inside the image.": lambda h, w, k: (
            h * w * k * k
        ),
        "this is attention over all positions; a window ends after kernel_size // 2 steps.": lambda h, w, k: (
            (h * w) ** 2
        ),
        "the windows at the border are smaller, but they are there.": (
            lambda h, w, k: max(0, h - k + 1) * max(0, w - k + 1) * k * k
        ),
        "the window reaches kernel_size // 2 steps to either side, not kernel_size.": (
            lambda h, w, k: along(h, k) * along(w, k)
        ),
        "a pixel is its own neighbor, too.": lambda h, w, k: window_pairs(h, w, k) - h * w,
        "the window is a square: its corners belong to it.": diamond,
    }
    cases = [(3, 3, 3), (4, 7, 3), (6, 5, 5), (9, 8, 3)]
    return judge(answer, cases, window_pairs, "rows and columns count independently: multiply.", mistakes)


def check_attention_parameters(answer):
    """Check `attention_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns the number of weights of an `AttentionKernelGenerator` with a position bias;
            reduction_ratio and groups divide the channels evenly.
    """

    def attention_parameters(channels, kernel_size, groups, reduction_ratio):
        return 2 * channels * (channels // reduction_ratio) + kernel_size**2 * groups

    count = attention_parameters
    mistakes = {
        "queries and keys have a convolution each.": lambda c, k, g, r: c * (c // r) + k * k * g,
        "values are not part of the generator.": lambda c, k, g, r: 3 * c * (c // r) + k * k * g,
        "the position bias is missing.": lambda c, k, g, r: 2 * c * (c // r),
        "each group (head) has position biases of its own.": lambda c, k, g, r: count(c, k, 1, r),
        "queries and keys are reduced: channels // reduction_ratio of them.": lambda c, k, g, r: 2 * c * c + k * k * g,
        "these 1x1 convolutions have no bias.": lambda c, k, g, r: count(c, k, g, r) + 2 * (c // r),
        "the groups share out the channels of queries and keys; they do not multiply them.": (
            lambda c, k, g, r: 2 * c * (c // r) * g + k * k * g
        ),
    }
    cases = [(8, 3, 2, 2), (16, 5, 4, 4), (64, 7, 4, 4), (32, 3, 1, 2)]
    praise = "two 1x1 convolutions, and a number for each tap and head."
    return judge(answer, cases, attention_parameters, praise, mistakes)


def check_attention_kernels(answer):
    """Check `attention_kernels(scores, inside)`.

    Args:
        answer: function of scores (H, W, K, K, G) and of inside (H, W, K, K), true where a tap lies inside the image;
            it returns kernels of the shape of the scores: for each position and group the softmax over the taps inside,
            0 at those outside.
    """

    def attention_kernels(scores, inside, *, axis=(2, 3), masked=-np.inf):
        powers = np.exp(np.where(inside[..., None], scores, masked))
        return powers / powers.sum(axis=axis, keepdims=True)

    def everywhere(scores, axis=(2, 3)):
        return attention_kernels(scores, np.ones(scores.shape[:4], bool), axis=axis)

    mistakes = {
        "taps outside the image get a weight; none should reach there.": lambda s, i: everywhere(s),
        "taps outside still count in the sum: mask before the softmax, not after it.": (
            lambda s, i: everywhere(s) * i[..., None]
        ),
        "a score of 0 is no mask: exp(0) is 1; -inf gives the weight 0.": (
            lambda s, i: attention_kernels(s, i, masked=0),
            lambda s, i: everywhere(s * i[..., None]),
        ),
        "with low scores inside, the taps outside get a weight; a mask of -inf, or -1e9, is below all scores.": (
            *(lambda s, i, low=low: attention_kernels(s, i, masked=low) for low in (-50, -30, -20, -12, -10, -5, -1)),
            *(lambda s, i, low=low: everywhere(np.where(i[..., None], s, s + low)) for low in (-64, -10, -1)),
            lambda s, i: everywhere(np.where(i[..., None], s, s.min())),
        ),
        "the mask is upside down: it is true where a tap lies inside.": lambda s, i: attention_kernels(s, ~i),
        "the heads share one sum; each has a kernel of its own.": lambda s, i: attention_kernels(s, i, axis=(2, 3, 4)),
        "the softmax goes over one axis of the kernel; all taps together should add up to 1.": (
            lambda s, i: attention_kernels(s, i, axis=2),
            lambda s, i: attention_kernels(s, i, axis=3),
        ),
        "the exponentials are not divided by their sum.": (
            lambda s, i: np.exp(s) * i[..., None],
            lambda s, i: np.exp(np.where(i[..., None], s, -np.inf)),
        ),
    }
    random, cases = np.random.default_rng(7), []
    for height, width, size, groups, level in ((3, 3, 3, 2, 0), (4, 3, 3, 1, 0), (2, 6, 5, 3, 0), (3, 4, 3, 2, -60)):
        steps = np.arange(size) - size // 2
        rows, columns = (np.arange(n)[:, None] + steps for n in (height, width))
        row_in, column_in = ((x >= 0) & (x < n) for x, n in ((rows, height), (columns, width)))
        inside = row_in[:, None, :, None] & column_in[None, :, None, :]
        scores = level + random.integers(-16, 17, (*inside.shape, groups)) / 8  # exact in float32, too
        cases.append((scores, inside))
    praise = "only what is there gets a weight, and all of it adds up to 1."
    return judge(answer, cases, attention_kernels, praise, mistakes, tolerance=5e-6)
