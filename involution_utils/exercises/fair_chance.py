"""The checks of notebook 04."""

from typing import Any

import numpy as np

from involution_utils.analysis import parts
from involution_utils.exercises.judge import Verdict, attempt, judge, raised, verdict
from involution_utils.exercises.network import close, input_size, received, run, weights_of
from involution_utils.layers import Involution2D


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


def check_recovered(answer: Any) -> Verdict:
    """Check `recovered(inn, repaired, cnn)`.

    Args:
        answer: function of three lists of accuracies, run by run with the same seed, that returns how much of the
            distance from the mean INN to the mean CNN the mean repaired INN covers: 0 none, 1 all of it.
    """

    def recovered(inn, repaired, cnn):
        return (np.mean(repaired) - np.mean(inn)) / (np.mean(cnn) - np.mean(inn))

    def of_each(inn, repaired, cnn):
        return (np.array(repaired) - inn) / (np.array(cnn) - inn)

    mistakes = {
        "this is the part that is still missing.": lambda *a: 1 - recovered(*a),
        "this is a ratio of accuracies; subtract the INN's first, which is where the way begins.": (
            lambda inn, repaired, cnn: np.mean(repaired) / np.mean(cnn)
        ),
        "this is the difference; divide it by the whole distance.": (
            lambda inn, repaired, cnn: np.mean(repaired) - np.mean(inn)
        ),
        "the difference is divided by the CNN's accuracy, not by the distance to it.": (
            lambda inn, repaired, cnn: (np.mean(repaired) - np.mean(inn)) / np.mean(cnn)
        ),
        "this is the gain relative to the INN; divide by the distance to the CNN.": (
            lambda inn, repaired, cnn: (np.mean(repaired) - np.mean(inn)) / np.mean(inn)
        ),
        "this is upside down.": lambda *a: 1 / recovered(*a),
        "this is a share for each seed; take the means first.": of_each,
        "this is a mean of shares, in which a small distance counts as much as a large one; take the means first.": (
            lambda *a: of_each(*a).mean()
        ),
        "these are percent; return a share.": lambda *a: 100 * recovered(*a),
    }
    cases = [([0.2], [0.3], [0.6]), ([0.4, 0.44, 0.3], [0.7, 0.5, 0.66], [0.8, 0.71, 0.52])]
    cases += [([0.3, 0.35, 0.31, 0.42], [0.6, 0.52, 0.7, 0.64], [0.55, 0.61, 0.5, 0.58])]
    return judge(answer, cases, recovered, "a share of the way, from the means.", mistakes)


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
