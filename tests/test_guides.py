"""The guides: each page's code runs as it stands there, in a namespace of its own."""

import re
from pathlib import Path

import keras
import pytest

GUIDES = Path(__file__).resolve().parents[1] / "docs" / "guides"
PAGES = sorted(path for path in GUIDES.glob("*.md") if path.name != "index.md")
LONG = {"replace_convolutions"}  # Keras compiles its training step

if keras.backend.backend() != "tensorflow":
    pytest.skip("the guides speak of Keras on TensorFlow", allow_module_level=True)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.stem, marks=[pytest.mark.long] * (page.stem in LONG)) for page in PAGES]
)
def test_the_code_of_a_guide_runs(page):
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, "a guide without code"
    exec(compile("\n".join(blocks), page.name, "exec"), {})
    assert "assert" in "".join(blocks), "code that claims nothing"


def test_the_list_names_every_guide():
    text = (GUIDES / "index.md").read_text()
    assert set(re.findall(r"\((\w+)\.md\)", text)) == {page.stem for page in PAGES}
