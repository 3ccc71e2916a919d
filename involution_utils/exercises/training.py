"""The checks of notebook 03."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import layers

from involution_utils.exercises.judge import Verdict, judge, raised
from involution_utils.exercises.network import close, image_sizes, received, run, run_if_possible, weights_of
from involution_utils.layers import Involution2D


def check_dense_parameters(answer: Any) -> Verdict:
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
        ),
        "this is global pooling; `Flatten` keeps every pixel.": lambda h, w, c, n: (c + 1) * n,
        "the sizes are rounded wrongly: 2x2 pooling of 7 pixels gives 3, separately on each axis.": (
            lambda h, w, c, n: (h * w // 16 * c + 1) * n,
            lambda h, w, c, n: (h * w / 16 * c + 1) * n,
            lambda h, w, c, n: (-(-h // 4) * -(-w // 4) * c + 1) * n,
            lambda h, w, c, n: (-(-h // 2) // 2 * (-(-w // 2) // 2) * c + 1) * n,
        ),
    }
    cases = [(4, 8, 3, 5), (32, 32, 64, 64), (30, 45, 8, 12), (31, 23, 4, 7)]
    return judge(answer, cases, dense_parameters, "one weight for each remaining number and unit.", mistakes)


def check_interval(answer: Any) -> Verdict:
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
        "this is the spread of single runs; that of their mean is smaller by a factor of sqrt(n).": lambda a: interval(
            a, root=0
        ),
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
    return judge(answer, cases, interval, "mean plus and minus t * s / sqrt(n).", mistakes)


def check_fair_head(answer: Any) -> Verdict:
    """Check the convolutional classifier with global average pooling in place of `Flatten`.

    Args:
        answer: a Keras model, or a function without arguments that builds it: three 3x3 convolutions ("same", ReLU) to
            32, 64 and 64 channels, 2x2 max pooling after the first two, global average pooling, a dense layer of 64
            with ReLU, ten logits. The input has three channels; its height and width may be anything.
    """

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
    draw = np.random.default_rng(3).normal
    images, larger = (
        draw(size=(n, *size, 3)).astype("float32") for n, size in zip((8, 2), image_sizes(model), strict=True)
    )
    weights = [draw(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) for w in model.get_weights()]
    try:
        with weights_of(model, weights):
            given, in_training = (run(model, images, training) for training in (False, True))
            given_larger = run_if_possible(model, larger)
    except Exception as error:
        return Verdict(False, f"Not yet: your model {raised(error)}.")

    def agrees(change, images=images, given=given):
        try:
            reference = fair_head(images.shape[1:], **change)
            reference.set_weights(_first_layer_first(weights))
        except ValueError:  # no such model for this size, or weights of other shapes
            return False
        return close(given, run(reference, images))

    if given.shape != (8, 10):
        return Verdict(False, f"Not yet: there should be ten logits per image; the output's shape is {given.shape}.")
    if agrees({}):
        if not agrees({}, larger, given_larger):
            height, width = images.shape[1:3]
            return Verdict(
                False, f"Not yet: this is global pooling for {height} x {width} pixels, but for no other size."
            )
        if not close(in_training, given):
            return Verdict(False, "Not yet: something is added that acts in training alone, such as dropout.")
        return Verdict(True, "Right: the head no longer depends on the size of the image, and the parameters are few.")
    for hint, change in mistakes.items():
        if agrees(change):
            return Verdict(False, f"Not yet: {hint}")
    expected, parameters = fair_head(images.shape[1:]).count_params(), sum(w.size for w in weights)
    if parameters != expected:
        return Verdict(False, f"Not yet: expected {expected:,} parameters, got {parameters:,}; go through summary().")
    return Verdict(False, "Not yet: expected the same layers in the same order; the sizes of the weights are right.")


def _first_layer_first(weights):
    """Return kernels and biases in the order of the network, in whatever order its layers were made.

    The kernels of a convolutional classifier differ in shape; a 1x1 convolution serves as a dense layer.
    """
    starts = [i for i, w in enumerate(weights) if w.ndim > 1] + [len(weights)]
    layers = [list(weights[i:j]) for i, j in itertools.pairwise(starts)]
    for layer in layers:
        layer[0] = layer[0].reshape(layer[0].shape[2:]) if layer[0].shape[:2] == (1, 1) else layer[0]
    layers.sort(key=lambda layer: (layer[0].ndim == 2, layer[0].shape if layer[0].ndim > 2 else (-layer[0].shape[1],)))
    return [w for layer in layers for w in layer]


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
    parts = model._flatten_layers(include_self=False)
    involutions = [part for part in parts if isinstance(part, Involution2D)]
    wide = [part for part in parts if isinstance(part, _CONVOLUTIONS) and max(part.kernel_size) > 1]
    size, larger = image_sizes(model)
    problem = None
    if size != (32, 32):
        problem = f"the images are 32 x 32 pixels; the model's input is {size[0]} x {size[1]}."
    elif not involutions:
        problem = "there is no `Involution2D` in it."
    elif wide:
        problem = f"`{wide[0].name}` is a convolution wider than 1x1; leave looking around to the involutions."
    elif max(map(_channels, involutions)) <= 3:
        problem = "the involutions still see three channels; a 1x1 convolution before them makes more."
    elif max(layer.groups for layer in involutions) == 1:
        problem = "all channels of an involution still share one kernel; give it `groups`."
    elif all(getattr(getattr(i.kernel_generator, "reduce", None), "filters", 2) == 1 for i in involutions):
        problem = "with one hidden channel all kernels are multiples of one pattern; lower `reduction_ratio`."
    return Verdict(False, f"Not yet: {problem}") if problem else _verdict_on_outputs(model, larger)


_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)


def _channels(layer):
    """Return how many channels a built `Involution2D` sees."""
    shape = layer.get_build_config()["input_shape"]
    return shape[1 if layer.data_format == "channels_first" else -1]


def _verdict_on_outputs(model, larger):
    """Return the verdict on a network of involutions by what it makes of images."""
    draw, parameters = np.random.default_rng(9).normal, model.count_params()
    images = draw(size=(8, 32, 32, 3)).astype("float32")
    weights = [np.abs(w) if w.ndim == 1 else w for w in (draw(size=w.shape) for w in model.get_weights())]
    try:
        outputs = run(model, images)
        with weights_of(model, [w * np.sqrt(2 / np.prod(w.shape[:-1])) for w in weights]):
            drawn = run(model, images)
    except Exception as error:
        return Verdict(False, f"Not yet: your model {raised(error)}.")
    others = run_if_possible(model, np.ones((2, *larger, 3), "float32"))
    problem = None
    if outputs.shape != (8, 10):
        problem = f"there should be ten logits per image; the output's shape is {outputs.shape}."
    elif np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0:
        problem = "it ends in probabilities; the loss expects logits."
    elif drawn.min() >= 0:
        problem = "the last layer has an activation; logits have none."
    elif others is None or others.shape != (2, 10):
        problem = "the head still depends on the size of the images, as `Flatten` does; pool over all positions."
    elif parameters > 50_000:
        problem = f"it has {parameters:,} parameters, more than 50,000."
    praise = f"{parameters:,} parameters, and kernels that see more than three colors. Now train it."
    return Verdict(False, f"Not yet: {problem}") if problem else Verdict(True, f"Right: {praise}")
