"""One place for each fact: pyproject.toml, the locks, environment.yml and the workflows agree; the wheel is whole."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import involution_utils
from tools import arithmetic

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {name: (ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")}
EXTRAS = PROJECT["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHONS = ["3.11", "3.12", "3.13"]


def locked(name, python):
    """Return {package: version} of a lock for a Python version."""
    environment = default_environment() | {"python_full_version": f"{python}.0", "python_version": python}
    lines = re.findall(r"^([\w.\[\]-]+==[^\\\n]+?)\s*\\$", LOCKS[name], flags=re.M)
    requirements = [Requirement(line) for line in lines]
    return {r.name: str(r.specifier)[2:] for r in requirements if not r.marker or r.marker.evaluate(environment)}


def needs(*extras):
    """Return the requirements of the package with these extras, those that an extra takes from others included."""
    found = [
        Requirement(line) for line in [*PROJECT["dependencies"], *(line for name in extras for line in EXTRAS[name])]
    ]
    taken = {extra for requirement in found if requirement.name == PROJECT["name"] for extra in requirement.extras}
    own = [requirement for requirement in found if requirement.name != PROJECT["name"]]
    return own + (needs(*taken) if taken else [])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("lock", "extra"), [("requirements.lock", "series"), ("requirements-dev.lock", "dev")])
def test_a_lock_satisfies_its_dependencies(lock, extra, python):
    versions = locked(lock, python)
    for requirement in needs(extra):
        assert requirement.name in versions, f"{requirement.name} is missing in {lock}: run make lock"
        assert requirement.specifier.contains(versions[requirement.name]), f"{requirement}: run make lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_learners_lock_is_part_of_the_other(python):
    assert locked("requirements.lock", python).items() <= locked("requirements-dev.lock", python).items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash_and_no_host(lock):
    entries = re.split(r"^(?=[\w.\[\]-]+==)", LOCKS[lock], flags=re.M)[1:]
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCKS[lock]
    assert not {"torch", "torchvision"} & set(locked(lock, "3.11"))


def test_the_base_install_is_a_layer_and_no_more():
    assert [requirement.name for requirement in needs()] == ["keras", "lazy-loader", "numpy"]


def installed_by_set_up_cells():
    """Return the requirements of the package that the notebooks install on Colab, by their extras."""
    texts = "".join(path.read_text() for path in (ROOT / "notebooks").glob("0*.ipynb"))
    return [Requirement(line) for line in sorted(set(re.findall(r'pip install -q \\"(.+?)\\"', texts)))]


def test_installing_on_colab_exchanges_nothing_that_colab_ships():
    """If every direct dependency is satisfied by what is there, pip changes nothing, the running kernel least."""
    lines = (ROOT / "tests" / "data" / "colab-2026-08.txt").read_text().splitlines()
    shipped = {canonicalize_name(name): version for name, version in (x.split("==") for x in lines if x[0] != "#")}
    assert SpecifierSet(PROJECT["requires-python"]).contains("3.13.15")
    extras = {extra for requirement in installed_by_set_up_cells() for extra in requirement.extras}
    for requirement in needs("series", *extras):
        version = shipped.get(canonicalize_name(requirement.name))
        assert version is None or requirement.specifier.contains(version), f"{requirement}: Colab ships {version}"
    assert all(canonicalize_name(requirement.name) in shipped for requirement in needs())


def test_environment_yml_uses_the_learners_lock_and_a_python_that_is_allowed():
    text = (ROOT / "environment.yml").read_text()
    assert "--requirement requirements.lock" in text
    (python,) = re.findall(r"- python=(\S+)", text)
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


def test_every_make_target_that_a_file_names_is_there():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.M))
    files = [ROOT / ".ci" / "run", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *WORKFLOWS]
    named = {
        name
        for path in files
        for name in re.findall(r"(?:^|[`\s])make ([a-z-]+)\b(?= |`|$)", path.read_text(), flags=re.M)
    }
    assert named - targets - {name for name in named if name.startswith("results-")} == set()
    assert {"run", "lab", "test", "test-all", "test-torch", "lint", "bench", "site"} <= targets


def test_no_test_waits_for_ever(pytestconfig):
    assert 0 < float(pytestconfig.getini("timeout")) <= 600


def test_the_version_stands_in_one_place():
    version = involution_utils.__version__
    assert str(Version(version)) == version
    assert PROJECT["dynamic"] == ["version"]
    assert re.findall(r"^## \[?([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)[0] == version
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {version}\n" in citation
    assert f"\nrepository-code: {PROJECT['urls']['Repository']}\n" in citation


def test_badges_links_and_set_up_cells_carry_the_one_address():
    home = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    of_ours = r"(?:colab\.research\.google\.com/github/|git\+https://github\.com/)([\w.-]+/[\w.-]+)"
    of_ours += r"|https://github\.com/([\w.-]+/[\w.-]+)/(?:discussions|issues|releases|blob/main/lab)\b"
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")):
        assert {"".join(found) for found in re.findall(of_ours, path.read_text())} <= {home}, path.name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built as a release builds it: from an sdist of what git tracks."""
    folder = tmp_path_factory.mktemp("build")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # another user's clone will do
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("notebooks/"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source"]
    subprocess.run(command, check=True, capture_output=True)
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "involution_utils",
        f"involution_utils-{involution_utils.__version__}.dist-info",
    }
    tracked = {str(p.relative_to(ROOT)) for p in (ROOT / "involution_utils").rglob("*") if p.is_file()}
    tracked = {name for name in tracked if "__pycache__" not in name}
    assert tracked - set(names) == set()
    assert "involution_utils/py.typed" in names


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """The wheel's content where Python finds it before this tree, as an environment for a process elsewhere."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return {"PYTHONPATH": str(folder)}


IMPORT = """
import json, os, sys, threading
from pathlib import Path
sys.modules["IPython"] = None  # as if it were not installed: the base install needs no notebook tools
import keras, lazy_loader, numpy as np

