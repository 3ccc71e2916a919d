"""Notebook 03's networks are those that the package keeps, and notebook 04 tables what 03 left as what it is."""

import ast

import keras
import nbformat
import numpy as np
import pytest
from notebook_page import NOTEBOOKS, definitions

from involution_utils import (
    conv_classifier,
    involution_classifier,
    repaired_involution_classifier,
    save_json,
    save_model,
)


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


def test_a_network_of_ones_own_is_tabled_by_its_own_record(tmp_path, capsys):
    """It was once given the test accuracy of the network that ships."""
    save_model(involution_classifier(), tmp_path / "involution_classifier.keras")
    row = {"model": "involution_classifier", "dataset": "shapes", "train_images": 10, "epochs": 1}
    save_json(row | {"test_accuracy": 0.11}, tmp_path / "involution_classifier.json")
    cells = nbformat.read(NOTEBOOKS / "04_kernels.ipynb", as_version=4).cells
    sources = [cell.source.replace("%pip", "pass  #") for cell in cells if cell.cell_type == "code"]
    parameters, *others, table = sources[:4]
    names = {}
    exec(parameters, names)
    names |= {"dataset": "shapes", "test_size": 10, "output_dir": str(tmp_path)}
    for source in others:
        exec(source, names)
    said = capsys.readouterr().out
    assert "involution_classifier: trained by notebook 03\n" in said
    assert "small_rednet: ships with the package; it was trained on cifar10, and knows nothing of shapes" in said
    *before, shown = ast.parse(table).body
    exec(ast.unparse(before), names)
    own, shipped = eval(ast.unparse(shown), names).to_dict("records")
    assert {key: own[key] for key in row} == row
    assert own["test_accuracy"] == 0.11
    assert shipped["dataset"] == "cifar10"
