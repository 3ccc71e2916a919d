"""Build the website: lay out its source in a folder of its own, run Sphinx on it, pack the result for offline use.

python docs/build.py [--out site] [--check-links]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

BADGE = re.compile(r"^\[!\[Open in Colab\].*$", flags=re.M)
ARCHIVE = "involution-site.zip"  # of the whole site; it also says which files a site consists of
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
    import api
    import records

    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.py", "__pycache__", "static"), dirs_exist_ok=True)
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


def add_files(site):
    """Add what Sphinx does not make: notebooks to download, the microscope, the archive of the whole site."""
    from tools import formulas, screenshot

    for path in site.rglob("*.html"):  # a screen reader would announce an empty header
        path.write_text(re.sub(r'<th class="head[^"]*"><p></p></th>', "<td></td>", path.read_text()))
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, site / "notebooks")
    screenshot.write_page(site / "microscope.html")
    (site / "_static" / "formulas.css").write_text(formulas.style())
    archive = shutil.make_archive(str(site.with_name("involution-site")), "zip", site.parent, site.name)
    shutil.move(archive, site / ARCHIVE)


def sphinx(source, target, builder="html"):
    """Run Sphinx, warnings taken for errors."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", builder, "-c", HERE, source, target]
    return subprocess.run([*map(str, command), "-d", str(source.parent / "doctrees")]).returncode


def check_out(out):
    """Refuse, in a sentence, a folder that holds anything but an earlier site: it would be removed."""
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    own = {ARCHIVE}
    try:
        with zipfile.ZipFile(out / ARCHIVE) as archive:
            own |= {name.partition("/")[2] for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        pass
    if (out.exists() and not out.is_dir()) or not found <= own:
        sys.exit(f"{out} is no folder for the site: it holds {min(found - own, default='something else')}")


def main(arguments=None):
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    parser.add_argument("--check-links", action="store_true", help="check the addresses outside, build nothing")
    options = parser.parse_args(arguments)
    options.out = options.out.resolve()
    check_out(options.out)
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "involution-site")
        lay_out(source)
        if options.check_links:
            return sphinx(source, made, "linkcheck")
        failed = sphinx(source, made)
        if failed:
            return failed
        for leftover in (".buildinfo", "objects.inv"):
            (made / leftover).unlink(missing_ok=True)
        add_files(made)
        check_out(options.out)
        shutil.rmtree(options.out, ignore_errors=True)
        shutil.move(made, options.out)
    print(f"{options.out}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
