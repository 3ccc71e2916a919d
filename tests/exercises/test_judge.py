"""How a verdict looks, and what counts as numbers."""

from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest

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


def test_html_says_what_the_text_says_and_runs_nothing():
    for text in (
        "Right: 5 x 5 weights.",
        "Not yet: this is global pooling; `Flatten` keeps every pixel.",
        "Not yet: your function raised ValueError: <img src=x onerror=alert(1)> & more, for x=1.",
        "Not answered yet: `<b>a</b>`, for x=1.",
    ):
        page = Texts()
        page.feed(Verdict(False, text)._repr_html_())
        assert page.text == text.replace("`", "")
        assert page.tags == ["div", "strong", *["code"] * (text.count("`") // 2)]


def test_arrays_of_any_kind_are_numbers():
    from keras import ops

    for value in (
        np.array([1, 2.5], object),
        [Fraction(1), Decimal("2.5")],
        np.ma.array([1, 2.5], mask=[False, False]),
        [np.float16(1), np.array(2.5)],
        ops.convert_to_tensor([1, 2.5], "bfloat16"),
    ):
        np.testing.assert_array_equal(numbers(value), [1, 2.5])
        assert agree(value, (1, 2.5))


def test_other_things_are_not():
    masked, generator = np.ma.array([1, 2.5], mask=[False, True]), (n for n in (1, 2.5))
    objects = (np.array([1, None], object), np.array([1, "2.5"], object), np.array([True, 2], object))
    for value in (masked, generator, *objects, ["1", "2.5"], [1, [2, 3]], {1, 2.5}, np.array([1, 2.5j]), [True, False]):
        assert numbers(value) is None
        assert not agree(value, (1, 2.5))


def test_what_is_no_number_is_named():
    assert show(np.array([None])) == "an array of dtype object"
    assert show([1, [2, 3]]) == "a list"
    assert [show(n) for n in (1234, 1.5, np.float32(2), True, float("inf"))] == ["1,234", "1.5", "2", "a bool", "inf"]
    assert show(10**5000) == "a number of more than 300 digits"
    assert show(np.complex128(1)) == "a complex128"
    assert show(type("", (), {})()) == "an object"


@pytest.mark.parametrize("error", [SystemExit(1), GeneratorExit(), RecursionError()])
def test_whatever_an_answer_raises_is_reported(error):
    def answer(x):
        raise error

    found = judge(answer, [(1,)], lambda x: x, "", {})
    assert f"your function raised {type(error).__name__}" in found.text


def test_a_tolerance_is_absolute():
    assert agree(1e-5, 0)
    assert not agree(1e-3, 0)
    assert not agree(1000.1, 1000)


def test_what_yields_numbers_is_taken():
    assert judge(lambda x: (n for n in (x, 2)), [(1,)], lambda x: (x, 2), "", {})
