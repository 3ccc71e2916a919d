"""Carry the repository's address from pyproject.toml into the notebooks and the README: `python -m tools.links`."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_ADDRESSES = r"(colab\.research\.google\.com/github/|git\+https://github\.com/)[\w.-]+/[\w.-]+"


def rewrite(folder: Path = ROOT) -> list[str]:
    """Write the address of `folder`'s pyproject.toml into badges and set-up cells; return the changed files."""
    address = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    repository = address.removeprefix("https://github.com/")
    changed = []
    for path in [folder / "README.md", *sorted((folder / "notebooks").glob("*.ipynb"))]:
        before = path.read_text(encoding="utf-8")
        after = re.sub(_ADDRESSES, rf"\1{repository}", before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.name)
    return changed


if __name__ == "__main__":
    print(f"rewritten: {', '.join(rewrite()) or 'nothing, all links agree'}")
