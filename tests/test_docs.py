"""What the texts of the repository promise: the architecture, the paired texts, the spelling."""

import ast
import re
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "involution_utils"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TEXTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "notebooks/README.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
STEMS = "(?:normal|initial|optim|visual|regular|general|recogn)is[ei]|colour|neighbour|behaviour|centre|grey|licence"
BRITISH = rf"\b\w*(?:{STEMS})\w*"


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
    assert imports(path) - allowed[room] == set()


def test_the_architecture_forbids_something():
    allowed = rooms()
    assert "layers" not in allowed["ops"]
    assert "training" not in allowed["models"]
    assert "exporting" not in allowed["exercises"]
    assert "checks" in allowed["records"]


def test_no_module_of_the_package_is_long():
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def public_functions(body, inside=""):
    """Yield the name and the node of each public function and method, `__init__` included."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
            yield inside + node.name, node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_have_type_hints(path):
    for name, node in public_functions(ast.parse(path.read_text()).body):
        parameters = [p for p in ast.walk(node.args) if isinstance(p, ast.arg) and p.arg not in ("self", "cls")]
        bare = [parameter.arg for parameter in parameters if parameter.annotation is None]
        assert bare == [], f"{name} has parameters without a type hint"
        assert node.returns or node.name == "__init__", f"{name} does not say what it returns"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_and_paired_text_agree(path):
    text = ROOT / "notebooks" / "text" / f"{path.stem}.md"
    config = jupytext.config.load_jupytext_configuration_file(str(ROOT / "jupytext.toml"))
    written = jupytext.writes(nbformat.read(path, as_version=4), fmt="md", config=config)
    assert text.read_text() == written, "run make text"


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_spelled_as_keras_spells_them(name):
    assert re.findall(BRITISH, (ROOT / name).read_text(), flags=re.I) == []
