"""The checks of notebook 02."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from involution_utils.exercises.judge import judge


def check_involution_parameters(answer):
    """Check `involution_parameters(channels, kernel_size, groups, reduction_ratio)`.

    Args:
        answer: function that returns the number of trainable parameters of an `Involution2D` with these arguments and
            its default kernel generator.
    """

    def involution_parameters(channels, kernel_size, groups, reduction_ratio, *, norm=2, first=1, last=1, taps=None):
        hidden = max(1, channels // reduction_ratio)
        return hidden * (channels + first + norm) + (taps or kernel_size**2 * groups) * (hidden + last)

    def with_hidden(hidden):
        return lambda c, k, g, r: hidden(c, r) * (c + 3) + k * k * g * (hidden(c, r) + 1)

    count = involution_parameters
    mistakes = {
        "batch normalization has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the groups have no effect; each has a kernel of its own.": lambda c, k, g, r: count(c, k, 1, r),
        "a kernel of size K has K rows and K columns.": lambda c, k, g, r: count(c, k, g, r, taps=k * g),
        "the bias of the second convolution is missing.": lambda *sizes: count(*sizes, last=0),
        "the bias of the first convolution is missing.": lambda *sizes: count(*sizes, first=0),
        "both biases are missing.": lambda *sizes: count(*sizes, first=0, last=0),
        "this has a kernel for each channel; the channels of a group share one.": (
            lambda c, k, g, r: count(c, k, g, r, taps=k * k * c),
            lambda c, k, g, r: count(c, k, g, r, taps=k * k * c * g),
        ),
        "these are the parameters of a convolution, not of the layers that make an involution's kernels.": (
            lambda c, k, g, r: k * k * c * c + c,
            lambda c, k, g, r: k * k * c * c,
        ),
        "the hidden channels are off where the ratio does not divide the channels, or exceeds them.": (
            with_hidden(lambda c, r: c / r),
            with_hidden(lambda c, r: c // r),
            with_hidden(lambda c, r: -(-c // r)),
        ),
    }
    cases = [(3, 3, 1, 2), (2, 3, 1, 4), (6, 5, 2, 4), (16, 7, 4, 4), (64, 3, 16, 8)]
    praise = "two 1x1 convolutions with biases, a scale and a shift between them."
    return judge(answer, cases, involution_parameters, praise, mistakes)


def check_group_of_channel(answer):
    """Check `group_of(channel, channels, groups)`.

    Args:
        answer: function that returns the group, counted from 0, to which a channel, counted from 0, belongs. Each group
            owns equally many neighboring channels.
    """

    def group_of(channel, channels, groups):
        return channel // (channels // groups)

    mistakes = {
        "these groups are interleaved; neighboring channels belong together.": lambda c, n, g: c % g,
        "the paper counts channels and groups from 1; here both are counted from 0.": (
            lambda c, n, g: -(-c * g // n),
            lambda c, n, g: -(-(c + 1) * g // n),
        ),
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "this is the channel's position within its group.": lambda c, n, g: c % (n // g),
        "a group is a whole number.": lambda c, n, g: c * g / n,
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (15, 5), (5, 1), (4, 4)) for c in range(n)]
    return judge(answer, cases, group_of, "a group owns channels / groups neighbors.", mistakes)


def check_involution(answer):
    """Check `involve(inputs, kernels, stride)`.

    Args:
        answer: function of one image (H, W, C), its kernels (H', W', K, K, G) with odd K, and a stride. It returns an
            array (H', W', C). The window of output row i starts at input row i * stride - (K - 1) // 2, and columns
            alike; outside the image there are zeros. Group g owns the channels g * C // G to (g + 1) * C // G - 1.
    """

    def involve(inputs, kernels, stride, *, late=(0, 0), mode="constant"):
        (*outputs, size, _, groups), channels = kernels.shape, inputs.shape[-1]
        padded = np.pad(inputs, ((size, size), (size, size), (0, 0)), mode)
        rows, columns = (
            size - (size - 1) // 2 + shift + stride * np.arange(n) for n, shift in zip(outputs, late, strict=True)
        )
        windows = sliding_window_view(padded, (size, size), axis=(0, 1))[np.ix_(rows, columns)]
        return np.einsum("ijcuv,ijuvc->ijc", windows, np.repeat(kernels, channels // groups, axis=-1))

    def from_pixel(x, k, s):
        return involve(x, k, s, late=[(k.shape[2] - 1) // 2] * 2)

    def padded_as_keras(x, k, s):
        room = [max((m - 1) * s + k.shape[2] - n, 0) // 2 for n, m in zip(x.shape[:2], k.shape[:2], strict=True)]
        return involve(x, k, s, late=[(k.shape[2] - 1) // 2 - before for before in room])

    def mixed(x, k, s):
        parts = np.split(involve(x, k, s), k.shape[-1], axis=-1)
        return np.concatenate([np.broadcast_to(p.sum(-1, keepdims=True), p.shape) for p in parts], axis=-1)

    mistakes = {
        "the kernels are flipped; they should lie as they are.": lambda x, k, s: involve(x, k[:, :, ::-1, ::-1], s),
        "rows and columns of the kernels are swapped.": lambda x, k, s: involve(x, k.swapaxes(2, 3), s),
        "the groups are interleaved; the channels of a group are neighbors.": (
            lambda x, k, s: involve(x, np.tile(k, x.shape[-1] // k.shape[-1]), s)
        ),
        "the windows start at their pixel; they should be centered on it.": from_pixel,
        "the windows lie one pixel off.": (
            lambda x, k, s: involve(x, k, s, late=(1, 1)),
            lambda x, k, s: involve(x, k, s, late=(-1, -1)),
        ),
        'this is "same" padding of Keras, which depends on size and stride; here it is (K - 1) // 2.': padded_as_keras,
        "the stride has no effect.": lambda x, k, s: involve(x, k, 1),
        "the kernel of group 0 serves all groups.": lambda x, k, s: involve(x, k[..., :1], s),
        "the kernel of position (0, 0) serves every position: that is what a convolution does.": (
            lambda x, k, s: involve(x, np.broadcast_to(k[:1, :1], k.shape), s)
        ),
        "the channels are summed; an involution keeps them apart.": mixed,
        "the image continues at its opposite border; there should be zeros.": (
            lambda x, k, s: involve(x, k, s, mode="wrap")
        ),
    }
    draw = np.random.default_rng(2).normal
    sizes = [
        ((3, 4, 1), 3, 1, 1),
        ((5, 4, 6), 3, 2, 1),
        ((6, 9, 6), 3, 2, 2),
        ((8, 7, 4), 5, 2, 2),
        ((7, 10, 3), 5, 3, 3),
    ]
    cases = [(draw(size=x), draw(size=(-(-x[0] // s), -(-x[1] // s), k, k, g)), s) for x, k, g, s in sizes]
    praise = "each position has its kernel, each group its own, and the channels stay apart."
    return judge(answer, cases, involve, praise, mistakes)
