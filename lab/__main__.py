"""The command line: list the experiments, make their rows, sweep a notebook over a grid."""

import argparse
import contextlib
import sys
from pathlib import Path

import pooch

from involution_utils import checks, records
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
        print(f"{experiment.name:17} {experiment.title}: {state}")
    finished = {path.stem for path in options.results.glob("*.jsonl")} - set(EXPERIMENTS)
    print(f"Finished, with tables alone: {', '.join(sorted(finished))}")
    return 0


def _run(options):
    checks.choice("name", options.name, EXPERIMENTS)
    models = options.models or options.state / "models"
    with _executor(options.scheduler) as executor:
        return _told(make(EXPERIMENTS[options.name], options.results, options.state, models, executor))


def _sweep(options):
    points = sweep.grid(options.notebook, options.parameters)
    with _executor(options.scheduler) as executor:
        failures = sweep.sweep(points, options.out, executor)
    print(sweep.show(points, options.out))
    return _told(failures)


def _told(failures):
    for failure in failures:
        _say(f"{failure}; the same command tries it again")
    return 1 if failures else 0


def _say(problem):
    print(problem, file=sys.stderr, flush=True)


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
    run.add_argument("name", help=", ".join(EXPERIMENTS))
    run.add_argument(
        "--state", type=Path, default=pooch.os_cache("involution-lab"), help="folder of what resumes an unfinished run"
    )
    run.add_argument("--models", type=Path, help="folder of the trained models; by default one in that of --state")
    swept = commands.add_parser("sweep", help="execute a notebook over a grid of its parameters")
    swept.set_defaults(do=_sweep)
    swept.add_argument("notebook", type=Path, help="file of the notebook")
    swept.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUES"), help="0,1,2"
    )
    swept.add_argument("--out", type=Path, required=True, help="folder of the executed notebooks and their records")
    for command in (run, swept):
        command.add_argument("--scheduler", help="address of a Dask scheduler, tcp://HOST:PORT, whose workers do it")
    for command in (listed, run):
        command.add_argument("--results", type=Path, default=records.RESULTS, help="folder of the tables")
    options = parser.parse_args(arguments)
    try:
        return options.do(options)
    except checks.ParameterError as error:
        _say(str(error))
        return 2
    except OSError as error:
        _say(f"{error.filename or 'a file'}: {error.strerror}; the finished rows stay")
        return 2
    except KeyboardInterrupt:
        _say("interrupted; the finished rows stay, and the same command goes on from here")
        return 130


if __name__ == "__main__":
    sys.exit(main())
