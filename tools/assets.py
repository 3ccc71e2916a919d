"""Train anew the models that ship with the package: `make assets`.

    python -m tools.assets                 # every model that is missing or named by --again; resumes
    python -m tools.assets --again small_rednet

Each is a declared run of an experiment, so its record says how good it is and how it was made.
"""

import argparse
from pathlib import Path

from involution_utils import checks
from involution_utils.experiments import EXPERIMENTS, Run
from involution_utils.experiments.execution import execute
from involution_utils.experiments.experiment import STATE

ASSETS = Path(__file__).resolve().parents[1] / "involution_utils" / "assets"


def shipped_runs() -> dict[str, Run]:
    """Return, for each model that ships, the declared run that makes it: seed 0 of its experiment."""

    def find(experiment, model, **arguments):
        runs = EXPERIMENTS[experiment].runs()
        (run,) = (run for run in runs if (run.model, dict(run.arguments), run.seed) == (model, arguments, 0))
        return run

    return {
        "involution_classifier": find("training", "involution_classifier"),
        "small_rednet": find("full_budget", "small_rednet", operator="involution"),
    }


def main(arguments: list[str] | None = None) -> None:
    """Train what is missing, with a progress bar over the epochs."""
    parser = argparse.ArgumentParser(prog="python -m tools.assets", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--again", action="append", default=[], metavar="NAME", help="train this one even if it is there"
    )
    options = parser.parse_args(arguments)
    runs = shipped_runs()
    checks.names(options.again, runs, "shipped model")
    for name, run in runs.items():
        path = ASSETS / f"{name}.keras"
        if name in options.again or not path.exists():
            record = execute(run, STATE, save=path)
            print(f"{path.name}: test accuracy {record.test_accuracy:.4f}")


if __name__ == "__main__":
    main()
