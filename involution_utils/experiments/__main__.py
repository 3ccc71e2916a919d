"""The command line of the experiments: list them, make their records, sweep a notebook over a grid."""

import argparse
import functools
import sys
from pathlib import Path

from involution_utils import checks
from involution_utils.experiments import EXPERIMENTS, MissingRecordsError, cluster, make, sweep
from involution_utils.experiments.experiment import STATE

RESULTS = Path(__file__).resolve().parents[1] / "results"


def show(folder: Path) -> None:
    """Print every experiment with its runs done and its runs to do."""
    for experiment in EXPERIMENTS.values():
        try:
            total, missing = len(experiment.runs()), len(experiment.missing(folder))
            state = f"{total - missing} of {total} runs done"
        except MissingRecordsError as error:
            state = f"waits: {error}"
        print(f"{experiment.name:15} {experiment.title}: {state}")


def _run(options):
    checks.choice("name", options.name, (*EXPERIMENTS, "all"))
    if options.scheduler and options.models:
        raise checks.ParameterError("the models of runs on a cluster are not kept; leave out --models or --scheduler")
    for experiment in EXPERIMENTS.values() if options.name == "all" else [EXPERIMENTS[options.name]]:
        execute_all = _on(options.scheduler, functools.partial(experiment.execute, verbose=0))
        made = make(experiment, options.results, options.state, options.models, execute_all)
        print(f"{experiment.name}: {made} records made, all {len(experiment.runs())} are in {options.results}")


def _sweep(options):
    """Sweep, print the table and the reasons of failures; return the exit status."""
    points = sweep.grid(options.notebook, options.parameters)
    results = sweep.sweep(points, options.out, _on(options.scheduler, sweep.execute))
    print(sweep.table(results))
    failed = [pair for pair in zip(points, results, strict=True) if pair[1]["status"] != "done"]
    for point, result in failed:
        print(f"{point.label} failed: {result['status']}", file=sys.stderr)
    if failed:
        print(f"the notebooks so far are in {options.out}; the same command tries these again", file=sys.stderr)
    return 1 if failed else 0


def _on(scheduler, function):
    return functools.partial(cluster.execute_all, scheduler, function) if scheduler else None


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m involution_utils.experiments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", help="every experiment: runs done, runs to do")
    run = commands.add_parser("run", help="make the records of an experiment that are missing")
    run.add_argument("name", help=f"{', '.join(EXPERIMENTS)} or all")
    run.add_argument("--state", type=Path, default=STATE, help="folder of what resumes an interrupted run")
    run.add_argument("--models", type=Path, help="folder to keep the trained models in; by default none is kept")
    swept = commands.add_parser("sweep", help="execute a notebook over a grid of its parameters")
    swept.add_argument("notebook", type=Path, help="file of the notebook")
    swept.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUES"), help="0,1,2"
    )
    swept.add_argument("--out", type=Path, required=True, help="folder of the executed notebooks and their records")
    for command in (run, swept):
        command.add_argument("--scheduler", help="address of a Dask scheduler, tcp://HOST:PORT, whose workers do it")
    for command in (listed, run):
        command.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            show(options.results)
            return 0
        if options.command == "sweep":
            return _sweep(options)
        _run(options)
    except (checks.ParameterError, MissingRecordsError, cluster.ClusterError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the finished records stay, and the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
