"""Models with random weights, for the tests of the pages."""

import numpy as np


def randomized(model, seed=0):
    """Give every weight a random value, so that nothing is zero or one by its initializer."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        name, shape = weight.path.split("/")[-1], tuple(weight.shape)
        if name == "seed_generator_state":
            continue
        values = rng.normal(size=shape) / max(1, np.prod(shape[:-1])) ** 0.5
        if name in ("gamma", "moving_variance"):
            values = rng.uniform(0.5, 1.5, shape)
        elif name in ("beta", "moving_mean", "bias", "position_bias"):
            values = 0.1 * rng.normal(size=shape)
        weight.assign(values)
    return model
