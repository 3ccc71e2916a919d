"""One place for each fact: pyproject.toml, the lock, environment.yml and the links agree."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from involution_utils import series

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def locked(python):
    """Return {name: version} of the lock for a Python version."""
    environment = default_environment() | {"python_full_version": f"{python}.0", "python_version": python}
    lines = re.findall(r"^([\w.\[\]-]+==[^\\\n]+?)\s*\\$", LOCK, flags=re.M)
    requirements = [Requirement(line) for line in lines]
    return {r.name: str(r.specifier)[2:] for r in requirements if not r.marker or r.marker.evaluate(environment)}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_satisfies_every_dependency(python):
    versions = locked(python)
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (Requirement(line) for group in groups for line in group):
        assert requirement.name in versions, f"{requirement.name} is missing in the lock: run make lock"
        assert requirement.specifier.contains(versions[requirement.name]), f"{requirement}: run make lock"


def test_every_locked_package_has_a_hash_and_no_host():
    entries = re.split(r"^(?=[\w.\[\]-]+==)", LOCK, flags=re.M)[1:]
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


def test_environment_yml_uses_the_lock_and_a_python_that_is_allowed():
    text = (ROOT / "environment.yml").read_text()
    assert "--requirement requirements.lock" in text
    (python,) = re.findall(r"- python=(\S+)", text)
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


def test_the_workflow_runs_on_allowed_pythons():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    pythons = re.search(r"python: \[(.*)\]", text).group(1).replace('"', "").split(", ")
    assert pythons == ["3.11", "3.13"]
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0") for python in pythons)
    assert "make test" in text


def test_links_and_set_up_cells_carry_the_one_address(tmp_path):
    for name in ("pyproject.toml", "README.md", "notebooks"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    assert series.rewrite_links(tmp_path) == [], "run make links"
