"""What the notebooks write on their pages is what the package keeps and the lab ran."""

import ast
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest

import involution_utils as package
from lab import labels


def code_of(name):
    """Return the sources of the notebook's code cells."""
    path = Path(__file__).parents[1] / "notebooks" / f"{name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source.replace("%pip", "pass  #") for cell in cells if cell.cell_type == "code"]


def definitions(name, variables=()):
    """Return what a notebook imports, its functions and classes, and `variables`; of several, the first."""
    names = {}
    for statement in ast.parse("\n".join(code_of(name))).body:
        defined = getattr(statement, "name", None)
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) in variables:
            defined = ast.unparse(statement.targets[0])
        if isinstance(statement, ast.Import | ast.ImportFrom) or (defined and defined not in names):
            exec(ast.unparse(statement), names)
    return names


pytestmark = pytest.mark.usefixtures("plain")


@pytest.fixture(scope="module")
def page():
    own, beyond = definitions("08_your_own"), definitions("09_beyond_images", ["operators"])
    return definitions("03_training") | definitions("04_a_fair_chance") | own | beyond


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (package.conv_classifier, lambda page: page["classifier"]("cnn", page["convolution"])),
        (package.involution_classifier, lambda page: page["classifier"]("inn", page["involution"])),
        (package.repaired_involution_classifier, lambda page: page["repaired_inn"]()),
    ],
)
def test_the_networks_are_those_of_the_page(ours, theirs, page):
    images = np.random.default_rng(1).uniform(size=(2, 32, 32, 3)).astype("float32")
    answers = []
    for build in (ours, lambda: theirs(page)):
        keras.utils.set_random_seed(5)
        answers.append(np.array(build()(images, training=True)))
    np.testing.assert_allclose(*answers, atol=1e-6)


def alike(first, second):
    """Give `second` the weights of `first`, in their order, none of them as they were at the start."""
    rng = np.random.default_rng(0)
    assert [w.shape for w in first.weights] == [w.shape for w in second.weights]
    values = [rng.uniform(0.1, 1, w.shape) for w in first.weights]
    first.set_weights(values)
    second.set_weights(values)


def test_the_default_generator_is_that_of_the_page(page):
    images = np.random.default_rng(1).normal(size=(2, 7, 10, 8)).astype("float32")
    ours = package.Involution2D(3, use_bias=False)
    theirs = package.Involution2D(3, kernel_generator=page["Generator"](3))
    ours(images), theirs(images)
    for name in ("reduce", "normalize", "span"):
        alike(getattr(ours.kernel_generator, name), getattr(theirs.kernel_generator, name))
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-4)


@pytest.mark.parametrize("operator", ["involution", "depthwise"])
def test_the_networks_that_label_are_those_of_the_page(operator, page):
    images = np.random.default_rng(1).random((2, 13, 9, 3)).astype("float32")
    ours, theirs = labels.build(operator), page["labeler"](page["operators"][operator])
    alike(ours, theirs)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
