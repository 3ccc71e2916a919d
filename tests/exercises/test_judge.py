"""How a verdict looks, and what counts as numbers."""

import json
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest

from involution_utils import exercises
from involution_utils.exercises.judge import Verdict, agree, judge, numbers, show


class Texts(HTMLParser):
    """Collect the text and the tags of a page."""

    def __init__(self):
        super().__init__()
        self.text, self.tags = "", []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "text",
    [
        "Right: 5 x 5 weights.",
        "Not yet: this is global pooling; `Flatten` keeps every pixel.",
        "Not answered yet: write f(x) and let it return its result.",
        "Not yet: your function raised ValueError: <img src=x onerror=alert(1)> & more, for x=1.",
        "Not yet: your function raised KeyError: `<b>a</b>`, for x=1.",
    ],
)
def test_html_says_what_the_text_says_and_runs_nothing(text):
    page = Texts()
    page.feed(Verdict(False, text)._repr_html_())
    assert page.text == text.replace("`", "")
    assert page.tags == ["div", "strong", *["code"] * (text.count("`") // 2)]


def test_html_leaves_colors_to_the_theme_and_breaks_between_words():
    pages = [Verdict(False, f"{start}: text")._repr_html_() for start in ("Right", "Not yet", "Not answered yet")]
    for page in pages:
        style = page.split('"')[1]
        properties = {part.split(":")[0].strip() for part in style.split(";")}
        assert properties == {"border-left", "padding", "white-space", "overflow-wrap"}
        assert "break-all" not in style
    assert len({page.split('"')[1] for page in pages}) == 3


def test_jupyter_gets_the_text_and_the_html():
    from IPython.core.formatters import DisplayFormatter

    found = exercises.check_receptive_field(None)
    data, _ = DisplayFormatter().format(found)
    assert data == {"text/plain": repr(found), "text/html": found._repr_html_()}
    assert str(found) == repr(found)
    assert "Not answered yet" in json.dumps(data)


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, 2.5], object),
        [Fraction(1), Fraction(5, 2)],
        [Decimal(1), Decimal("2.5")],
        np.ma.array([1, 2.5]),
        np.ma.array([1, 2.5], mask=[False, False]),
        [np.float16(1), np.array(2.5)],
        np.array([1, 2.5], "float16"),
    ],
)
def test_arrays_of_any_kind_are_numbers(value):
    np.testing.assert_array_equal(numbers(value), [1, 2.5])
    assert agree(value, (1, 2.5))


@pytest.mark.parametrize(
    "value",
    [
        np.ma.array([1, 2.5], mask=[False, True]),
        np.array([1, None], object),
        np.array([1, "2.5"], object),
        np.array([True, 2], object),
        ["1", "2.5"],
        [1, [2, 3]],
        {1, 2.5},
        {"a": 1},
        (n for n in (1, 2.5)),
        np.array([1, 2.5j]),
        np.array([True, False]),
    ],
)
def test_other_things_are_not(value):
    assert numbers(value) is None
    assert not agree(value, (1, 2.5))


def test_bfloat16_is_a_number():
    from keras import ops

    np.testing.assert_array_equal(numbers(ops.convert_to_tensor([1, 2.5], "bfloat16")), [1, 2.5])


def test_what_is_no_number_is_named():
    assert show(np.ma.array([1, 2], mask=[True, False])) == "a masked array (`.filled(0)` makes an ordinary one)"
    assert show(np.array([None])) == "an array of dtype object"
    assert show([1, [2, 3]]) == "a list"
    assert [show(n) for n in (1234, 1.5, np.float32(2), True)] == ["1,234", "1.5", "2", "a bool"]
    assert show(10**5000) == show(10**400) == "a number of more than 300 digits"
    assert show(np.complex128(1)) == "a complex number"
    assert show(float("inf")) == "inf"


class Silent(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SystemExit(1), "SystemExit: 1"),
        (GeneratorExit(), "GeneratorExit"),
        (Silent(), "Silent"),
        (RecursionError(), "RecursionError"),
    ],
)
def test_whatever_an_answer_raises_is_reported(error, words):
    def answer(x):
        raise error

    found = judge(answer, [(1,)], lambda x: x, "", {})
    assert f"your function raised {words}" in found.text
    assert "a number of more than 300 digits" in judge(lambda x: 10**400, [(1,)], lambda x: x, "", {}).text


def test_a_tolerance_is_absolute():
    assert agree(1e-5, 0)
    assert not agree(1e-3, 0)
    assert not agree(1e-5, 0, tolerance=1e-6)
    assert not agree(1000.1, 1000)


def test_a_class_without_a_name_and_a_generator_are_taken():
    assert "a class without a name" in show(type("", (), {})())
    assert judge(lambda x: (n for n in (x, 2)), [(1,)], lambda x: (x, 2), "", {})
