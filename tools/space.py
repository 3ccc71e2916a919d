"""Make the folder of a static Hugging Face Space with the kernel microscope: `make space`.

    python -m tools.space --out space

It holds `index.html`, the page of the shipped small RedNet, and a README with the front matter of a Space. Any static
site can serve it, and `index.html` opens from a file, too.
"""

import argparse
from pathlib import Path

from involution_utils import checks, load_trained, microscope
from involution_utils.data.cifar10 import CIFAR10_CLASSES

README = """---
title: Kernel microscope
emoji: 🔬
colorFrom: blue
colorTo: red
sdk: static
app_file: index.html
pinned: false
license: apache-2.0
short_description: A trained involution network, alive in the page
---

# Kernel microscope

A small RedNet ([Li et al., CVPR 2021](https://arxiv.org/abs/2103.06255)), trained on CIFAR-10, runs in your browser.
Its involutions make a kernel for every position of the image: move over it and see which. Nothing is sent anywhere.

The ten photographs are in the public domain or released under CC0.
"""


def write(folder: Path) -> None:
    """Write the Space into `folder`, which may hold other files."""
    page = microscope.show(
        load_trained("small_rednet"),
        microscope.pictures(),
        class_names=CIFAR10_CLASSES,
        image_names=microscope.PICTURE_NAMES,
    )
    page.save(folder / "index.html")
    checks.write_whole(folder / "README.md", lambda part: part.write_text(README, encoding="utf-8"))


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.space", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", default="space", help="the folder to write to (space)")
    folder = checks.folder("out", parser.parse_args(arguments).out)
    write(folder)
    print(f"{folder}: a static Space; open {folder / 'index.html'} to see it")


if __name__ == "__main__":
    main()
