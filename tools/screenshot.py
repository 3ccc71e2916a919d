"""Take the README's picture of the microscope from the real page: python -m tools.screenshot.

It needs Chromium or Chrome, found on the path or named by CHROMIUM.
"""

import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

import keras

from involution_utils import microscope
from involution_utils.data.cifar10 import CIFAR10_CLASSES

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "microscope.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NETWORKS = ("small_rednet", "involution_classifier")  # the first of these that the package ships


def write_page(path: str | os.PathLike) -> None:
    """Write the microscope of a trained network that the package ships to `path`, an HTML file."""
    assets = resources.files("involution_utils") / "assets"
    name = next(name for name in NETWORKS if (assets / f"{name}.keras").is_file())
    with resources.as_file(assets / f"{name}.keras") as file:
        model = keras.saving.load_model(file)
    names = microscope.PICTURE_NAMES
    microscope.page(model, microscope.pictures(), path, class_names=CIFAR10_CLASSES, image_names=names)


def take(picture: str | os.PathLike = PICTURE) -> None:
    """Open the page, point at a position of the image, and write what is seen then to `picture`."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_page(Path(folder, "microscope.html"))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1000, "height": 900}, color_scheme="light")
        page.goto(Path(folder, "microscope.html").as_uri())
        canvas = page.locator("canvas").first
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.45)
        page.wait_for_timeout(500)
        page.screenshot(path=picture, clip={"x": 0, "y": 120, "width": 1000, "height": 780})
        browser.close()


if __name__ == "__main__":
    take()
