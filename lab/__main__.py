"""The command line: list the experiments, make their rows, sweep a notebook over a grid."""

import argparse
import contextlib
import shutil
import sys
from pathlib import Path

import pooch

from involution_utils import checks, records
from involution_utils.models.checkpoints import ASSETS
from lab import sweep
from lab.experiments import EXPERIMENTS
from lab.run import make


def _list(options):
    for experiment in EXPERIMENTS.values():
        try:
            missing, total = experiment.missing(options.results), experiment.declare(options.results)
            state = f"{len(total) - len(missing)} of {len(total)} runs done"
        except checks.ParameterError as error:
            state = f"waits: {error}"
        print(f"{experiment.name:18} {experiment.title}: {state}")
    finished = {path.stem for path in options.results.glob("*.jsonl")} - set(EXPERIMENTS)
    print(f"Finished, with tables alone: {', '.join(sorted(finished))}")
    return 0


def _run(options):
    checks.choice("name", options.name, EXPERIMENTS)
    with _executor(options.scheduler) as executor:
        return _told(make(EXPERIMENTS[options.name], options.results, options.state, options.models, executor))


def _ship(options):
    experiment = EXPERIMENTS[checks.choice("name", options.name, EXPERIMENTS)]
    runs = {run.label: run for run in experiment.declare(options.results)}
    run = runs[checks.choice("label", options.label, runs)]
    rows = [row for row in records.read_rows(experiment.name, options.results) if run.is_done([row])]
    if not rows:
        raise checks.ParameterError(f"{run.label} is not done: {run.command}")
    trained = options.models / experiment.name / f"{run.label}.keras"
    checks.write_whole(options.assets / f"{run.model}.keras", lambda part: shutil.copy(trained, part))
    records.save_json(rows[0], options.assets / f"{run.model}.json")
    return 0


def _sweep(options):
    points = sweep.grid(options.notebook, options.parameters)
    with _executor(options.scheduler) as executor:
        failures = sweep.sweep(points, options.out, executor)
    print(sweep.show(points, options.out))
    return _told(failures)


def _told(failures):
    for failure in failures:
        print(f"{failure}; the same command tries it again", file=sys.stderr)
    return 1 if failures else 0


@contextlib.contextmanager
def _executor(scheduler):
    """Give the executor of a Dask cluster, or None."""
    if scheduler is None:
        yield None
        return
    checks.extra("distributed", "cluster")
    import distributed

    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise checks.error("scheduler", f"the address of a Dask scheduler that answers ({error})", scheduler) from None
    with client:
        yield client.get_executor(pure=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    listed = commands.add_parser("list", help="every experiment: runs done, runs to do")
    listed.set_defaults(do=_list)
    run = commands.add_parser("run", help="make the rows of an experiment that are missing")
    run.set_defaults(do=_run)
    cache = pooch.os_cache("involution-lab")
    run.add_argument("--state", type=Path, default=cache, help="folder of what resumes an unfinished run")
    shipped = commands.add_parser("ship", help="let a trained network and its row ship with the package")
    shipped.set_defaults(do=_ship)
    shipped.add_argument("--assets", type=Path, default=ASSETS, help="folder of the models that ship")
    for command in (run, shipped):
        command.add_argument("name", help=", ".join(EXPERIMENTS))
        command.add_argument("--models", type=Path, default=cache / "models", help="folder of the trained models")
    shipped.add_argument("label", help="what `run` printed when it was done")
    swept = commands.add_parser("sweep", help="execute a notebook over a grid of its parameters")
    swept.set_defaults(do=_sweep)
    swept.add_argument("notebook", type=Path, help="file of the notebook")
    given = {"dest": "parameters", "nargs": 2, "action": "append", "default": []}
    swept.add_argument("-p", **given, metavar=("NAME", "VALUES"), help="0,1,2")
    swept.add_argument("--out", type=Path, required=True, help="folder of the executed notebooks and their records")
    for command in (run, swept):
        command.add_argument("--scheduler", help="address of a Dask scheduler, tcp://HOST:PORT, whose workers do it")
    for command in (listed, run, shipped):
        command.add_argument("--results", type=Path, default=records.RESULTS, help="folder of the tables")
    options = parser.parse_args(arguments)
    status = 2
    try:
        return options.do(options)
    except checks.ParameterError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename or 'a file'}: {error.strerror or error}; the finished rows stay"
    except KeyboardInterrupt:
        problem, status = "interrupted; the finished rows stay, and the same command goes on from here", 130
    print(problem, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
