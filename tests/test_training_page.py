"""The networks that notebook 03 writes on its page are those that the package keeps."""

import keras
import numpy as np
import pytest
from notebook_page import definitions

from involution_utils import conv_classifier, involution_classifier, repaired_involution_classifier


@pytest.fixture(scope="module")
def page():
    return definitions("03_training")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (conv_classifier, lambda page: page["classifier"]("cnn", page["convolution"])),
        (involution_classifier, lambda page: page["classifier"]("inn", page["involution"])),
        (repaired_involution_classifier, lambda page: page["repaired_inn"]()),
    ],
    ids=["cnn", "inn", "repaired"],
)
def test_the_networks_are_those_of_the_page(ours, theirs, page):
    images = np.random.default_rng(1).uniform(size=(2, 32, 32, 3)).astype("float32")
    answers = []
    for build in (ours, lambda: theirs(page)):
        keras.utils.set_random_seed(5)
        answers.append(np.array(build()(images, training=True)))
    np.testing.assert_allclose(*answers, atol=1e-6)
