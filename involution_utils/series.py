"""Run the series: execute the notebooks with papermill, render them as pages, gather figures and results.

    python -m involution_utils.series run --dataset auto --epochs 20 --seed 0 --out runs
    python -m involution_utils.series links

`run` works in a folder beside OUT and moves its files there at the end. It replaces what an earlier run wrote, which
`results.json` lists, and touches nothing else.
`links` carries the repository's address from pyproject.toml into the notebooks and the README.
"""

import argparse
import base64
import html
import json
import os
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path

import nbformat
import papermill
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
MARKER = "results.json"
# A kernel reached through a file rather than a network port, so that a machine without any network will do.
_LOCAL_KERNEL = Config({"KernelManager": {"transport": "tcp" if sys.platform == "win32" else "ipc"}})


def notebooks(folder=ROOT / "notebooks"):
    """Return the numbered notebooks in their order."""
    return sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))


def declared_parameters(path):
    """Return the names of the parameters that the notebook at `path` declares."""
    return set(papermill.inspect_notebook(str(path)))


def run(out, parameters, folder=ROOT / "notebooks"):
    """Execute the series and leave notebooks, pages, figures, models and results under `out`.

    Args:
        out: folder of the results; an earlier run there is replaced, once the new one is whole.
        parameters: dict of papermill parameters; each notebook gets those that it declares.
        folder: where the notebooks are.

    Returns:
        The results as a dict.

    Raises:
        SystemExit: if `out` holds something else, or a notebook fails: the message names notebook and cell.
    """
    out = Path(out).resolve()
    earlier = _manifest(out)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    results, begin = {}, time.perf_counter()
    for source in notebooks(folder):
        print(f"{source.stem}", flush=True)
        values = {**parameters, "output_dir": str(part)}
        known = declared_parameters(source)
        executed = _execute(source, part / source.name, {k: v for k, v in values.items() if k in known})
        _save_figures(executed, part / "figures", source.stem)
        _save_page(executed, part / f"{source.stem}.html")
    for path in sorted(part.glob("*_classifier.json")):
        results[path.stem] = json.loads(path.read_text())
        path.unlink()
    results["seconds"] = round(time.perf_counter() - begin)
    _save_index(part / "index.html", notebooks(folder), results)
    written = sorted(path.relative_to(part).as_posix() for path in part.rglob("*") if path.is_file())
    results["files"] = [*written, MARKER]
    (part / MARKER).write_text(json.dumps(results, indent=1) + "\n")
    _replace(out, part, earlier, results["files"])
    return results


def _manifest(out):
    """Return the names of the files that an earlier run wrote to `out`; refuse a folder that is not a run's."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return []
    try:
        files = json.loads((out / MARKER).read_text())["files"]
        if MARKER in files and all(isinstance(name, str) for name in files):
            return [name for name in files if (out / name).resolve().is_relative_to(out)]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    sys.exit(f"OUT={out} holds files that are not from a run of the series; name another folder or empty it")


def _replace(out, part, earlier, files):
    """Put the new run in the place of the earlier one: of what `out` holds, only what that run wrote is removed."""
    for name in earlier:
        (out / name).unlink(missing_ok=True)
    for name in files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part / name, out / name)
    shutil.rmtree(part)


def _execute(source, target, parameters):
    """Execute one notebook; on failure stop with its name, the cell and the last lines of the error."""
    try:
        return papermill.execute_notebook(
            str(source), str(target), parameters, cwd=str(target.parent), stdout_file=sys.stdout, config=_LOCAL_KERNEL
        )
    except papermill.PapermillExecutionError as error:
        last = "\n".join(_plain("\n".join(error.traceback)).splitlines()[-4:])
        sys.exit(f"\n{source.name}, cell In [{error.exec_count}], failed:\n{last}\nThe notebook so far: {target}")


def _plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _save_figures(notebook, folder, name):
    folder.mkdir(exist_ok=True)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    for number, picture in enumerate(pictures, 1):
        (folder / f"{name}-{number:02}.png").write_bytes(base64.b64decode(picture))


def _save_page(notebook, path):
    """Render one notebook: of a progress bar its last state, and links to other notebooks lead to their pages."""
    page, _ = HTMLExporter(preprocessors=[CoalesceStreamsPreprocessor]).from_notebook_node(notebook)
    path.write_text(re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', page))


def _save_index(path, sources, results):
    rows = "".join(f'<li><a href="{s.stem}.html">{html.escape(_title(s))}</a></li>' for s in sources)
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in summary(results))
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Involution</title>'
        "<style>body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}</style>"
        f"<h1>Involution</h1><ol>{rows}</ol>{lines}</html>"
    )


def _title(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    return first.splitlines()[0].lstrip("# ")


def summary(results):
    """Return what came out of a run, a line a classifier."""
    return [
        f"{name}: test accuracy {r['test_accuracy']:.3f} after {r['epochs']} epochs on {r['dataset']} "
        f"({r['train_images']:,} images), {sum(r['history']['seconds']):.0f} s of training"
        for name, r in results.items()
        if isinstance(r, dict)
    ]


def rewrite_links(folder=ROOT):
    """Carry the repository's address from pyproject.toml into badges and set-up cells; return the changed files."""
    address = tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    repository = address.removeprefix("https://github.com/")
    changed = []
    for path in [Path(folder) / "README.md", *notebooks(Path(folder) / "notebooks")]:
        before = path.read_text()
        after = re.sub(
            r"(colab\.research\.google\.com/github/|git\+https://github\.com/)[\w.-]+/[\w.-]+",
            rf"\1{repository}",
            before,
        )
        if after != before:
            path.write_text(after)
            changed.append(path.name)
    return changed


def _whole_number(least):
    def parse(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, not {text!r}")
        return int(text)

    return parse


def main(arguments=None):
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m involution_utils.series")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("links", help="carry the repository's address into badges and set-up cells")
    runs = commands.add_parser("run", help="execute and render the series")
    runs.add_argument("--dataset", choices=["auto", "cifar10", "shapes"], default="auto")
    runs.add_argument("--epochs", type=_whole_number(1), default=20)
    runs.add_argument("--seed", type=_whole_number(0), default=0)
    runs.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)
    if options.command == "links":
        print(f"rewritten: {', '.join(rewrite_links()) or 'nothing, all links agree'}")
        return
    results = run(options.out, {"dataset": options.dataset, "epochs": options.epochs, "seed": options.seed})
    print("\n" + "\n".join(summary(results)))
    print(f"{results['seconds']} s in all; pages: {options.out}/index.html, models and {MARKER} beside it")


if __name__ == "__main__":
    main()
