"""Build the website: lay out its source in a folder of its own, run Sphinx on it, pack the result for offline use.

python -m docs.build [--out site] [--check-links]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BADGE = re.compile(r"^\[!\[Open in Colab\].*$", flags=re.M)
ARCHIVE = "involution-site.zip"
NETWORKS = ROOT / "lab" / "networks"
SCREEN = {  # networks of the experiment `four_operators`, and their titles
    "convolution, narrow": "Convolution",
    "depthwise": "Depthwise",
    "involution": "Involution",
    "attention": "Local attention",
}
COPIED = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE")


def repository():
    """Return the repository's address, which pyproject.toml alone holds."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def launch_links(notebook):
    """Return the row of links that replaces the Colab badge, a picture from elsewhere."""
    name = repository().removeprefix("https://github.com/")
    places = {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/main/notebooks/{notebook}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src={repository()}/blob/main/notebooks/{notebook}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/notebooks/{notebook}",
    }
    links = "".join(f'<a href="{address}">{place}</a>' for place, address in places.items())
    return f'<p class="launch"><span>Run this page in</span> {links}<a href="{notebook}" download>Download</a></p>'


def lay_out(source):
    """Write the site's source: the pages of docs/, the notebooks, and what is generated from the package."""
    from docs import api, records

    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.py", "__pycache__", "static"))
    (source / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text())
        first = notebook["cells"][0]
        first["source"] = BADGE.sub(launch_links(path.name), "".join(first["source"]))
        (source / "notebooks" / path.name).write_text(json.dumps(notebook))
    shutil.copy(ROOT / "notebooks" / "README.md", source / "notebooks")
    for name in COPIED:
        shutil.copy(ROOT / name, source)
    api.write(source / "api")
    records.write(source)


def write_microscope(path):
    """Write the microscope of the small RedNet that ships with the package."""
    from involution_utils import load_pretrained, microscope
    from involution_utils.data.cifar10 import CIFAR10_CLASSES

    network, names, labels = load_pretrained("small_rednet"), microscope.PICTURE_NAMES, microscope.PICTURE_LABELS
    microscope.show(network, microscope.pictures(), labels, CIFAR10_CLASSES, image_names=names).save(path)


def write_screen(path):
    """Write the page with the four networks that the lab keeps."""
    from keras.saving import load_model

    from involution_utils import microscope, records
    from involution_utils.data.cifar10 import CIFAR10_CLASSES

    rows = {row["name"]: row for row in records.read_rows("four_operators")}
    networks = {title: load_model(NETWORKS / f"{title.lower().replace(' ', '_')}.keras") for title in SCREEN.values()}
    shares = [f"{title} {100 * rows[name]['test_accuracy']:.0f}\u00a0%" for name, title in SCREEN.items()]
    budget = "on {train_images:,} images of CIFAR-10 for {epochs} epochs".format(**rows["involution"])
    about = f"Trained alike and briefly, {budget}, so often wrong. Test images right: {', '.join(shares)}."
    shown = sorted(range(10), key=lambda number: number != 1)  # the cat: involution sees it, and not with one kernel
    pictures, labels, names = microscope.pictures(), microscope.PICTURE_LABELS, microscope.PICTURE_NAMES
    pictures, labels, names = pictures[shown], [labels[n] for n in shown], [names[n] for n in shown]
    microscope.screen(networks, pictures, labels, CIFAR10_CLASSES, image_names=names, about=about).save(path)


def sphinx(source, target, *options):
    """Run Sphinx with this folder's settings, with `options` besides, and return its exit status: 0 is well."""
    command = [sys.executable, "-m", "sphinx", "-q", "-c", HERE, "-d", source.parent / "doctrees", *options]
    status = subprocess.run([*map(str, command), str(source), str(target)]).returncode
    for path in target.rglob("*.html"):  # a screen reader would announce an empty header
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"<th[^>]*>(<p></p>)?\s*</th>", "<td></td>", text), encoding="utf-8")
    for leftover in (".buildinfo", "objects.inv"):
        (target / leftover).unlink(missing_ok=True)
    return status


def main(arguments=None):
    """Command line: see the module's docstring."""
    from tools import output

    parser = argparse.ArgumentParser(prog="python -m docs.build", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    parser.add_argument("--check-links", action="store_true", help="check the addresses outside, build nothing")
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    before = output.earlier(out)
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "involution-site")
        lay_out(source)
        if options.check_links:
            return sphinx(source, made, "-b", "linkcheck")
        if sphinx(source, made, "-W", "--keep-going"):
            return 1
        for path in (ROOT / "notebooks").glob("*.ipynb"):  # to download
            shutil.copy(path, made / "notebooks")
        write_microscope(made / "microscope.html")
        write_screen(made / "screen.html")
        archive = shutil.make_archive(str(made), "zip", made.parent, made.name)
        work = output.begin(out)
        shutil.copytree(made, work, dirs_exist_ok=True)
        shutil.move(archive, work / ARCHIVE)
        print(output.finish(work, out, before) / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
