"""Intervals that several checks share."""

import numpy as np
from scipy import stats


def student(values, factor=1.0):
    """Return the 95 % Student interval of the mean of a sample, its half width times a factor."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return np.mean(values) + (high - low) / 2 * factor * np.array((-1, 1))


def normal_quantile(values):
    """Return 1.96 as a share of Student's t for a sample."""
    return 1.96 / stats.t.ppf(0.975, len(values) - 1)
