"""The checks of the exercises: each takes an answer and returns a `Verdict`, true if right, with a hint if not.

A check runs the answer on a few fixed cases, smallest first. An answer that makes one of the known mistakes on all of
them gets that mistake's hint; any other wrong answer is shown the first case that it gets wrong.
"""

import copy
import inspect
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_TOLERANCE = 1e-4


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a check found: true if the answer is `right`, shown as its `text`."""

    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return self.text


# 01 Convolution


def check_parameter_count(answer):
    """Check the number of parameters of `keras.layers.Conv2D(64, kernel_size=5)` on 32 input channels.

    Args:
        answer: the number, biases included.
    """
    right, number = 64 * (32 * 5 * 5 + 1), _numbers(answer)
    mistakes = {
        "the biases are missing.": (64 * 32 * 25,),
        "a kernel of size 5 has 5 rows and 5 columns.": (64 * (32 * 5 + 1), 64 * 32 * 5),
        "the weights are right, the biases are not: what has one?": (right - 32, right + 64 * 31, right - 63),
        "each output channel looks at all 32 input channels.": (64 * 26, 64 * 25, 32 * 26, 32 * 25),
        "this is one output channel; the layer has 64.": (32 * 25 + 1,),
    }
    if _is_stub(answer):
        return Verdict(False, "Not answered yet: put your number in place of None.")
    if number is None or number.ndim or np.isnan(number):
        return Verdict(False, f"Not yet: the answer is a number; this is {_show(answer)}.")
    if number == right:
        return Verdict(True, "Right: 5 x 5 weights for each pair of channels, and a bias for each output channel.")
    wrong = f"{_show(float(number))} is too {'small' if number < right else 'large'}; count one output channel first."
    return Verdict(False, f"Not yet: {next((hint for hint, known in mistakes.items() if number in known), wrong)}")


def check_receptive_field(answer):
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
    return _judge(answer, cases, receptive_field, praise, mistakes)


def check_strided_convolution(answer):
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
    return _judge(answer, cases, convolve_strided, "kernel and window as they lie, a stride apart.", mistakes)


# 02 Involution


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
        "batch normalisation has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
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
    return _judge(answer, cases, involution_parameters, praise, mistakes)


def check_group_of_channel(answer):
    """Check `group_of(channel, channels, groups)`.

    Args:
        answer: function that returns the group, counted from 0, to which a channel, counted from 0, belongs. Each group
            owns equally many neighbouring channels.
    """

    def group_of(channel, channels, groups):
        return channel // (channels // groups)

    mistakes = {
        "these groups are interleaved; neighbouring channels belong together.": lambda c, n, g: c % g,
        "the paper counts channels and groups from 1; here both are counted from 0.": (
            lambda c, n, g: -(-c * g // n),
            lambda c, n, g: -(-(c + 1) * g // n),
        ),
        "these groups have as many channels as there should be groups.": lambda c, n, g: c // g,
        "this is the channel's place within its group.": lambda c, n, g: c % (n // g),
        "a group is a whole number.": lambda c, n, g: c * g / n,
    }
    cases = [(c, n, g) for n, g in ((6, 2), (12, 3), (15, 5), (5, 1), (4, 4)) for c in range(n)]
    return _judge(answer, cases, group_of, "a group owns channels / groups neighbours.", mistakes)


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
        "the groups are interleaved; the channels of a group are neighbours.": (
            lambda x, k, s: involve(x, np.tile(k, x.shape[-1] // k.shape[-1]), s)
        ),
        "the windows start at their pixel; they should be centred on it.": from_pixel,
        "the windows lie one pixel off.": (
            lambda x, k, s: involve(x, k, s, late=(1, 1)),
            lambda x, k, s: involve(x, k, s, late=(-1, -1)),
        ),
        'this is "same" padding of Keras, which depends on size and stride; here it is (K - 1) // 2.': padded_as_keras,
        "the stride has no effect.": lambda x, k, s: involve(x, k, 1),
        "the kernel of group 0 serves all groups.": lambda x, k, s: involve(x, k[..., :1], s),
        "the kernel of place (0, 0) serves every place: that is what a convolution does.": (
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
    praise = "each place its kernel, each group its own, the channels kept apart."
    return _judge(answer, cases, involve, praise, mistakes)


# 03 Training


def check_dense_parameters(answer):
    """Check `dense_parameters(height, width, channels, units)`.

    Args:
        answer: function that returns the number of parameters, biases included, of a dense layer of `units` units after
            `Flatten`, when feature maps of this size and these channels have passed two 2x2 max poolings.
    """

    def dense_parameters(height, width, channels, units, *, pooled=4, biases=1):
        return (height // pooled * (width // pooled) * channels + biases) * units

    mistakes = {
        "the poolings have no effect; each halves height and width.": lambda *sizes: dense_parameters(*sizes, pooled=1),
        "there is one pooling; there should be two.": lambda *sizes: dense_parameters(*sizes, pooled=2),
        "the biases are missing: one for each unit.": lambda *sizes: dense_parameters(*sizes, biases=0),
        "a pooling halves the height and the width, so it quarters the pixels.": (
            lambda h, w, c, n: dense_parameters(h, 4 * w, c, n),
            lambda h, w, c, n: dense_parameters(4 * h, w, c, n),
            lambda h, w, c, n: (h * w // 4 * c + 1) * n,
        ),
        "this is global pooling; `Flatten` keeps every pixel.": lambda h, w, c, n: (c + 1) * n,
        "the sizes are rounded wrongly: 2x2 pooling of 7 pixels gives 3, on each axis for itself.": (
            lambda h, w, c, n: (h * w // 16 * c + 1) * n,
            lambda h, w, c, n: (h * w / 16 * c + 1) * n,
            lambda h, w, c, n: (-(-h // 4) * -(-w // 4) * c + 1) * n,
            lambda h, w, c, n: (-(-h // 2) // 2 * (-(-w // 2) // 2) * c + 1) * n,
        ),
    }
    cases = [(4, 8, 3, 5), (32, 32, 64, 64), (30, 45, 8, 12), (31, 23, 4, 7)]
    return _judge(answer, cases, dense_parameters, "one weight for each remaining number and unit.", mistakes)


def check_interval(answer):
    """Check `interval(accuracies)`.

    Args:
        answer: function of a list of 3 to 6 accuracies that returns (low, high), the 95 % Student interval of their
            mean. The t values for 3, 4, 5 and 6 accuracies are 4.303, 3.182, 2.776 and 2.571.
    """
    quantiles = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447}

    def half(a, *, ddof=1, t=None, root=0.5):
        return (t or quantiles[len(a)]) * np.std(a, ddof=ddof) / len(a) ** root

    def interval(accuracies, **change):
        return np.mean(accuracies) - half(accuracies, **change), np.mean(accuracies) + half(accuracies, **change)

    mistakes = {
        "the standard deviation divides by n; for a sample it divides by n - 1.": lambda a: interval(a, ddof=0),
        "1.96 holds for many runs; for so few, take Student's t.": lambda a: interval(a, t=1.96),
        "two things: 1.96 holds for many runs, and `np.std` divides by n unless told.": (
            lambda a: interval(a, t=1.96, ddof=0)
        ),
        "this is the spread of single runs; that of their mean is smaller by a root.": lambda a: interval(a, root=0),
        "the standard deviation is divided by n, not by its root.": lambda a: interval(a, root=1),
        "the t value is that of one accuracy more: n accuracies leave n - 1 degrees of freedom.": (
            lambda a: interval(a, t=quantiles[len(a) + 1])
        ),
        "the two ends are swapped.": lambda a: interval(a)[::-1],
        "this is half the width; return both ends.": half,
        "this is the mean and half the width; return both ends.": lambda a: (np.mean(a), half(a)),
        "the interval lies around 0, not around the mean.": lambda a: (-half(a), half(a)),
    }
    cases = [([0.41, 0.48, 0.37],), ([0.6, 0.71, 0.52, 0.66],), ([0.1, 0.3, 0.22, 0.17, 0.4],)]
    cases += [([0.5, 0.42, 0.61, 0.33, 0.48, 0.57],)]
    return _judge(answer, cases, interval, "mean plus and minus t * s / sqrt(n).", mistakes)


def check_fair_head(answer):
    """Check the convolutional classifier with global average pooling in place of `Flatten`.

    Args:
        answer: a Keras model, or a function without arguments that builds it: three 3x3 convolutions ("same", ReLU) to
            32, 64 and 64 channels, 2x2 max pooling after the first two, global average pooling, a dense layer of 64
            with ReLU, ten logits. The input has three channels; its height and width may be anything.
    """
    import keras
    from keras import layers

    def fair_head(shape, *, head=layers.GlobalAveragePooling2D, pool=layers.MaxPooling2D, poolings=(0, 1), **change):
        activation, model = change.get("activation", "relu"), keras.Sequential([keras.Input(shape)])
        for number, filters in enumerate((32, 64, 64)):
            model.add(layers.Conv2D(filters, 3, padding=change.get("padding", "same"), activation=activation))
            if number in poolings:
                model.add(pool(2))
        model.add(head())
        if change.get("dense", True):
            model.add(layers.Dense(64, activation=change.get("dense_activation", "relu")))
        model.add(layers.Dense(10, activation=change.get("last")))
        return model

    mistakes = {
        "it still flattens: the first dense layer has a weight for each place.": {"head": layers.Flatten},
        "the head takes each channel's largest value, not its mean.": {"head": layers.GlobalMaxPooling2D},
        "it ends in probabilities; the loss expects logits.": {"last": "softmax"},
        "the last layer has an activation; logits have none.": {"last": "relu"},
        "the dense layer of 64 before the logits is missing.": {"dense": False},
        "the dense layer of 64 has no ReLU.": {"dense_activation": None},
        "the convolutions have no ReLU.": {"activation": None},
        'the convolutions lose their borders; the classifier\'s have padding "same".': {"padding": "valid"},
        "the pooling between the convolutions should take the largest value.": {"pool": layers.AveragePooling2D},
        "there is no pooling between the convolutions.": {"poolings": ()},
        "the pooling after the first convolution is missing.": {"poolings": (1,)},
        "the pooling after the second convolution is missing.": {"poolings": (0,)},
        "there should be no pooling after the third convolution.": {"poolings": (0, 1, 2)},
    }
    if not isinstance(answer, keras.Model):
        answer = _attempt(answer, ()) if callable(answer) else answer
    if _is_stub(answer):
        return Verdict(False, "Not answered yet: build the model, and hand it (or the function that builds it) over.")
    if isinstance(answer, Exception):
        return Verdict(False, f"Not yet: building the model {_raised(answer)}.")
    if not isinstance(answer, keras.Model):
        return Verdict(False, f"Not yet: expected a Keras model or a function that builds one, got {_show(answer)}.")
    try:
        if not answer.built:
            answer(np.zeros((1, 32, 32, 3), "float32"))
        shape = tuple(size or default for size, default in zip(answer.input_shape[1:], (20, 28, 3), strict=True))
        draw = np.random.default_rng(3).normal
        image, kept = draw(size=(2, *shape)).astype("float32"), answer.get_weights()
        weights = [draw(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) for w in kept]
        try:
            answer.set_weights(weights)
            given = keras.ops.convert_to_numpy(answer(image, training=False))
        finally:
            answer.set_weights(kept)
    except Exception as error:
        return Verdict(False, f"Not yet: your model {_raised(error)}.")

    def agrees(change):
        try:
            model = fair_head(shape, **change)
            model.set_weights(weights)
        except ValueError:  # no such model for this size, or weights of other shapes
            return False
        return np.allclose(keras.ops.convert_to_numpy(model(image, training=False)), given, rtol=1e-3, atol=1e-3)

    if shape[-1] != 3:
        return Verdict(False, f"Not yet: the images have three channels, the model's input has {shape[-1]}.")
    if given.shape != (2, 10):
        return Verdict(False, f"Not yet: there should be ten logits an image; the output's shape is {given.shape[1:]}.")
    if agrees({}):
        return Verdict(True, "Right: the head no longer depends on the size of the image, and the parameters are few.")
    for hint, change in mistakes.items():
        if agrees(change):
            return Verdict(False, f"Not yet: {hint}")
    expected, parameters = fair_head(shape).count_params(), sum(w.size for w in weights)
    if parameters != expected:
        return Verdict(False, f"Not yet: expected {expected:,} parameters, got {parameters:,}; go through summary().")
    return Verdict(False, "Not yet: expected the same layers in the same order; the sizes of the weights are right.")


# 04 Kernels


def check_kernel_map(answer):
    """Check `kernel_map(kernels)`.

    Args:
        answer: function of kernels (batch, H, W, K, K, G) that returns the sum of each kernel's K * K weights, as an
            array (batch, H, W, G).
    """

    def kernel_map(kernels):
        return kernels.sum(axis=(3, 4))

    mistakes = {
        "this is the mean of the weights, not their sum.": lambda k: k.mean(axis=(3, 4)),
        "the sum goes over the places; the map should have a value for each place.": lambda k: k.sum(axis=(1, 2)),
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
    return _judge(answer, cases, kernel_map, "one number for each image, place and group.", mistakes)


def check_spatial_share(answer):
    """Check `my_share(kernels)`.

    Args:
        answer: function of kernels (N, H, W, K, K) of one group that returns which share of their variance lies across
            the places within an image, a number from 0 to 1. Above the line: the variance of each tap over the H * W
            places of an image, averaged over images and taps. Below: the variance of each tap over all N * H * W
            places of all images, averaged over taps. Variances divide by the count (NumPy's default, `ddof=0`).
    """

    def my_share(kernels, *, ddof=0):
        return kernels.var(axis=(1, 2), ddof=ddof).mean() / kernels.var(axis=(0, 1, 2), ddof=ddof).mean()

    mistakes = {
        "the variance is taken over the taps of a kernel; take it over places, for each tap.": (
            lambda k: k.var(axis=(3, 4)).mean() / k.var(axis=(0, 1, 2)).mean(),
            lambda k: k.var(axis=(3, 4)).mean() / k.var(),
        ),
        "this is the share that lies between the means of the images.": lambda k: 1 - my_share(k),
        "the taps are summed before the variance is taken; take it for each tap.": (
            lambda k: my_share(k.sum(axis=(3, 4), keepdims=True))
        ),
        "the ratio is upside down.": lambda k: 1 / my_share(k),
        "this is the variance within the images; divide it by the whole.": lambda k: k.var(axis=(1, 2)).mean(),
        "the whole variance also mixes the taps; below the line, too, take it for each tap.": (
            lambda k: k.var(axis=(1, 2)).mean() / k.var()
        ),
        "this averages ratios; divide the averages.": (
            lambda k: (k.var(axis=(1, 2)) / k.var(axis=(0, 1, 2))).mean(),
            lambda k: (k.var(axis=(1, 2)).mean(axis=0) / k.var(axis=(0, 1, 2))).mean(),
        ),
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
    return _judge(answer, cases, my_share, "within images over the whole; the rest lies between images.", mistakes)


def check_softmax_kernels(answer):
    """Check `normalise(kernels)`.

    Args:
        answer: function of logits (batch, H, W, K, K, G), of any size, that returns kernels of the same shape: the
            softmax over the K * K taps of each kernel.
    """

    def normalise(kernels, *, axis=(3, 4), largest=(3, 4)):
        powers = np.exp(kernels - (kernels.max(axis=largest, keepdims=True) if largest else 0))
        return powers / powers.sum(axis=axis, keepdims=True)

    def over(*axes):
        """Return the softmax over these axes for each choice, with and without care for large logits."""
        stable = [lambda k, axis=axis: normalise(k, axis=axis, largest=axis) for axis in axes]
        return (*stable, *[lambda k, axis=axis: normalise(k, axis=axis, largest=()) for axis in axes])

    mistakes = {
        "large logits overflow; softmax is the same when each kernel's largest logit is subtracted first.": (
            lambda k: normalise(k, largest=()),
            lambda k: normalise(k, largest=(0, 1, 2, 3, 4, 5)),
        ),
        "the softmax goes over the groups; the taps of a kernel should add up to 1.": over(5),
        "the softmax goes over one axis of a kernel; all K * K taps together should add up to 1.": over(3, 4),
        "the softmax goes over the places; each place has a kernel of its own.": over((1, 2), 1, 2),
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
    return _judge(answer, [(small,), (large,)], normalise, "the taps of every kernel add up to 1.", mistakes)


# 05 Self-attention


def check_window_pairs(answer):
    """Check `window_pairs(height, width, kernel_size)`.

    Args:
        answer: function that returns how many pairs of a place and a neighbour in its window (itself included) an
            image has, neighbours outside the image left out; kernel_size is odd.
    """

    def along(size, radius):
        return sum(abs(i - j) <= radius for i in range(size) for j in range(size))

    def window_pairs(height, width, kernel_size):
        return along(height, kernel_size // 2) * along(width, kernel_size // 2)

    def diamond(h, w, k):
        steps = [(abs(i), abs(j)) for i in range(-k, k + 1) for j in range(-k, k + 1) if abs(i) + abs(j) <= k // 2]
        return sum(max(0, h - i) * max(0, w - j) for i, j in steps)

    mistakes = {
        "windows at the border hang over the edge; count only neighbours inside the image.": lambda h, w, k: (
            h * w * k * k
        ),
        "this is attention over all places; a window ends after kernel_size // 2 steps.": lambda h, w, k: (h * w) ** 2,
        "the windows at the border are smaller, but they are there.": (
            lambda h, w, k: max(0, h - k + 1) * max(0, w - k + 1) * k * k
        ),
        "the window reaches kernel_size // 2 steps to either side, not kernel_size.": (
            lambda h, w, k: along(h, k) * along(w, k)
        ),
        "a pixel is its own neighbour, too.": lambda h, w, k: window_pairs(h, w, k) - h * w,
        "the window is a square: its corners belong to it.": diamond,
    }
    cases = [(3, 3, 3), (4, 7, 3), (6, 5, 5), (9, 8, 3)]
    return _judge(answer, cases, window_pairs, "rows and columns count independently: multiply.", mistakes)


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
    return _judge(answer, cases, attention_parameters, praise, mistakes)


def check_attention_kernels(answer):
    """Check `attention_kernels(scores, inside)`.

    Args:
        answer: function of scores (H, W, K, K, G) and of inside (H, W, K, K), true where a tap lies inside the image;
            it returns kernels of the shape of the scores: for each place and group the softmax over the taps inside,
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
    for height, width, size, groups in ((3, 3, 3, 2), (4, 3, 3, 1), (2, 6, 5, 3)):
        steps = np.arange(size) - size // 2
        rows, columns = (np.arange(n)[:, None] + steps for n in (height, width))
        row_in, column_in = ((x >= 0) & (x < n) for x, n in ((rows, height), (columns, width)))
        inside = row_in[:, None, :, None] & column_in[None, :, None, :]
        cases.append((random.normal(size=(*inside.shape, groups)), inside))
    return _judge(
        answer, cases, attention_kernels, "only what is there gets a weight, and all of it adds up to 1.", mistakes
    )


# 06 A fair comparison


def check_operator_parameters(answer):
    """Check `operator_parameters(channels, kernel_size, group_channels, reduction_ratio)`.

    Args:
        answer: function that returns the weights (full convolution, depthwise convolution, involution) of a spatial
            operator without biases on that many channels; the involution's are those of a
            `KernelGenerator(use_bias=False)` with batch normalization.
    """

    def involution(c, k, n, r, *, norm=2, bias=1, taps=None):
        hidden = c // r
        return hidden * (c + norm) + (hidden + bias) * (taps or k * k * (c // n))

    def operator_parameters(channels, kernel_size, group_channels, reduction_ratio, **change):
        c, taps = channels, kernel_size**2
        return taps * c * c, taps * c, involution(c, kernel_size, group_channels, reduction_ratio, **change)

    count = operator_parameters
    mistakes = {
        "batch normalisation has a scale and a shift for each hidden channel.": lambda *sizes: count(*sizes, norm=0),
        "no gradient trains the moving mean and variance.": lambda *sizes: count(*sizes, norm=4),
        "the second convolution of the generator does have a bias.": lambda *sizes: count(*sizes, bias=0),
        "there are channels // group_channels groups, not group_channels.": (
            lambda c, k, n, r: count(c, k, n, r, taps=k * k * n)
        ),
        "a kernel of size K has K rows and K columns.": (
            lambda c, k, n, r: (k * c * c, k * c, involution(c, k, n, r, taps=k * (c // n))),
            lambda c, k, n, r: (k * c * c, k * c, involution(c, k, n, r)),
        ),
        "a full convolution has a kernel for each pair of channels, a depthwise one for each channel.": (
            lambda c, k, n, r: (k * k * c, k * k * c, involution(c, k, n, r)),
            lambda c, k, n, r: (k * k * c, k * k * c * c, involution(c, k, n, r)),
            lambda c, k, n, r: (k * k * c * c, k * k, involution(c, k, n, r)),
        ),
    }
    cases = [(16, 3, 16, 4), (32, 5, 16, 4), (64, 7, 8, 2), (256, 3, 16, 4)]
    return _judge(answer, cases, operator_parameters, "K*K*C*C, K*K*C, and what makes the kernels.", mistakes)


def check_paired_interval(answer):
    """Check `paired_interval(one, other)`.

    Args:
        answer: function of two lists of 3 to 6 accuracies, run by run with the same seed, that returns (low, high),
            the 95 % Student interval of the mean of one - other. The t values for 3, 4, 5 and 6 runs are 4.303,
            3.182, 2.776 and 2.571.
    """
    quantiles = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}

    def around(middle, half):
        return middle - half, middle + half

    def paired_interval(one, other, *, ddof=1, root=0.5, t=None):
        d = np.subtract(one, other)
        return around(d.mean(), (t or quantiles[len(d)]) * d.std(ddof=ddof) / len(d) ** root)

    def unpaired(one, other):
        n = len(one)
        spread = np.sqrt(np.var(one, ddof=1) + np.var(other, ddof=1))
        return around(np.mean(one) - np.mean(other), quantiles[n] * spread / np.sqrt(n))

    mistakes = {
        "this adds the spreads of both lists; subtract run by run first, then take the spread.": unpaired,
        "the difference is one - other.": lambda a, b: paired_interval(b, a),
        "the standard deviation divides by n; for a sample it divides by n - 1.": lambda a, b: paired_interval(
            a, b, ddof=0
        ),
        "1.96 holds for many runs; for so few, take Student's t.": lambda a, b: paired_interval(a, b, t=1.96),
        "this is the spread of single differences; that of their mean is smaller by a root.": (
            lambda a, b: paired_interval(a, b, root=0)
        ),
        "the two ends are swapped.": lambda a, b: paired_interval(a, b)[::-1],
    }
    cases = [([0.81, 0.83, 0.8], [0.79, 0.82, 0.77]), ([0.6, 0.71, 0.52, 0.66], [0.62, 0.7, 0.55, 0.6])]
    cases += [([0.5, 0.42, 0.61, 0.33, 0.48, 0.57], [0.4, 0.45, 0.5, 0.3, 0.41, 0.59])]
    return _judge(
        answer, cases, paired_interval, "the differences by seed are one sample; the rest is as before.", mistakes
    )


def check_conv2d_multiply_adds(answer):
    """Check `conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides)`.

    Args:
        answer: function that returns the multiply-adds of a `keras.layers.Conv2D` with padding "same" for one image.
    """

    def conv2d_multiply_adds(height, width, channels, filters, kernel_size, strides):
        return -(-height // strides) * -(-width // strides) * kernel_size**2 * channels * filters

    count = conv2d_multiply_adds
    mistakes = {
        "the kernel is applied once for every place of the output; with strides these are fewer.": (
            lambda h, w, c, f, k, s: count(h, w, c, f, k, 1)
        ),
        'with "same", an odd size with a stride of 2 is rounded up, not down.': (
            lambda h, w, c, f, k, s: (h // s) * (w // s) * k * k * c * f
        ),
        "each output channel looks at all input channels.": lambda h, w, c, f, k, s: count(h, w, 1, f, k, s),
        "there is a kernel for each output channel.": lambda h, w, c, f, k, s: count(h, w, c, 1, k, s),
        "a kernel of size K has K rows and K columns.": lambda h, w, c, f, k, s: count(h, w, c, f, k, s) // k,
        "a multiplication and the addition that follows it count as one.": lambda *sizes: 2 * count(*sizes),
        "these are the weights; each is used once for every place of the output.": (
            lambda h, w, c, f, k, s: k * k * c * f
        ),
        "biases are additions without a multiplication: they do not count.": (
            lambda h, w, c, f, k, s: count(h, w, c, f, k, s) + count(h, w, 1, f, 1, s)
        ),
    }
    cases = [(4, 4, 2, 3, 3, 1), (7, 5, 3, 4, 3, 2), (32, 32, 16, 8, 5, 1), (9, 10, 4, 6, 7, 3)]
    return _judge(
        answer, cases, conv2d_multiply_adds, "places of the output, times the weights of the kernels.", mistakes
    )


# What all checks share


def _judge(answer, cases, solution, praise, mistakes):
    """Compare `answer` with `solution` on all `cases`; explain a difference by `mistakes`: hint -> wrong solutions."""
    names = [p.name for p in inspect.signature(solution).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    call = f"{solution.__name__}({', '.join(names)})"
    if not _is_stub(answer) and not callable(answer):
        return Verdict(False, f"Not yet: expected the function {call} itself, not a result; got {_show(answer)}.")
    with np.errstate(all="ignore"):
        given = [_attempt(answer, case) for case in cases] if callable(answer) else [None]
        if all(_is_stub(value) for value in given):
            return Verdict(False, f"Not answered yet: write {call} and let it return its result.")
        expected = [_attempt(solution, case) for case in cases]
        right = [_agrees(*pair) for pair in zip(given, expected, strict=True)]
        if all(right):
            return Verdict(True, f"Right: {praise}")
        for hint, wrongs in mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                if _explains([_attempt(wrong, case) for case in cases], given, right):
                    return Verdict(False, f"Not yet: {hint}")
    first = right.index(False)
    where = ", ".join(_describe(*pair) for pair in zip(names, cases[first], strict=True))
    return Verdict(False, f"Not yet: {_difference(given[first], expected[first])}, for {where}.")


def _attempt(function, case):
    """Return the function's result or, if it raises, the exception; the case itself stays as it is."""
    try:
        return function(*copy.deepcopy(case))
    except Exception as error:
        return NotImplemented if isinstance(error, NotImplementedError) else error


def _is_stub(value):
    return value is None or value is ... or value is NotImplemented


def _explains(mistaken, given, right):
    """Whether a mistake gives what the answer gives where that does not raise, and at least one of that is wrong."""
    raised = [isinstance(value, Exception) for value in given]
    same = [r or _agrees(g, m) for g, m, r in zip(given, mistaken, raised, strict=True)]
    return all(same) and not all(r or ok for r, ok in zip(raised, right, strict=True))


def _numbers(value):
    """Return the value as an array of numbers, or None if it is something else."""
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array.astype(float) if array.dtype.kind in "iuf" else None


def _agrees(given, expected):
    given, expected = _numbers(given), _numbers(expected)
    if given is None or expected is None or given.shape != expected.shape:
        return False
    return np.allclose(given, expected, rtol=1e-6, atol=_TOLERANCE, equal_nan=True)


def _difference(given, expected):
    """Say in what the given result differs from the expected one."""
    if isinstance(given, Exception):
        return f"your function {_raised(given)}"
    numbers, expected = _numbers(given), np.asarray(expected, float)
    kind = f"numbers of shape {expected.shape}" if expected.ndim else "a number"
    if numbers is None:
        return f"expected {kind}, got {_show(given)}"
    if numbers.shape != expected.shape:
        return f"expected {kind}, got {f'shape {numbers.shape}' if numbers.ndim else 'a single number'}"
    at = tuple(int(i) for i in np.argwhere(~np.isclose(numbers, expected, rtol=1e-6, atol=_TOLERANCE))[0])
    return f"expected {_show(expected[at])}, got {_show(numbers[at])}{f' at index {at}' if at else ''}"


def _raised(error):
    lines = str(error).strip().splitlines()
    return f"raised {type(error).__name__}{f': {lines[0][:120]}' if lines else ''}"


def _describe(name, value):
    return f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name}={value!r}"


def _show(value):
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"
    return f"{'an' if type(value).__name__[0] in 'aeiouAEIOU' else 'a'} {type(value).__name__}"
