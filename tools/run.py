"""Run the series: execute the notebooks with papermill, render them as pages, gather figures and results.

    python -m tools.run --dataset auto --seed 0 --out runs

Everything is checked before the first notebook starts. A run works in a new folder beside OUT and gets the name OUT
when it is whole, if that is free or holds an earlier run of which nothing was changed; else it gets one of its own.
"""

import argparse
import base64
import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbclient.exceptions
import nbformat
import papermill

from involution_utils import checks
from involution_utils.data import DatasetError
from involution_utils.parameters import check_overrides, declared_parameters
from involution_utils.records import provenance
from lab.process import LOCAL_KERNEL, SETTINGS
from tools import output, pages

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def run(out: str | Path, parameters: Mapping[str, Any], folder: Path = NOTEBOOKS) -> tuple[Path, dict[str, Any]]:
    """Execute the series and leave notebooks, pages, figures, models and results in one folder.

    Args:
        out: the folder to be. If it holds anything but an earlier run as that was left, the run gets another name.
        parameters: values by name; each notebook gets those that it declares.
        folder: where the notebooks are.

    Returns:
        The folder of the run, and what its `results.json` holds: the records of what was trained by the names of their
        files, `parameters`, `seconds`, `versions`, `processor`, `date`.

    Raises:
        ParameterError: if a parameter is wrong or no folder can be made; nothing was started then.
        SystemExit: if the run is cut short; the message says why, and where what was made so far lies.
    """
    sources = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    values = {source: _values_for(source, parameters) for source in sources}
    checks.names(parameters, {name for source in sources for name in declared_parameters(source)}, "parameter")
    if not 0 < len(Path(out).resolve().name) < 200:  # others are named after it
        raise checks.error("OUT", "a folder with a name of less than 200 characters", str(out))
    out = checks.folder("OUT", out).resolve()
    checks.folder("OUT/..", out.parent)  # where the run works
    before = output.earlier(out)
    if before is None and out.exists():
        print(f"{out} holds other files than an unchanged run. It stays as it is; this run will lie beside it.")
    work, begin = output.begin(out), time.perf_counter()
    try:
        for source in sources:
            print(source.stem, flush=True)
            executed = _execute(source, work / source.name, values[source])
            _save_figures(executed, work / "figures", source.stem)
        results = {**pages.networks(work), "parameters": dict(parameters), **provenance()}
        results["seconds"] = round(time.perf_counter() - begin)
        pages.write(work, sources, results)
        (work / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        return output.finish(work, out, before), results
    except (KeyboardInterrupt, OSError, ValueError, DatasetError) as error:
        name = getattr(error, "filename", None) or "while writing"
        problem = f"{error.strerror}: {name}" if getattr(error, "strerror", None) else str(error) or "Interrupted"
        sys.exit(f"\n{problem}. {out} is as it was. What this run made so far lies in {work}")


def _values_for(source: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return and check what a notebook gets: in a run, `output_dir` is the notebook's own folder, wherever that is."""
    declared = declared_parameters(source)
    values = {name: value for name, value in parameters.items() if name in declared}
    check_overrides(source, values)
    return values | ({"output_dir": "."} if "output_dir" in declared else {})


def _execute(source: Path, target: Path, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    """Execute one notebook in its new folder; if it fails, stop with its name, the cell and what went wrong."""
    try:
        settings = {"cwd": target.parent, "stdout_file": sys.stdout, "config": LOCAL_KERNEL}
        settings["extra_arguments"] = ["--IPKernelApp.log_level=CRITICAL"]  # what a kernel thinks of Ctrl-C
        executed = papermill.execute_notebook(source, target, parameters, **settings)
    except papermill.PapermillExecutionError as error:
        last = "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()[-4:])
        sys.exit(f"\n{source.name}, cell In [{error.exec_count}], failed:\n{last}\nThe notebook so far: {target}")
    except nbclient.exceptions.DeadKernelError:
        sys.exit(f"\n{source.name}: its Python ended, perhaps for want of memory.\nThe notebook so far: {target}")
    executed.metadata.papermill.update(input_path=source.name, output_path=source.name)
    nbformat.write(executed, target)
    return executed


def _save_figures(notebook: nbformat.NotebookNode, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    outputs = [shown for cell in notebook.cells for shown in cell.get("outputs", [])]
    pictures = [shown.data["image/png"] for shown in outputs if "image/png" in shown.get("data", {})]
    for number, picture in enumerate(pictures, start=1):
        (folder / f"{name}-{number:02}.png").write_bytes(base64.b64decode(picture))


def main(arguments: list[str] | None = None) -> None:
    """Command line: see the module's docstring. Whatever goes wrong is told in a sentence or two."""
    parser = argparse.ArgumentParser(prog="python -m tools.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--dataset", default="auto", help='"auto", "cifar10" or "shapes"')
    parser.add_argument("--epochs", default="", help="passes over the training images; default: the data set's own")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--out", default="runs", help="folder of the run; only an unchanged earlier run is replaced")
    options = parser.parse_args(arguments)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what an event loop thinks of Ctrl-C
    os.environ |= SETTINGS | os.environ  # for the kernels
    numbers = {name: getattr(options, name) for name in ("epochs", "seed") if getattr(options, name)}
    parameters = {name: int(text) if text.isdecimal() else text for name, text in numbers.items()}
    try:
        folder, results = run(options.out, {"dataset": options.dataset, **parameters})
    except checks.ParameterError as error:
        sys.exit(f"{error}")
    for name, record in pages.networks(folder).items():
        print(
            f"{name}: test accuracy {record['test_accuracy']:.3f} after {record['epochs']} epochs on "
            f"{record['train_images']:,} images of {record['dataset']}"
        )
    print(f"{results['seconds']} s in all; pages: {folder / 'index.html'}; results and models beside it")


if __name__ == "__main__":
    main()
