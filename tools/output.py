"""A folder that a command writes whole: in a new folder beside it, which one rename puts in place at the end.

Nothing is removed but an earlier output of which every file is as it was written, by the manifest in it.
"""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

MANIFEST = "manifest.json"


def begin(out: Path) -> Path:
    """Make a new folder beside `out` to write to, and return it. It stays if the command fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = _free(out.with_name(f"{out.name}-unfinished"))
        with contextlib.suppress(FileExistsError):  # another command was faster
            folder.mkdir()
            return folder


def earlier(out: Path) -> dict[str, str] | None:
    """Return {name: SHA-256} of the output in `out` if it holds that and nothing else; None if it holds more or less.

    An empty folder holds an empty output.
    """
    try:
        if out.is_dir() and not any(out.iterdir()):
            return {}
        listed = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        paths = [path for path in out.rglob("*") if path.is_symlink() or not path.is_dir()]
        names = {path.relative_to(out).as_posix() for path in paths} - {MANIFEST}
        if listed.keys() != names or any(map(Path.is_symlink, paths)):
            return None
        return listed if listed == _digests(out, names) else None
    except (OSError, ValueError, AttributeError, RecursionError):  # no manifest, or none of ours
        return None


def finish(work: Path, out: Path, before: Mapping[str, str] | None) -> Path:
    """Put `work` in the place of `out`, or beside it, and return where it lies.

    Args:
        work: the folder from `begin`, complete.
        out: where it is to be.
        before: what `earlier(out)` gave at the beginning. The earlier output goes if this still holds; if `out` holds
            anything else by now, `work` gets the name of `out` with a number.
    """
    names = [path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file()]
    (work / MANIFEST).write_text(json.dumps(_digests(work, names), indent=1) + "\n", encoding="utf-8")
    if before is None or earlier(out) != before:
        return work.rename(_free(out))
    aside = out.rename(_free(out.with_name(f"{out.name}-earlier")))
    placed = work.rename(_free(out))
    if earlier(aside) == before:
        shutil.rmtree(aside, ignore_errors=True)
    return placed


def _free(path: Path) -> Path:
    """Return `path`, or the first of path-2, path-3 ... that is not there."""
    numbered = (path.with_name(f"{path.name}-{n}" if n > 1 else path.name) for n in itertools.count(1))
    return next(one for one in numbered if not os.path.lexists(one))


def _digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(names)}
