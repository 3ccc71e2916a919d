"""The checks of notebook 05."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import Verdict, is_stub, judge, show


def check_window_pairs(answer: Any) -> Verdict:
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


def check_attention_parameters(answer: Any) -> Verdict:
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


def check_attention_kernels(answer: Any) -> Verdict:
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
            lambda s, i: attention_kernels(s, i, masked=0)
        ),
        "where scores are low, taps outside get a weight; mask with a value below all scores, such as -inf or -1e9.": (
            *(lambda s, i, low=low: attention_kernels(s, i, masked=low) for low in (-50, -20, -12, -10, -5, -1)),
            *(lambda s, i, low=low: everywhere(np.where(i[..., None], s, s + low)) for low in (-10, -1)),
            lambda s, i: everywhere(np.where(i[..., None], s, s.min())),
        ),
        "the mask is inverted: it is true where a tap lies inside.": lambda s, i: attention_kernels(s, ~i),
        "the heads share one sum; each has a kernel of its own.": lambda s, i: attention_kernels(s, i, axis=(2, 3, 4)),
        "the softmax goes over one axis of the kernel; all taps together should add up to 1.": (
            lambda s, i: attention_kernels(s, i, axis=2),
            lambda s, i: attention_kernels(s, i, axis=3),
        ),
        "the exponentials are not divided by their sum.": (lambda s, i: np.exp(s) * i[..., None]),
    }
    random, cases = np.random.default_rng(7), []
    for height, width, size, groups, level in ((3, 3, 3, 2, 0), (4, 3, 3, 1, 0), (2, 6, 5, 3, 0), (3, 4, 3, 2, -60)):
        steps = np.arange(size) - size // 2
        rows, columns = (np.arange(n)[:, None] + steps for n in (height, width))
        row_in, column_in = ((x >= 0) & (x < n) for x, n in ((rows, height), (columns, width)))
        inside = row_in[:, None, :, None] & column_in[None, :, None, :]
        scores = level + random.integers(-16, 17, (*inside.shape, groups)) / 8  # exact in float32, too
        cases.append((scores, inside))
    praise = "only taps inside the image get a weight, and the weights of each kernel add up to 1."
    return judge(answer, cases, attention_kernels, praise, mistakes, tolerance=5e-6)


def check_switch_kernels(answer: Any) -> Verdict:
    """Check `switch_kernels(image, threshold)`, kernels by hand for a filter that the middle pixel chooses.

    Args:
        answer: function of an image (H, W) and a threshold that returns kernels (H, W, 3, 3, 1): at pixels above the
            threshold the kernel that keeps the pixel, at all others the mean of the 3 x 3 window.
    """

    def switch_kernels(image, threshold, *, keep=1.0, mean=1 / 9, bright=np.greater, at=(1, 1)):
        kernels = np.full((*image.shape, 3, 3, 1), float(mean))
        keeping = np.zeros((3, 3, 1))
        keeping[at] = keep
        kernels[bright(image, threshold)] = keeping
        return kernels

    mistakes = {
        "bright and dark are swapped.": (
            lambda x, t: switch_kernels(x, t, bright=np.less),
            lambda x, t: switch_kernels(x, t, bright=np.less_equal),
        ),
        "a pixel as bright as the threshold is not above it.": (
            lambda x, t: switch_kernels(x, t, bright=np.greater_equal)
        ),
        "a mean of nine pixels weighs each by 1/9.": (
            lambda x, t: switch_kernels(x, t, mean=1),
            lambda x, t: switch_kernels(x, t, mean=1 / 3),
        ),
        "the kernel that keeps a pixel has its 1 in the middle.": (
            lambda x, t: switch_kernels(x, t, at=(0, 0)),
            lambda x, t: switch_kernels(x, t, at=(slice(None), slice(None))),
        ),
        "these kernels carry their pixel's value; a kernel that keeps a pixel is 1 at its middle tap.": (
            lambda x, t: np.where(
                x[..., None, None, None] > t, switch_kernels(x, t) * x[..., None, None, None], switch_kernels(x, t)
            )
        ),
        "the mean is taken over the eight neighbors; the pixel itself belongs to its window.": (
            lambda x, t: _without_middle(switch_kernels(x, t, mean=1 / 8), x <= t),
            lambda x, t: _without_middle(switch_kernels(x, t), x <= t),
        ),
        "this is the filtered image; return the kernels, and leave applying them to involution.": (
            lambda x, t: np.where(x > t, x, sliding_window_view(np.pad(x, 1), (3, 3)).mean(axis=(2, 3)))
        ),
        "the axis of the groups is missing: the shape is (H, W, 3, 3, 1).": lambda x, t: switch_kernels(x, t)[..., 0],
        "one kernel serves all pixels; each pixel chooses its own.": (
            lambda x, t: switch_kernels(np.full_like(x, x.mean()), t)
        ),
    }
    random = np.random.default_rng(12)
    cases = [
        (random.uniform(size=size), threshold) for size, threshold in (((2, 3), 0.5), ((4, 3), 0.3), ((3, 6), 0.8))
    ]
    cases.append((random.integers(0, 5, (4, 5)) / 4, 0.5))  # some pixels are as bright as the threshold
    return judge(answer, cases, switch_kernels, "each pixel chose its kernel, as in an involution.", mistakes)


def _without_middle(kernels, where):
    kernels[where, 1, 1] = 0
    return kernels


def check_lookalike_kernels(answer: Any) -> Verdict:
    """Check `lookalike_kernels(image, kernel_size)`, kernels by hand that copy the neighbor most like the middle.

    Args:
        answer: function of an image (H, W) and an odd kernel size that returns kernels (H, W, K, K, 1): 1 at the tap
            whose pixel differs least from the middle one, 0 at all others; neither the middle itself nor a tap outside
            the image is chosen.
    """

    def lookalike_kernels(image, kernel_size, *, middle=np.inf, outside=np.inf, difference=lambda a, b: abs(a - b)):
        half, count = kernel_size // 2, kernel_size**2
        windows = sliding_window_view(np.pad(image, half), (kernel_size, kernel_size))
        inside = sliding_window_view(np.pad(np.ones(image.shape), half), (kernel_size, kernel_size)) > 0
        distances = np.array(difference(windows, image[..., None, None]))
        distances = np.where(inside, distances, distances if outside is None else outside)
        if middle is not None:
            distances[..., half, half] = middle
        nearest = distances.reshape(*image.shape, count).argmin(axis=-1)
        return np.eye(count)[nearest].reshape(*image.shape, kernel_size, kernel_size, 1)

    def changed(change, **options):
        return lambda x, k: change(lookalike_kernels(x, k, **options))

    mistakes = {
        "the middle is chosen: a pixel always resembles itself most; leave it out.": changed(lambda k: k, middle=None),
        "taps outside the image take part, as if a black pixel were there.": changed(lambda k: k, outside=None),
        "this is the neighbor that differs most.": (
            lambda x, k: lookalike_kernels(x, k, difference=lambda a, b: -abs(a - b))
        ),
        "this is the darkest or brightest neighbor; compare by the absolute value of the difference.": (
            lambda x, k: lookalike_kernels(x, k, difference=lambda a, b: a),
            lambda x, k: lookalike_kernels(x, k, difference=lambda a, b: -a),
        ),
        "rows and columns of the kernels are swapped.": changed(lambda k: k.swapaxes(2, 3)),
        "the kernels are flipped; tap (0, 0) lies above and to the left.": changed(lambda k: k[:, :, ::-1, ::-1]),
        "the axis of the groups is missing: the shape is (H, W, K, K, 1).": changed(lambda k: k[..., 0]),
    }
    random = np.random.default_rng(13)
    cases = [
        (random.uniform(size=size), kernel) for size, kernel in (((2, 2), 3), ((3, 4), 3), ((4, 5), 5), ((6, 3), 3))
    ]
    praise = "the neighbors were compared, as in attention; the center alone cannot tell."
    return judge(answer, cases, lookalike_kernels, praise, mistakes)


def check_task_winners(answer: Any) -> Verdict:
    """Check which operator should win which toy task, as a prediction before the runs.

    Args:
        answer: dict from "fixed_filter", "chosen_filter" and "copy_similar" to
            "depthwise", "involution" or "attention".
    """
    right = {
        "fixed_filter": "depthwise",
        "chosen_filter": "involution",
        "copy_similar": "attention",
    }
    hints = {
        ("fixed_filter", "involution"): "an involution could do it, but its kernel need not look at the image here.",
        ("fixed_filter", "attention"): "attention can only average; a fixed filter may have weights of either sign.",
        (
            "chosen_filter",
            "depthwise",
        ): "a depthwise convolution has one kernel, whatever the center shows.",
        ("chosen_filter", "attention"): (
            "attention can look at the center, but can only average, while a filter may have weights of either sign."
        ),
        ("copy_similar", "depthwise"): "a fixed kernel cannot know which neighbor it will be.",
        ("copy_similar", "involution"): (
            "an involution's kernel comes from the center alone; which neighbor resembles it, the center cannot tell."
        ),
    }
    if is_stub(answer) or (isinstance(answer, dict) and all(is_stub(value) for value in answer.values())):
        return Verdict(False, "Not answered yet: name an operator for each task.")
    if not isinstance(answer, dict) or set(answer) != set(right):
        tasks = ", ".join(f'"{task}"' for task in right)
        return Verdict(False, f"Not yet: expected a dict with the keys {tasks}; got {show(answer)}.")
    for task, operator in right.items():
        given = answer[task].strip().lower() if isinstance(answer[task], str) else ""
        if given not in right.values():
            return Verdict(
                False, f'Not yet: "{task}" needs "depthwise", "involution" or "attention"; got {answer[task]!r}.'
            )
        if given != operator:
            return Verdict(False, f'Not yet: "{task}": {hints[task, given]}')
    return Verdict(
        True, "Right: the first task needs no look at the image, the second the center, the third the neighbors."
    )
