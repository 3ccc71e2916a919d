"""The checks of notebook 04."""

from typing import Any

import numpy as np

from involution_utils.exercises.judge import Verdict, judge


def check_kernel_map(answer: Any) -> Verdict:
    """Check `kernel_map(kernels)`.

    Args:
        answer: function of kernels (batch, H, W, K, K, G) that returns the sum of each kernel's K * K weights, as an
            array (batch, H, W, G).
    """

    def kernel_map(kernels):
        return kernels.sum(axis=(3, 4))

    mistakes = {
        "this is the mean of the weights, not their sum.": lambda k: k.mean(axis=(3, 4)),
        "the sum goes over the positions; the map should have a value for each position.": lambda k: k.sum(axis=(1, 2)),
        "the groups are summed too; each group has a map of its own.": lambda k: k.sum(axis=(3, 4, 5)),
        "the absolute values are summed; the signs count.": lambda k: np.abs(k).sum(axis=(3, 4)),
        "only one of a kernel's two axes is summed.": (lambda k: k.sum(axis=3), lambda k: k.sum(axis=4)),
        "the sum goes over the wrong two axes: one of the kernel's and the groups'.": (
            lambda k: k.sum(axis=(4, 5)),
            lambda k: k.sum(axis=(3, 5)),
        ),
        "this is the kernel's middle weight alone.": lambda k: k[:, :, :, k.shape[3] // 2, k.shape[4] // 2],
    }
    draw = np.random.default_rng(4).normal
    cases = [(draw(size=size),) for size in ((1, 2, 3, 3, 3, 1), (2, 4, 3, 3, 3, 2), (3, 2, 4, 5, 5, 4))]
    return judge(answer, cases, kernel_map, "one number for each image, position and group.", mistakes)


def check_spatial_share(answer: Any) -> Verdict:
    """Check `my_share(kernels)`.

    Args:
        answer: function of kernels (N, H, W, K, K) of one group that returns which share of their variance lies across
            the positions within an image, a number from 0 to 1. Above the line: the variance of each tap over the H * W
            positions of an image, averaged over images and taps. Below: the variance of each tap over all N * H * W
            positions of all images, averaged over taps. Variances divide by the count (NumPy's default, `ddof=0`).
    """

    def my_share(kernels, *, ddof=0):
        return kernels.var(axis=(1, 2), ddof=ddof).mean() / kernels.var(axis=(0, 1, 2), ddof=ddof).mean()

    mistakes = {
        "the variance is taken over the taps of a kernel; take it over positions, for each tap.": (
            lambda k: k.var(axis=(3, 4)).mean() / k.var(axis=(0, 1, 2)).mean(),
            lambda k: k.var(axis=(3, 4)).mean() / k.var(),
        ),
        "this is the share that lies between the means of the images.": lambda k: 1 - my_share(k),
        "the taps are summed before the variance is taken; take it for each tap.": (
            lambda k: my_share(k.sum(axis=(3, 4), keepdims=True))
        ),
        "the ratio is inverted.": lambda k: 1 / my_share(k),
        "this is the variance within the images; divide it by the whole.": lambda k: k.var(axis=(1, 2)).mean(),
        "the whole variance also mixes the taps; below the line, too, take it for each tap.": (
            lambda k: k.var(axis=(1, 2)).mean() / k.var()
        ),
        "this averages ratios; divide the averages.": (lambda k: (k.var(axis=(1, 2)) / k.var(axis=(0, 1, 2))).mean()),
        "these variances divide by the count less one; divide by the count.": lambda k: my_share(k, ddof=1),
        "these are standard deviations, not variances.": (
            lambda k: k.std(axis=(1, 2)).mean() / k.std(axis=(0, 1, 2)).mean(),
            lambda k: my_share(k) ** 0.5,
        ),
        "a share lies between 0 and 1; this is a percentage.": lambda k: 100 * my_share(k),
    }
    draw = np.random.default_rng(5).normal
    cases = []
    for images, height, width, size in ((2, 2, 3, 3), (4, 3, 5, 3), (3, 6, 4, 5)):
        taps = np.linspace(0.5, 2, size * size).reshape(size, size)  # taps differ in mean and spread, images in mean
        places, means = draw(size=(images, height, width, size, size)), draw(size=(images, 1, 1, size, size))
        cases.append((taps * (1 + 0.8 * means + places),))
    return judge(
        answer, cases, my_share, "the variance within images over the total; the rest lies between images.", mistakes
    )


def check_softmax_kernels(answer: Any) -> Verdict:
    """Check `normalize(kernels)`.

    Args:
        answer: function of logits (batch, H, W, K, K, G), of any size, that returns kernels of the same shape: the
            softmax over the K * K taps of each kernel.
    """

    def normalize(kernels, *, axis=(3, 4), largest=(3, 4)):
        powers = np.exp(kernels - (kernels.max(axis=largest, keepdims=True) if largest else 0))
        return powers / powers.sum(axis=axis, keepdims=True)

    def over(*axes):
        """Return the softmax over these axes for each choice, with and without care for large logits."""
        stable = [lambda k, axis=axis: normalize(k, axis=axis, largest=axis) for axis in axes]
        return (*stable, *[lambda k, axis=axis: normalize(k, axis=axis, largest=()) for axis in axes])

    mistakes = {
        "large logits overflow; softmax is the same when each kernel's largest logit is subtracted first.": (
            lambda k: normalize(k, largest=()),
            lambda k: normalize(k, largest=(0, 1, 2, 3, 4, 5)),
            lambda k: normalize(k - k.mean(axis=(3, 4), keepdims=True), largest=()),
            lambda k: normalize(k - k.min(axis=(3, 4), keepdims=True), largest=()),
            lambda k: normalize(k - k[:, :, :, :1, :1], largest=()),
            lambda k: normalize(k - k[:, :, :, 1:2, 1:2], largest=()),
        ),
        "the softmax goes over the groups; the taps of a kernel should add up to 1.": over(5),
        "the softmax goes over one axis of a kernel; all K * K taps together should add up to 1.": over(3, 4),
        "the softmax goes over the positions; each position has a kernel of its own.": over((1, 2), 1, 2),
        "taps and groups share one sum; each group has a kernel of its own.": over((3, 4, 5)),
        "one sum serves the whole array; each kernel needs its own.": over((0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5)),
        "the weights are divided by their sum, but without the exponential.": (
            lambda k: k / k.sum(axis=(3, 4), keepdims=True)
        ),
        "the exponentials are not divided by their sum.": (
            np.exp,
            lambda k: np.exp(k - k.max(axis=(3, 4), keepdims=True)),
        ),
    }
    random = np.random.default_rng(6)
    small, large = (random.integers(-8, 9, size) / 4 for size in ((1, 2, 3, 3, 3, 2), (2, 4, 3, 3, 3, 4)))
    large += random.choice((-2000, 2000), (2, 4, 3, 1, 1, 4))
    apart = random.choice((-2000, -1000, 0, 1000, 2000), (2, 3, 3, 3, 3, 2)) + random.integers(0, 2, (2, 3, 3, 3, 3, 2))
    return judge(
        answer,
        [(small,), (large,), (apart.astype(float),)],
        normalize,
        "the taps of every kernel add up to 1.",
        mistakes,
    )


def check_mean_kernels(answer: Any) -> Verdict:
    """Check `mean_kernels(kernels)`, the lesion that lets no kernel look at its position.

    Args:
        answer: function of kernels (N, H, W, K, K, G) that returns an array of the same shape, in which each kernel is
            replaced by the mean, over all positions, of the kernels of its image and group.
    """

    def mean_kernels(kernels, *, axes=(1, 2)):
        return np.broadcast_to(kernels.mean(axis=axes, keepdims=True), kernels.shape)

    mistakes = {
        "this is the mean over all images; each image keeps a mean of its own.": lambda k: mean_kernels(
            k, axes=(0, 1, 2)
        ),
        "this is the mean over the images at each position; take it over the positions of an image.": (
            lambda k: mean_kernels(k, axes=0)
        ),
        "the weights of a kernel are averaged; each of the K * K weights keeps a mean of its own.": (
            lambda k: mean_kernels(k, axes=(3, 4)),
            lambda k: mean_kernels(k, axes=(1, 2, 3, 4)),
            lambda k: mean_kernels(k, axes=(1, 2, 3, 4, 5)),
        ),
        "the groups are averaged too; each group has a mean kernel of its own.": lambda k: mean_kernels(
            k, axes=(1, 2, 5)
        ),
        "the mean goes over the rows or the columns alone; it goes over both.": (
            lambda k: mean_kernels(k, axes=1),
            lambda k: mean_kernels(k, axes=2),
        ),
        "this is the mean kernel once per image; repeat it at every position, so that the shape stays.": (
            lambda k: k.mean(axis=(1, 2)),
            lambda k: k.mean(axis=(1, 2), keepdims=True),
        ),
        "the mean is subtracted; the kernels should be replaced by it.": lambda k: k - mean_kernels(k),
        "this is the kernel of one position; take the mean over all positions.": (
            lambda k: np.broadcast_to(k[:, :1, :1], k.shape),
            lambda k: np.broadcast_to(k[:, k.shape[1] // 2, k.shape[2] // 2][:, None, None], k.shape),
        ),
        "the kernels are shuffled or sorted; replace each by the mean.": (
            lambda k: k[:, ::-1, ::-1],
            lambda k: np.sort(k, axis=1),
        ),
    }
    draw = np.random.default_rng(10).normal
    cases = [(draw(size=size),) for size in ((1, 2, 3, 3, 3, 1), (2, 3, 4, 3, 3, 2), (3, 4, 2, 5, 5, 4))]
    praise = "the kernels still depend on the image, but no longer on the position."
    return judge(answer, cases, mean_kernels, praise, mistakes)


def check_effective_rank(answer: Any) -> Verdict:
    """Check `my_rank(kernels)`.

    Args:
        answer: function of kernels (N, H, W, K, K) of one group that returns how many directions they use, after Roy
            and Vetterli (2007): the kernels as rows of K * K numbers, less their mean row; the singular values of that
            matrix, divided by their sum; and of these shares p the exponential of the entropy, exp(-sum(p * log(p))).
    """

    def my_rank(kernels, *, center=lambda rows: rows - rows.mean(axis=0), power=1, entropy=lambda s: -s, base=np.e):
        rows = center(kernels.reshape(-1, kernels.shape[-1] ** 2))
        values = np.linalg.svd(rows, compute_uv=False) ** power
        shares = values[values > 1e-12 * values.max()] / values.sum()
        return base ** entropy((shares * np.log(shares)).sum())

    def singular_values(kernels):
        rows = kernels.reshape(-1, kernels.shape[-1] ** 2)
        return np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)

    mistakes = {
        "the mean kernel is not subtracted.": lambda k: my_rank(k, center=lambda rows: rows),
        "each kernel's own mean is subtracted; subtract the mean kernel of all rows.": (
            lambda k: my_rank(k, center=lambda rows: rows - rows.mean(axis=1, keepdims=True))
        ),
        "one number is subtracted from all weights; subtract the mean kernel of all rows.": (
            lambda k: my_rank(k, center=lambda rows: rows - rows.mean())
        ),
        "these are shares of the variance; divide the singular values themselves by their sum, not their squares.": (
            lambda k: my_rank(k, power=2)
        ),
        "this is the entropy; take its exponential.": lambda k: np.log(my_rank(k)),
        "the sign of the entropy is lost: the result should be at least 1.": lambda k: my_rank(k, entropy=lambda s: s),
        "logarithm and power have different bases; np.log goes with np.exp.": (
            lambda k: my_rank(k, base=2),
            lambda k: np.exp(np.log2(my_rank(k))),
            lambda k: np.exp(np.log10(my_rank(k))),
        ),
        "this counts the singular values above zero; it should weigh them by their size.": (
            lambda k: (singular_values(k) > 1e-9).sum()
        ),
        "this is the participation ratio; here the entropy is asked for.": (
            lambda k: singular_values(k).sum() ** 2 / (singular_values(k) ** 2).sum(),
            lambda k: (singular_values(k) ** 2).sum() ** 2 / (singular_values(k) ** 4).sum(),
        ),
        "this is the rank per direction; do not divide by K * K.": lambda k: my_rank(k) / k.shape[-1] ** 2,
    }
    draw, cases = np.random.default_rng(11).normal, []
    for images, height, width, size, patterns in ((2, 2, 3, 3, 2), (3, 4, 3, 3, 4), (2, 6, 5, 5, 6)):
        kernels = draw(size=(images, height, width, patterns)) * np.linspace(1, 0.2, patterns)
        kernels = kernels @ draw(size=(patterns, size * size)) + 1
        kernels += 0.01 * draw(size=kernels.shape)  # so that no singular value is 0
        cases.append((kernels.reshape(images, height, width, size, size),))
    return judge(answer, cases, my_rank, "as many patterns, all used equally, would have this entropy.", mistakes)
