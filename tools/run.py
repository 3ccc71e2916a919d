"""Run the series: execute the notebooks with papermill, render them as pages, gather figures and results.

    python -m tools.run --dataset auto --seed 0 --out runs

Everything is checked before the first notebook starts. OUT then holds a whole run, or what it held before.
"""

import argparse
import base64
import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbclient.exceptions
import nbformat
import papermill
from traitlets.config import Config

from involution_utils import checks
from involution_utils.notebook_parameters import check_overrides, declared_parameters
from tools import index, pages
from tools.output import MANIFEST, RunFolder

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
_OWN_PAGES = ("index.html", index.MICROSCOPE, pages.GLOSSARY, "README.md")
# A kernel reached through a file rather than a network port, so that a machine without any network will do.
_LOCAL_KERNEL = Config({"KernelManager": {"transport": "tcp" if sys.platform == "win32" else "ipc"}})


def notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the numbered notebooks in their order."""
    return sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))


def run(out: str | Path, parameters: Mapping[str, Any], folder: Path = NOTEBOOKS) -> dict:
    """Execute the series and leave notebooks, pages, figures, models and results in `out`.

    Args:
        out: folder of the run; what an earlier run wrote there is replaced, once the new one is whole.
        parameters: values by name; each notebook gets those that it declares.
        folder: where the notebooks are.

    Returns:
        The records of what was trained, by the names of their files, and `seconds`, the duration.

    Raises:
        ParameterError: if a parameter is wrong or `out` is no place for a run; nothing was started then.
        SystemExit: if a notebook fails; the message names notebook and cell.
    """
    sources = notebooks(folder)
    values = {source: _values_for(source, parameters) for source in sources}
    checks.names(parameters, {name for source in sources for name in declared_parameters(source)}, "parameter")
    results: dict[str, Any] = {}
    begin = time.perf_counter()
    names = [name for source in sources for name in (source.name, f"{source.stem}.html")]
    with RunFolder(out, [*names, *_OWN_PAGES]) as place:
        for source in sources:
            print(source.stem, flush=True)
            executed = _execute(source, place.work / source.name, values[source])
            _save_figures(executed, place.work / "figures", source.stem)
        results |= _records(place.work)
        listed = pages.write(place.work, [place.work / source.name for source in sources])
        index.write(place.work, listed, results)
        results["seconds"] = round(time.perf_counter() - begin)
        try:
            place.replace(results)
        except (checks.ParameterError, OSError) as error:
            sys.exit(f"{error}\nThe new run lies in {place.work}")
    return results


def _values_for(source: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return and check what a notebook gets: in a run, `output_dir` is the notebook's own folder, wherever that is."""
    declared = declared_parameters(source)
    values = {name: value for name, value in {**parameters, "output_dir": "."}.items() if name in declared}
    check_overrides(source, values)
    return values


def _execute(source: Path, target: Path, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    """Execute one notebook in its new folder; if it fails, stop with its name, the cell and what went wrong."""
    try:
        executed = papermill.execute_notebook(
            source,
            target,
            parameters,
            cwd=target.parent,
            stdout_file=sys.stdout,
            config=_LOCAL_KERNEL,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # what a kernel thinks of Ctrl-C
        )
    except papermill.PapermillExecutionError as error:
        last = "\n".join(_plain("\n".join(error.traceback)).splitlines()[-4:])
        sys.exit(f"\n{source.name}, cell In [{error.exec_count}], failed:\n{last}\nThe notebook so far: {target}")
    except nbclient.exceptions.DeadKernelError:
        sys.exit(f"\n{source.name}: its Python ended, perhaps for want of memory.\nThe notebook so far: {target}")
    executed.metadata.papermill.update(input_path=source.name, output_path=source.name)
    nbformat.write(executed, target)
    return executed


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _save_figures(notebook: nbformat.NotebookNode, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    for number, picture in enumerate(pictures, 1):
        (folder / f"{name}-{number:02}.png").write_bytes(base64.b64decode(picture))


def _records(folder: Path) -> dict[str, Any]:
    """Return the records that the notebooks wrote, by the names of their files."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return {name: record for name, record in found.items() if isinstance(record, dict) and "test_accuracy" in record}


def _command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--dataset", default="auto", help='"auto", "cifar10" or "shapes"')
    parser.add_argument("--epochs", default="", help="passes over the training images; default: the data set's own")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--out", default="runs", help="folder of the run; only an earlier run there is replaced")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Command line: see the module's docstring. Whatever goes wrong is told in a sentence or two."""
    options = _command_line().parse_args(arguments)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what an event loop thinks of Ctrl-C
    numbers = {name: getattr(options, name) for name in ("epochs", "seed") if getattr(options, name)}
    parameters = {name: int(text) if text.isdecimal() else text for name, text in numbers.items()}
    try:
        results = run(options.out, {"dataset": options.dataset, **parameters})
    except checks.ParameterError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(f"\nInterrupted. {options.out} is as it was.")
    except OSError as error:
        sys.exit(f"\n{error.strerror}: {error.filename or 'while writing'}. {options.out} is as it was.")
    print("\n" + "\n".join(index.summary(results)))
    print(f"{results['seconds']} s in all; pages: {options.out}/index.html, models and {MANIFEST} beside it")


if __name__ == "__main__":
    main()
