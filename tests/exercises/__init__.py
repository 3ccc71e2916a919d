"""Answers as learners would write them: for each check its solution, right ones in other styles, and mistakes."""

import importlib
import pkgutil

import pytest

ANSWERS, RIGHT, MISTAKES = {}, [], []


def solution(check):
    """Register a function as the solution of a check."""
    return lambda function: ANSWERS.setdefault(check, function)


def right(check, name=None):
    """Register an answer in another style that is right, too."""

    def register(answer):
        RIGHT.append(pytest.param(check, answer, id=f"{check}-{name or answer.__name__}"))
        return answer

    return register


def mistake(check, hint, name=None):
    """Register a wrong answer whose verdict mentions `hint`; one hint may serve several answers."""

    def register(answer):
        MISTAKES.append(pytest.param(check, answer, hint, id=f"{check}-{name or answer.__name__}"))
        return answer

    return register


for module in pkgutil.iter_modules(__path__):  # each registers its answers
    if not module.name.startswith("test_"):
        importlib.import_module(f"{__name__}.{module.name}")
