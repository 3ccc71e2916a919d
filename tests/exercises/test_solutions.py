"""The solutions in the notebooks' folds are right answers to the exercises before them."""

import itertools
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SETUP = {
    "01_convolution": "import numpy as np",
    "02_involution": "import numpy as np\nimport keras\nfrom keras import layers, ops",
    "03_training": "import numpy as np\nimport keras\nfrom keras import layers\n"
    "from involution_utils import Involution2D",
    "08_your_own": "import numpy as np\nimport keras\nfrom keras import layers, ops",
}


def solutions():
    for path in sorted(NOTEBOOKS.glob("0*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        own = [c.source for c in cells if c.cell_type == "code" and "class MyInvolution(" in c.source]
        for cell, fold in itertools.pairwise(cells):
            check = re.search(r"exercises\.(check_\w+)\((\w+)\)", cell.source)
            if cell.cell_type == "code" and check:
                code = re.search(r"```python\n(.*?)```", fold.source, re.S) or re.search(r": `(.*?)`\.", fold.source)
                code = code[1] if "\n" in code[1] else f"answer = {code[1]}"
                setup = "\n".join([SETUP.get(path.stem, "import numpy as np"), *own[-1:]])
                yield pytest.param(setup, code, *check.groups(), id=check[1])


@pytest.mark.parametrize(("setup", "code", "check", "answer"), solutions())
def test_the_solution_in_the_fold_is_right(setup, code, check, answer):
    from involution_utils import exercises

    names = {}
    exec(setup, names)
    exec(code, names)
    verdict = getattr(exercises, check)(names[answer])
    assert verdict, verdict
