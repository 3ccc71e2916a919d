"""The networks that notebook 03 writes on its page are those that the package keeps."""

import ast
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest

from involution_utils import conv_classifier, involution_classifier, repaired_involution_classifier

NOTEBOOK = Path(__file__).parents[1] / "notebooks/03_training.ipynb"


@pytest.fixture(scope="module")
def page():
    """The names that the page imports and the functions that it defines; of several definitions, the first."""
    code = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    names: dict = {}
    for statement in ast.parse("\n".join(code).replace("%pip", "pass  #")).body:
        name = getattr(statement, "name", None)
        if isinstance(statement, ast.Import | ast.ImportFrom) or (name and name not in names):
            exec(ast.unparse(statement), names)
    return names


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
