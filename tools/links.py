"""Carry the repository's address from pyproject.toml into texts, badges and set-up cells: `python -m tools.links`."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NAME = r"[\w.-]+/[\w.-]+"


def rewrite(folder: Path = ROOT) -> list[str]:
    """Write the address of `folder`'s pyproject.toml wherever the repository is named; return the changed files."""
    address = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    repository = address.removeprefix("https://github.com/")
    owner, name = repository.split("/")
    patterns = {
        rf"(colab\.research\.google\.com/github/|git\+https://github\.com/){_NAME}": rf"\g<1>{repository}",
        rf"(https://github\.com/){_NAME}(?=/(?:discussions|issues|releases)\b)": rf"\g<1>{repository}",
        r"https://[\w-]+\.github\.io/[\w.-]+": f"https://{owner}.github.io/{name}",
        rf"(repository-code: https://github\.com/){_NAME}": rf"\g<1>{repository}",
    }
    texts = [folder / "README.md", folder / "CITATION.cff", *sorted((folder / "docs").glob("*.md"))]
    changed = []
    for path in [*filter(Path.exists, texts), *sorted((folder / "notebooks").glob("*.ipynb"))]:
        before = after = path.read_text(encoding="utf-8")
        for pattern, replacement in patterns.items():
            after = re.sub(pattern, replacement, after)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.name)
    return changed


if __name__ == "__main__":
    print(f"rewritten: {', '.join(rewrite()) or 'nothing, all links agree'}")
