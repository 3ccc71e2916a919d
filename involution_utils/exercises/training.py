"""The checks of notebook 03."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy import stats

from involution_utils.exercises.judge import Verdict, attempt, judge, raised, verdict
from involution_utils.exercises.network import close, input_size, parts, received, run, weights_of
from involution_utils.layers import Involution2D


def student(values, factor=1.0):
    """Return the 95 % Student interval of the mean of a sample, its half width times a factor."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return np.mean(values) + (high - low) / 2 * factor * np.array((-1, 1))


def normal_quantile(values):
    """Return 1.96 as a share of Student's t for a sample."""
    return 1.96 / stats.t.ppf(0.975, len(values) - 1)


def check_dense_parameters(answer: Any) -> Verdict:
    """Check `dense_parameters(height, width, channels, units)`.

    Args:
        answer: function that returns the number of parameters, biases included, of a dense layer of `units` units after
            `Flatten`, when feature maps of this size and these channels have passed two 2x2 max poolings.
    """

    def dense_parameters(height, width, channels, units):
        return (height // 4 * (width // 4) * channels + 1) * units

    mistakes = {
        "the poolings have no effect; each halves height and width.": lambda h, w, c, n: (h * w * c + 1) * n,
        "there is one pooling; there should be two.": lambda h, w, c, n: (h // 2 * (w // 2) * c + 1) * n,
        "the biases are missing: one for each unit.": lambda h, w, c, n: h // 4 * (w // 4) * c * n,
        "a pooling halves the height and the width.": (
            lambda h, w, c, n: (h // 4 * w * c + 1) * n,
            lambda h, w, c, n: (h * (w // 4) * c + 1) * n,
        ),
        "this is global pooling; `Flatten` keeps every pixel.": lambda h, w, c, n: (c + 1) * n,
        "the sizes are rounded wrongly: 2x2 pooling of 7 pixels gives 3, separately on each axis.": (
            lambda h, w, c, n: (h * w // 16 * c + 1) * n,
            lambda h, w, c, n: (h * w / 16 * c + 1) * n,
            lambda h, w, c, n: (-(-h // 4) * -(-w // 4) * c + 1) * n,
            lambda h, w, c, n: (round(h / 4) * round(w / 4) * c + 1) * n,
        ),
    }
    cases = [(4, 8, 3, 5), (32, 32, 64, 64), (30, 45, 8, 12), (31, 23, 4, 7)]
    return judge(answer, cases, dense_parameters, "one weight for each remaining number and unit.", mistakes)


def check_interval(answer: Any) -> Verdict:
    """Check `interval(accuracies)`.

    Args:
        answer: function of a list of 3 to 6 accuracies that returns (low, high), the 95 % Student interval of their
            mean.
    """

    def interval(accuracies):
        return stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)

    def half(a):
        return np.diff(interval(a))[0] / 2

    def scaled(factor):
        return lambda a: student(a, factor(a))

    one_more = scaled(lambda a: stats.t.ppf(0.975, len(a)) / stats.t.ppf(0.975, len(a) - 1))
    mistakes = {
        "the standard deviation divides by n; for a sample, by n - 1.": scaled(lambda a: np.sqrt(1 - 1 / len(a))),
        "1.96 holds for many runs; for so few, take Student's t.": scaled(normal_quantile),
        "two things: 1.96 holds for many runs, and `np.std` divides by n unless told.": (
            scaled(lambda a: normal_quantile(a) * np.sqrt(1 - 1 / len(a)))
        ),
        "this is the spread of single runs; their mean's is smaller by sqrt(n).": scaled(lambda a: np.sqrt(len(a))),
        "the standard deviation is divided by n, not by its root.": scaled(lambda a: 1 / np.sqrt(len(a))),
        "the t value is that of one accuracy more: n accuracies leave n - 1 degrees of freedom.": one_more,
        "the two ends are swapped.": lambda a: interval(a)[::-1],
        "this is half the width; return both ends.": half,
        "this is the mean and half the width; return both ends.": lambda a: (np.mean(a), half(a)),
    }
    cases = [([0.41, 0.48, 0.37],), ([0.6, 0.71, 0.52, 0.66],), ([0.1, 0.3, 0.22, 0.17, 0.4],)]
    cases += [([0.5, 0.42, 0.61, 0.33, 0.48, 0.57],)]
    return judge(answer, cases, interval, "mean plus and minus t * s / sqrt(n).", mistakes)


def check_fair_head(answer: Any) -> Verdict:
    """Check the convolutional classifier with global average pooling in place of `Flatten`.

    Args:
        answer: a Keras model, or a function without arguments that builds it: three 3x3 convolutions ("same", ReLU) to
            32, 64 and 64 channels, 2x2 max pooling after the first two, global average pooling, a dense layer of 64
            with ReLU, ten logits. The input has three channels; its height and width may be anything.
    """
    mistakes = {
        "it still flattens: the first dense layer has a weight for each position.": {"head": layers.Flatten},
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
    model = received(answer)
    if isinstance(model, Verdict):
        return model
    draw, (height, width) = np.random.default_rng(3).normal, input_size(model)
    images, larger = (draw(size=(2, n * height, (2 * n - 1) * width, 3)).astype("float32") for n in (1, 2))
    weights = [draw(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) for w in model.get_weights()]
    with weights_of(model, weights):
        calls = (images, False), (images, True), (larger, False)
        given, in_training, of_larger = [attempt(lambda c=call: run(model, *c)) for call in calls]
    if isinstance(given, BaseException):
        return verdict(f"your model {raised(given)}.")

    def agrees(change, images=images, given=given):
        reference = _fair_head(images.shape[1:], **change)
        shapes = [w.shape for w in reference.get_weights()]
        ordered = _first_layer_first(weights)
        if shapes != [w.shape for w in ordered]:
            return False
        reference.set_weights(ordered)
        return close(given, run(reference, images))

    problem = None
    if given.shape != (2, 10):
        problem = f"there should be ten logits per image; the output's shape is {given.shape}."
    elif not agrees({}):
        expected, parameters = _fair_head(images.shape[1:]).count_params(), sum(w.size for w in weights)
        other = "expected the same layers in the same order; the sizes of the weights are right."
        if parameters != expected:
            other = f"expected {expected:,} parameters, got {parameters:,}; go through summary()."
        problem = next((hint for hint, change in mistakes.items() if agrees(change)), other)
    elif not agrees({}, larger, of_larger):
        problem = f"this is global pooling for {height} x {width} pixels, but for no other size."
    elif not close(in_training, given):
        problem = "something is added that acts in training alone, such as dropout."
    return verdict(problem, "the head no longer depends on the size of the image, and the parameters are few.")


def _fair_head(shape, head=layers.GlobalAveragePooling2D, pool=layers.MaxPooling2D, poolings=(0, 1), **change):
    model, same = keras.Sequential([keras.Input(shape)]), change.get("padding", "same")
    for number, filters in enumerate((32, 64, 64)):
        model.add(layers.Conv2D(filters, 3, padding=same, activation=change.get("activation", "relu")))
        if number in poolings:
            model.add(pool(2))
    model.add(head())
    if change.get("dense", True):
        model.add(layers.Dense(64, activation=change.get("dense_activation", "relu")))
    model.add(layers.Dense(10, activation=change.get("last")))
    return model


def _first_layer_first(weights):
    """Return kernels and biases in the order of the network; a 1x1 convolution serves as a dense layer."""
    starts = [i for i, w in enumerate(weights) if w.ndim > 1] + [len(weights)]
    pairs = [[weights[i].squeeze(), *weights[i + 1 : j]] for i, j in itertools.pairwise(starts)]
    pairs.sort(key=lambda pair: (pair[0].ndim == 2, pair[0].shape if pair[0].ndim > 2 else (-pair[0].shape[-1],)))
    return [w for pair in pairs for w in pair]


def check_repaired_inn(answer: Any) -> Verdict:
    """Check a small network of involutions for CIFAR-10 that lacks the faults of the original's.

    Args:
        answer: a Keras model, or a function without arguments that builds it: images of 32 x 32 x 3 to ten logits;
            involutions on more than three channels, which 1x1 convolutions make, in more than one group and with more
            than one hidden channel; no wider convolutions; a head that takes the mean over all positions (or the
            largest value) of each channel; 50,000 parameters at most.
    """
    model = received(answer)
    if isinstance(model, Verdict):
        return model
    involutions = [part for part in parts(model) if isinstance(part, Involution2D)]
    channels = [layer.get_build_config()["input_shape"][-1] for layer in involutions]
    wide = [w.path for w in model.weights if len(w.shape) == 4 and max(w.shape[:2]) > 1]
    size, parameters, problem = input_size(model), model.count_params(), None
    if size != (32, 32):
        problem = f"the images are 32 x 32 pixels; the model's input is {size[0]} x {size[1]}."
    elif not involutions:
        problem = "there is no `Involution2D` in it."
    elif wide:
        problem = f"`{wide[0]}` is a convolution wider than 1x1; leave looking around to the involutions."
    elif any(max(layer.kernel_size) == 1 for layer in involutions):
        problem = "an involution of kernel size 1 does not look around."
    elif min(channels) <= 3:
        problem = "an involution still sees three channels; a 1x1 convolution before it makes more."
    elif any(layer.groups == 1 for layer in involutions):
        problem = "all channels of an involution still share one kernel; give it `groups`."
    elif any(n // layer.reduction_ratio <= 1 for n, layer in zip(channels, involutions, strict=True)):
        problem = "with one hidden channel all kernels are multiples of one pattern; lower `reduction_ratio`."
    elif parameters > 50_000:
        problem = f"it has {parameters:,} parameters, more than 50,000."
    praise = f"{parameters:,} parameters, and kernels that see more than three colors. Now train it."
    return verdict(problem or _output_problem(model, involutions), praise)


def _output_problem(model, involutions):
    """Return what is wrong with a network of involutions by what it makes of images, with weights drawn at random."""
    random = np.random.default_rng(9)
    images = np.repeat(random.normal(size=(1, 48, 64, 3)).astype("float32"), 6, axis=0)
    for image, (top, left) in zip(images[1:], ((0, 0), (0, 56), (20, 28), (40, 0), (40, 56)), strict=True):
        image[top : top + 8, left : left + 8] = 30 * random.normal(size=(8, 8, 3))  # all but the first differ in a part
    weights = [random.normal(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) for w in model.get_weights()]
    with weights_of(model, [np.abs(w) if w.ndim == 1 else w for w in weights]):
        outputs = attempt(lambda: run(model, images))
        if getattr(outputs, "shape", None) != (6, 10):
            outputs = attempt(lambda: run(model, images[:, :32, :32]))
            if isinstance(outputs, BaseException):
                return f"your model {raised(outputs)}."
            if outputs.shape != (6, 10):
                return f"there should be ten logits per image; the output's shape is {outputs.shape}."
            return "the head still depends on the size of the images, as `Flatten` does; pool over all positions."
        if np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0:
            return "it ends in probabilities; the loss expects logits."
        if not any(_is_linear_in(w, model, images, random) for w in model.weights if w.shape[-1] == 10):
            return "the last layer has an activation; logits have none."
        if any(close(one, outputs[0]) for one in outputs[1:]):
            return "the head leaves out a part of the image; pool over all positions."
        for layer in involutions:
            with weights_of(layer, [random.normal(size=w.shape) ** 2 for w in layer.weights]):
                if close(run(model, images), outputs):
                    return f"the outputs do not depend on `{layer.name}`; put it in the path of the images."
    return None


def _is_linear_in(weight, model, images, random):
    """True if a large step of one of the model's weights and the opposite step change the outputs alike."""
    kept, outputs = np.array(weight), []
    step = 1e5 * random.normal(size=weight.shape) * np.abs(kept).max()
    for moved in (kept - step, kept, kept + step):
        weight.assign(moved)
        outputs.append(run(model, images))
    weight.assign(kept)
    return np.ptp(outputs) > 0 and close(*np.diff(outputs, axis=0))
