"""The command line: list the experiments, make their rows, sweep a notebook over a grid."""

import argparse
import contextlib
import functools
import sys
from pathlib import Path

import pooch

from involution_utils import checks, records
from lab import sweep
from lab.experiments import EXPERIMENTS
from lab.process import Processes, call
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
    with _submitting(options.scheduler) as submit:
        failures = make(EXPERIMENTS[options.name], options.results, options.state, models, submit)
    for failure in failures:
        _say(failure)
    return 1 if failures else 0


def _sweep(options):
    points = sweep.grid(options.notebook, options.parameters)
    with _submitting(options.scheduler) as submit:
        results = sweep.sweep(points, options.out, submit)
    print(sweep.table(results))
    failed = [result for result in results if result["status"] != "done"]
    if failed:
        _say(f"{len(failed)} failed; the notebooks so far are in {options.out}, and the same command tries them again")
    return 1 if failed else 0


def _say(problem):
    print(problem, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _submitting(scheduler):
    """Give the `submit` of an executor, here or of a Dask cluster, that makes each call in a process of its own."""
    if scheduler is None:
        with Processes() as executor:
            yield executor.submit
        return
    checks.extra("distributed", "cluster")
    import distributed

    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise checks.error("scheduler", f"the address of a Dask scheduler that answers ({error})", scheduler) from None
    with client:
        yield functools.partial(client.get_executor(pure=False).submit, call)


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
