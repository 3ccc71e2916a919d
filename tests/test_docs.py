"""What the texts of the repository promise: the architecture, its size, the paired texts."""

import ast
import re
import subprocess
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "involution_utils"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def rooms():
    """Return {room: rooms that it may use} of the table in CONTRIBUTING, what those use included."""
    rows = re.findall(r"^\| `(\w+)`((?:, `\w+`)*) \| .* \| (.*?) ?\|$", CONTRIBUTING, flags=re.M)
    direct, groups = {}, {}
    for first, more, uses in rows:
        names = [first, *re.findall(r"`(\w+)`", more)]
        groups |= dict.fromkeys(names, names)
        direct |= {name: re.findall(r"`(\w+)`", uses.replace("all but", "")) for name in names}
        if uses.startswith("all but"):
            direct |= {name: [r for r in [row[0] for row in rows] if f"`{r}`" not in uses] for name in names}

    def closure(name, seen=()):
        below = {other for use in direct[name] if use not in seen for other in (use, *closure(use, (*seen, name)))}
        return below | {member for use in below for member in groups[use]}

    return {name: closure(name) | set(groups[name]) | {"checks"} for name in direct}


def imports(path):
    """Return the rooms of the package that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("involution_utils"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("involution_utils.")}
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_lead_where_the_architecture_says(path):
    allowed = rooms()
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in allowed, f"{room} is missing in the table of CONTRIBUTING.md"
    assert imports(path) - allowed[room] - {"involution_utils"} == set()


def test_the_architecture_forbids_something():
    allowed = rooms()
    assert "layers" not in allowed["ops"]
    assert "training" not in allowed["models"]
    assert "exporting" not in allowed["exercises"]
    assert "checks" in allowed["records"]


def tracked(*patterns):
    """Return the files that git tracks, or those of them that match."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--", *patterns]  # another user's clone will do
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def count_lines(*patterns):
    return sum(len((ROOT / name).read_text().splitlines()) for name in tracked(*patterns) if (ROOT / name).exists())


def count_scripts():
    """Count the lines of JavaScript, those of scripts within HTML included."""
    pages = [(ROOT / name).read_text() for name in tracked("*.html")]
    inline = [script for page in pages for script in re.findall(r"<script[^>]*>\n(.*?)</script>", page, flags=re.S)]
    return count_lines("*.js", "*.cjs", "*.mjs") + sum(len(script.splitlines()) for script in inline)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (r"package ([\d,]+) lines of Python", lambda: count_lines("involution_utils/*.py")),
        (
            r"together ([\d,]+)",
            lambda: count_lines(*(f"{room}/*.py" for room in ("lab", "tools", "docs", "benchmarks"))),
        ),
        (r"tests ([\d,]+)", lambda: count_lines("tests/*.py")),
        (r"JavaScript ([\d,]+)", count_scripts),
        (r"tracked files ([\d,]+)", lambda: len(tracked())),
        (
            r"file of the package has more than (\d+) lines",
            lambda: max(map(count_lines, tracked("involution_utils/*.py"))),
        ),
    ],
)
def test_the_house_is_no_larger_than_it_says(words, count):
    assert count() <= int(re.search(words, CONTRIBUTING)[1].replace(",", ""))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_and_paired_text_agree(path):
    text = ROOT / "notebooks" / "text" / f"{path.stem}.md"
    config = jupytext.config.load_jupytext_configuration_file(str(ROOT / "jupytext.toml"))
    written = jupytext.writes(nbformat.read(path, as_version=4), fmt="md", config=config)
    assert text.read_text() == written, "run make text"


def test_the_plans_of_lectures_name_headings_and_figures_that_exist():
    rows = re.findall(r"^\| \d+–\d+ \| (\d\d)\b(.*?)\|", (ROOT / "docs" / "teaching.md").read_text(), flags=re.M)
    assert len(rows) >= 7
    for number, shown in rows:
        (text,) = (ROOT / "notebooks" / "text").glob(f"{number}_*.md")
        for heading in re.findall(r"\*(.+?)\*", shown):
            assert re.search(rf"^#+ {heading}$", text.read_text(), flags=re.M), (number, heading)
        for figure in re.findall(r"\d", shown):
            assert f"**Figure {figure}.**" in text.read_text(), (number, figure)