def state():
    fds = {n: os.readlink(f"/proc/self/fd/{n}") for n in range(100) if os.path.lexists(f"/proc/self/fd/{n}")}
    children = Path("/proc/self/task").glob("*/children")
    return dict(os.environ), fds, threading.active_count(), [path.read_text() for path in children]

modules, before, kept = set(sys.modules), state(), (os.dup2, os.pipe)
os.dup2 = os.pipe = None  # with them the output of other threads would be caught, too
import involution_utils
os.dup2, os.pipe = kept
changed = before != state()
modules = {name.split(".")[0] for name in set(sys.modules) - modules} - sys.stdlib_module_names
from involution_utils import execution, records

package, saved = Path(involution_utils.__file__).parent, Path(sys.argv[1])
shipped = [keras.saving.load_model(path).name for path in sorted(package.glob("assets/*.keras"))]
tables = [len(records.load_results(path.stem)) for path in package.glob("results/*.jsonl")]
data = np.load(saved.with_suffix(".npz"))
with execution.plain_operations():
    found = keras.saving.load_model(saved)([data[f"input_{n}"] for n in range(3)])
errors = [float(abs(np.array(found[n]) - data[f"output_{n}"]).max()) for n in range(3)]
print(json.dumps([changed, sorted(modules), str(package.parent), shipped, tables, errors]))
"""


def test_the_import_does_nothing_but_register_layers_and_the_wheel_has_what_it_needs(unpacked, tmp_path):
    """In a process of its own. The last model, of all ranks and generators, was saved by version 0.2.0."""
    command = [sys.executable, "-c", IMPORT, ROOT / "tests" / "data" / "saved_by_0_2.keras"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | unpacked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    changed, modules, folder, shipped, tables, errors = json.loads(done.stdout.splitlines()[-1])
    assert not changed
    assert modules == ["involution_utils"]
    assert folder == unpacked["PYTHONPATH"]
    assert shipped == ["involution_classifier", "small_rednet"]
    assert len(tables) > 5
    assert all(tables)
    assert max(errors) < 1e-5


def test_every_public_name_can_be_completed_and_is_there_when_used():
    assert set(involution_utils.__all__) <= set(dir(involution_utils))
    for name in involution_utils.__all__:
        assert getattr(involution_utils, name) is not None


@pytest.mark.long
def test_a_notebook_of_the_wheel_gives_the_stored_outputs(unpacked, tmp_path):
    """Here with the locked versions; a job of CI does the same with those that Colab ships."""
    copy = arithmetic.reduced_copy(next(arithmetic.NOTEBOOKS.glob("03_*.ipynb")), tmp_path)
    same, report = arithmetic.compare(copy, variables=unpacked)
    assert same, report
