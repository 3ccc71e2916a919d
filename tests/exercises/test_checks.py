"""Every check takes right answers in any style, refuses wrong ones, and names what is wrong."""

import functools
import math
import re
import sys

import numpy as np
import pytest

from exercises import ANSWERS, MISTAKES, RIGHT
from involution_utils import exercises

CHECKS = sorted(name.removeprefix("check_") for name in dir(exercises) if name.startswith("check_"))


def verdict(check, answer):
    return getattr(exercises, f"check_{check}")(answer)


FUNCTIONS = [check for check in CHECKS if "let it return its result" in verdict(check, None).text]  # judged by cases


def hints(check):
    """Return the hints that name a mistake; the others show a case, and what was expected and received there."""
    found = {p.values[2] for p in MISTAKES if p.values[0] == check}
    return {hint for hint in found if not re.search("got |raised |expected |for |=", hint)}


def test_every_check_has_a_solution_and_three_mistakes():
    assert sorted(ANSWERS) == CHECKS
    for check in CHECKS:
        assert len(hints(check)) >= 3, check


@pytest.mark.parametrize("check", CHECKS)
def test_the_solution_in_the_notebooks_fold_passes(check):
    found = verdict(check, ANSWERS[check])
    assert found.right, found
    assert found
    assert repr(found).startswith("Right: ")


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_in_another_style_passes(check, answer):
    found = verdict(check, answer)
    assert found.right, found


@pytest.mark.parametrize(("check", "wrong", "hint"), MISTAKES)
def test_a_mistake_gets_its_own_hint(check, wrong, hint):
    found = verdict(check, wrong)
    assert not found
    assert found.text.startswith("Not yet: ")
    assert hint in found.text
    assert not [other for other in hints(check) - {hint} if other in found.text]


@pytest.mark.parametrize("check", FUNCTIONS)
def test_no_hint_is_out_of_reach(check, monkeypatch):
    """Each mistake that a check knows gets its hint: no case is too easy for it, and no hint before it takes it."""
    module, known = sys.modules[getattr(exercises, f"check_{check}").__module__], []
    judge = module.judge
    monkeypatch.setattr(module, "judge", lambda *of, **more: known.append((of[2], of[4])) or judge(*of, **more))
    verdict(check, ANSWERS[check])
    monkeypatch.undo()
    for solution, mistakes in known:
        for hint, wrongs in mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                answer = functools.partial(solution, **wrong) if isinstance(wrong, dict) else wrong
                assert verdict(check, answer).text == f"Not yet: {hint}"


@pytest.mark.parametrize("check", CHECKS)
def test_the_stub_counts_as_unanswered(check):
    def raises(*args):
        raise NotImplementedError

    for stub in [None, ...] + [lambda *args: None, lambda *args: ..., raises] * (check in FUNCTIONS):
        assert verdict(check, stub).text.startswith("Not answered yet: ")


@pytest.mark.parametrize("check", FUNCTIONS)
def test_exceptions_and_other_wrong_answers_come_with_their_case(check):
    assert "raised ZeroDivisionError: division by zero, for " in verdict(check, lambda *args: 1 / 0).text
    assert "raised TypeError" in verdict(check, lambda: None).text
    for spoil in (lambda a: a + 0.001, lambda a: a.astype(str)):
        found = verdict(check, lambda *args, spoil=spoil: spoil(np.asarray(ANSWERS[check](*args))))
        assert not found
        assert ", got " in found.text
        assert ", for " in found.text
        assert not [hint for hint in hints(check) if hint in found.text]


def test_a_number_may_be_of_any_kind_but_must_be_one():
    from keras import ops

    for right in (51_264, 51_264.0, np.int64(51_264), np.array(51_264), ops.convert_to_tensor(51_264)):
        assert verdict("parameter_count", right)
    for wrong in ("51264", [51_264], True, object(), len, 51_263, float("nan")):
        found = verdict("parameter_count", wrong)
        assert not found
        assert "51,264" not in found.text


def test_an_answer_that_returns_nothing_in_one_case_is_told_so():
    found = verdict("receptive_field", lambda layers: layers[0][0] if len(layers) == 1 else None)
    assert found.text == "Not yet: expected a number, got nothing, for layers=[(3, 1), (5, 1)]."


def test_an_answer_may_change_its_arguments():
    def careless(image, kernel, stride):
        result = ANSWERS["strided_convolution"](image, kernel, stride)
        image *= 0
        return result

    assert verdict("strided_convolution", careless)


def test_a_result_instead_of_the_function_is_told():
    assert "the function receptive_field(layers) itself" in verdict("receptive_field", 7).text


def test_the_solutions_agree_with_the_package():
    import keras

    from involution_utils import AttentionKernelGenerator, Involution2D, KernelGenerator

    for c, k, g, r in ((3, 3, 1, 2), (6, 5, 2, 4), (2, 3, 1, 4)):
        layer = Involution2D(kernel_size=k, groups=g, reduction_ratio=r)
        layer.build((None, 8, 8, c))
        assert sum(math.prod(w.shape) for w in layer.trainable_weights) == ANSWERS["involution_parameters"](c, k, g, r)
    for c, k, g, r in ((8, 3, 2, 2), (64, 7, 4, 4)):
        generator = AttentionKernelGenerator(k, groups=g, reduction_ratio=r)
        generator.build((None, 8, 8, c))
        assert generator.count_params() == ANSWERS["attention_parameters"](c, k, g, r)
    for c, k, n, r in ((16, 3, 16, 4), (64, 7, 8, 2)):
        generator = KernelGenerator(k, groups=c // n, reduction_ratio=r, use_bias=False)
        generator.build((None, 8, 8, c))
        made = ANSWERS["operator_parameters"](c, k, n, r)[2]
        assert sum(math.prod(w.shape) for w in generator.trainable_weights) == made
    model = keras.Sequential([keras.Input((32, 32, 32)), keras.layers.Conv2D(64, kernel_size=5)])
    assert verdict("parameter_count", model.count_params())


def test_a_layer_without_a_call_or_a_result_is_a_stub():
    import keras

    class WithoutCall(keras.layers.Layer):
        def __init__(self, kernel_size, groups, reduction_ratio):
            super().__init__()

    def raises(self, inputs):
        raise NotImplementedError

    unfinished = [type("Unfinished", (WithoutCall,), {"call": call}) for call in (lambda self, inputs: None, raises)]
    for stub in (WithoutCall, *unfinished):
        assert verdict("own_involution_layer", stub).text.startswith("Not answered yet: ")


def test_a_generator_is_judged_by_what_it_should_look_at():
    from exercises.your_own import OneKernel, OwnPixel, PositionCode, WiderContext

    check = exercises.check_kernel_generator
    assert check(OwnPixel, looks_at="pixel")
    assert check(WiderContext, looks_at="pixel")
    assert check(PositionCode, looks_at="position")
    assert "are alike; they should know" in check(OwnPixel, looks_at="position").text
    assert "are alike; they should know" in check(WiderContext, looks_at="position").text
    for looks_at in ("pixel", "neighbors", "position"):
        assert "do not depend on the image" in check(OneKernel, looks_at=looks_at).text
    with pytest.raises(ValueError, match='`looks_at` must be "pixel", "neighbors" or "position"'):
        check(WiderContext, looks_at="image")
