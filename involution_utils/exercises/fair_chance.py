"""The checks of notebook 04."""

from typing import Any

import keras
import numpy as np

from involution_utils.analysis import parts
from involution_utils.execution import plain_operations
from involution_utils.exercises.judge import Verdict, attempt, is_stub, judge, raised, show, unanswered, verdict
from involution_utils.exercises.layers import close, output, weights_of
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
        "the sizes are rounded wrongly: 2x2 pooling of 7 pixels gives 3, separately on each axis.": (
            lambda h, w, c, n: (h * w / 16 * c + 1) * n,
            lambda h, w, c, n: (-(-h // 4) * -(-w // 4) * c + 1) * n,
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

    mistakes = {
        "this is a ratio of accuracies; subtract the INN's first, which is where the way begins.": (
            lambda inn, repaired, cnn: np.mean(repaired) / np.mean(cnn)
        ),
        "this is the difference; divide it by the whole distance.": (
            lambda inn, repaired, cnn: np.mean(repaired) - np.mean(inn)
        ),
        "the difference is divided by an accuracy; divide it by the distance from the INN to the CNN.": (
            lambda inn, repaired, cnn: (np.mean(repaired) - np.mean(inn)) / np.mean(cnn),
            lambda inn, repaired, cnn: (np.mean(repaired) - np.mean(inn)) / np.mean(inn),
        ),
        "this is a mean of shares, in which a small distance counts as much as a large one; take the means first.": (
            lambda inn, repaired, cnn: np.mean((np.array(repaired) - inn) / (np.array(cnn) - inn))
        ),
    }
    cases = [([0.2], [0.3], [0.6]), ([0.4], [0.3], [0.6]), ([0.4, 0.44, 0.3], [0.7, 0.5, 0.66], [0.8, 0.71, 0.52])]
    cases += [([0.3, 0.35, 0.31, 0.42], [0.6, 0.52, 0.7, 0.64], [0.55, 0.61, 0.5, 0.58])]
    return judge(answer, cases, recovered, "a share of the way, from the means.", mistakes)


@plain_operations()  # compiling them for a few images would take longer
def check_repaired_inn(answer: Any) -> Verdict:
    """Check a small network of involutions for CIFAR-10 that lacks the faults of the original's.

    Args:
        answer: a Keras model, or a function without arguments that builds it: images of 32 x 32 x 3 to ten logits;
            involutions on more than three channels, which 1x1 convolutions make, in more than one group and with more
            than one hidden channel; no wider convolutions; a head that takes the mean over all positions (or the
            largest value) of each channel; 50,000 parameters at most.
    """
    model = answer if isinstance(answer, keras.Model) or not callable(answer) else attempt(answer)
    if is_stub(model):
        return unanswered("build the model, and hand it (or the function that builds it) over.")
    if isinstance(model, BaseException):
        return verdict(f"building the model {raised(model)}.")
    if not isinstance(model, keras.Model):
        return verdict(f"expected a Keras model or a function that builds one, got {show(model)}.")
    images = np.random.default_rng(9).normal(size=(2, 48, 64, 3)).astype("float32")
    logits = output(model, images[:, :32, :32])
    if isinstance(logits, BaseException) or is_stub(logits):
        fault = raised(logits) if isinstance(logits, BaseException) else "returned nothing"
        return verdict(f"your model {fault}, given images of 32 x 32 pixels.")
    involutions = [part for part in parts(model) if isinstance(part, Involution2D) and part.built]
    channels = [layer.get_build_config()["input_shape"][-1] for layer in involutions]
    wide = [w.path for w in model.weights if len(w.shape) == 4 and max(w.shape[:2]) > 1]
    parameters, problem = model.count_params(), None
    if not involutions:
        problem = "there is no `Involution2D` in it."
    elif wide:
        problem = f"`{wide[0]}` is a convolution wider than 1x1; leave looking around to the involutions."
    elif min(channels) <= 3:
        problem = "an involution still sees three channels; a 1x1 convolution before it makes more."
    elif any(layer.groups == 1 for layer in involutions):
        problem = "all channels of an involution still share one kernel; give it `groups`."
    elif max(max(layer.kernel_size) for layer in involutions) == 1:
        problem = "with kernels of 1x1 no involution looks around; enlarge `kernel_size`."
    elif any(n // layer.reduction_ratio <= 1 for n, layer in zip(channels, involutions, strict=True)):
        problem = "with one hidden channel all kernels are multiples of one pattern; lower `reduction_ratio`."
    elif parameters > 50_000:
        problem = f"it has {parameters:,} parameters, more than 50,000."
    elif logits.shape != (2, 10):
        problem = f"there should be ten logits per image; the output's shape is {logits.shape}."
    elif getattr(output(model.call, images), "shape", None) != (2, 10):  # `call` takes images of any size
        problem = "the head still depends on the size of the images, as `Flatten` does; pool over all positions."
    else:
        problem = _output_problem(model, involutions, images[:, :32, :32])
    return verdict(problem, f"{parameters:,} parameters, and kernels that see more than three colors. Now train it.")


def _output_problem(model, involutions, images):
    """Return what is wrong with a network by what it makes of images, with weights drawn at random."""
    random, changed = np.random.default_rng(9), np.repeat(images[:1], 5, axis=0)
    for image, (top, left) in zip(changed, ((0, 0), (0, 28), (14, 14), (28, 0), (28, 28)), strict=True):
        image[top : top + 4, left : left + 4] = 30 * random.normal(size=(4, 4, 3))
    weights = [random.normal(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) for w in model.get_weights()]
    with weights_of(model, [np.abs(w) if w.ndim == 1 else w for w in weights]):
        outputs = output(model, images)
        for last in (layer for layer in model.layers if layer.weights and layer.weights[0].shape[-1] == 10):
            with weights_of(last, [-2 * np.array(w) for w in last.weights]):
                if close(output(model, images), -2 * outputs):
                    break
        else:
            return "the last layer has an activation, such as softmax; the loss expects logits."
        if any(np.allclose(one, outputs[0], 0, 1e-5 * np.abs(outputs).max()) for one in output(model, changed)):
            return "the head leaves out a part of the image; pool over all positions."
        for layer in involutions:
            with weights_of(layer, [random.normal(size=w.shape) ** 2 for w in layer.weights]):
                if close(output(model, images), outputs):
                    return f"the outputs do not depend on `{layer.name}`; put it in the path of the images."
    return None
