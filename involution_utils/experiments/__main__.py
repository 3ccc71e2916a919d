"""The command line of the experiments: list them, make their records, sweep a notebook over a grid."""

import argparse
import sys
from pathlib import Path

from involution_utils import checks
from involution_utils.experiments import EXPERIMENTS, MissingRecordsError, make
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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m involution_utils.experiments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", help="every experiment: runs done, runs to do")
    run = commands.add_parser("run", help="make the records of an experiment that are missing")
    run.add_argument("name", help=f"{', '.join(EXPERIMENTS)} or all")
    run.add_argument("--state", type=Path, default=STATE, help="folder of what resumes an interrupted run")
    run.add_argument("--models", type=Path, help="folder to keep the trained models in; by default none is kept")
    for command in (listed, run):
        command.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            show(options.results)
            return 0
        checks.choice("name", options.name, (*EXPERIMENTS, "all"))
        chosen = EXPERIMENTS.values() if options.name == "all" else [EXPERIMENTS[options.name]]
        for experiment in chosen:
            made = make(experiment, options.results, options.state, options.models)
            print(f"{experiment.name}: {made} records made, all {len(experiment.runs())} are in {options.results}")
    except (checks.ParameterError, MissingRecordsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the finished records stay, and the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
