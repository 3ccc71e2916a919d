"""Set up what has to stand before the backend is imported, and Hypothesis's two profiles."""

import os
import shutil
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import keras
import pytest

if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)  # gradients are checked in float64

hypothesis.settings.register_profile("ci", max_examples=25, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A shell starts a command in the background with SIGINT ignored; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with whole notebooks, which take longest, so that no process waits for another one's at the end."""
    items.sort(key=lambda item: item.path.stem != "test_notebooks")


@pytest.fixture
def plain():
    """Spare a test the compilation of its shapes, where how the operation runs is not its matter."""
    from involution_utils.execution import plain_operations

    with plain_operations():
        yield


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium or Chrome, shared by all tests marked `browser`; each test opens a page of its own."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, "no browser: apt-get install chromium, or name one by CHROMIUM=/path/to/it"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--allow-file-access-from-files"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=arguments)
        yield launched
        launched.close()
