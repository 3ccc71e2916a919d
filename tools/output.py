"""The folder of a run: one run at a time, which replaces what the run before it wrote and nothing else.

`results.json` lists the files of a run with their SHA-256. A run works in a folder within OUT and moves its files into
place at the end, so that until then the earlier run is whole.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import filelock

from involution_utils import checks

MANIFEST = "results.json"
WORK = ".unfinished-run"  # within OUT, and so on the same disk
_LOCK = "lock"
_MOVING, _EARLIER = "moving.json", "earlier"  # there while `replace` moves files: the new manifest, the earlier files


class RunFolder:
    """A context manager: within it, `work` is the folder to write to, and `replace` puts it in place.

    When the block fails, what it wrote to `work` is removed, but for a `SystemExit`: its message may point there.
    """

    def __init__(self, out: str | os.PathLike, names: Iterable[str] = ()):
        """Check `out`, and write nothing.

        Args:
            out: the folder of the run, which need not exist.
            names: files that this run is going to write, as far as they are known.

        Raises:
            ParameterError: if `out` is no folder or cannot be written to, holds files that are not a run's, or files
                of a run that were changed since.
        """
        self.path = checks.folder("OUT", out).resolve()
        self.work = self.path / WORK
        self._lock = filelock.FileLock(self.work / _LOCK, blocking=False)
        self._names = list(names)
        self._made = not self.path.exists()
        if not (self.work / _MOVING).exists():  # else a killed run is put right first, under the lock
            self._earlier()

    def __enter__(self) -> "RunFolder":
        """Lock the folder against other runs and clear what a killed run may have left."""
        self.work.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise checks.ParameterError(
                f"OUT={self.path} is being written by another run; name another folder"
            ) from None
        try:
            self._restore()
            self._earlier()
            self._clear()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind, error, traceback) -> None:
        """Remove the work folder, unless the block ended with a `SystemExit`, and the lock."""
        if kind is None or not issubclass(kind, SystemExit):
            self._clear()
        self._leave()

    def replace(self, results: dict) -> None:
        """Put everything in `work` in the place of the earlier run, with `results` and the list of files beside it.

        Raises:
            ParameterError: if a file of this run would replace one that is not the earlier run's.
            OSError: if a file cannot be moved; all are then where they were.
        """
        files = {name: _sha256(self.work / name) for name in _files_below(self.work)}
        self._names = list(files)
        earlier = self._earlier()
        (self.work / _MOVING).write_text(json.dumps({**results, "files": files}, indent=1) + "\n")
        self._move(earlier, files)
        for folder in sorted({parent for name in earlier for parent in Path(name).parents}, reverse=True)[:-1]:
            with contextlib.suppress(OSError):  # it still holds something
                (self.path / folder).rmdir()

    def _move(self, earlier: Iterable[str], files: Iterable[str]) -> None:
        moves = [(self.path / name, self.work / _EARLIER / name) for name in [*earlier, MANIFEST]]
        moves += [(self.work / name, self.path / name) for name in files]
        moves += [(self.work / _MOVING, self.path / MANIFEST)]
        try:
            for source, target in moves:
                if source.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(source, target)
        except BaseException:  # Ctrl-C too
            self._restore()
            raise

    def _restore(self) -> None:
        """Undo a `_move` that was cut short, by a kill or a second Ctrl-C too; the new manifest is moved last."""
        try:
            files = json.loads((self.work / _MOVING).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError):  # none was begun
            return
        for name in files:
            if not (self.work / name).exists() and (self.path / name).exists():
                os.replace(self.path / name, self.work / name)
        kept = self.work / _EARLIER
        for name in [*_files_below(kept), MANIFEST]:
            if (kept / name).exists():
                os.replace(kept / name, self.path / name)
        os.replace(self.work / _MOVING, self.work / MANIFEST)

    def _earlier(self) -> dict[str, str]:
        """Return {name: SHA-256} of the earlier run's files; refuse a folder in which this run would do damage."""
        files = _manifest(self.path)
        if files is None:
            if not _holds_runs_alone(self.path):
                raise checks.ParameterError(
                    f"OUT={self.path} holds files that are not from a run; name another folder or empty it"
                )
            files = {}
        present = {name: digest for name, digest in files.items() if (self.path / name).is_file()}
        changed = [name for name, digest in present.items() if _is_other(self.path / name, digest)]
        foreign = [name for name in self._names if name not in present and os.path.lexists(self.path / name)]
        if changed or foreign:
            raise checks.ParameterError(
                f"OUT={self.path} holds files that the run there did not write, or that were changed since "
                f"({', '.join([*changed, *foreign])}); move them elsewhere or name another folder"
            )
        return present

    def _clear(self) -> None:
        self._restore()
        for path in self.work.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def _leave(self) -> None:
        with contextlib.suppress(OSError):  # Windows removes no open file
            (self.work / _LOCK).unlink()
        self._lock.release()
        for folder in (self.work, self.path) if self._made else (self.work,):
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()


def _manifest(out: Path) -> dict[str, str] | None:
    """Return {name: SHA-256} if `out` is the folder of a run, else None."""
    try:
        files = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        digests = [re.fullmatch("[0-9a-f]{64}", digest) for digest in files.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if "index.html" not in files or not all(digests):
        return None
    return {name: digest for name, digest in files.items() if (out / name).resolve().is_relative_to(out)}


def _holds_runs_alone(folder: Path) -> bool:
    """True if all that `folder` holds, if anything, are folders of runs, finished or not, at any depth."""
    if not folder.exists():
        return True
    return all(
        path.is_dir()
        and not path.is_symlink()
        and (path.name == WORK or _manifest(path) is not None or _holds_runs_alone(path))
        for path in folder.iterdir()
    )


def _files_below(folder: Path) -> list[str]:
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name not in (_LOCK, MANIFEST))


def _is_other(path: Path, digest: str) -> bool:
    return path.is_symlink() or _sha256(path) != digest


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
