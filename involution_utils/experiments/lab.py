"""The factorial lab of notebook 06, its learning rates, ablations and full budget, and notebook 07's kernel generators.

What will be compared, by which statistic and with which correction, stands in `DECLARATION.md` beside this file; it was
written before the runs.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from involution_utils.experiments.experiment import Experiment, MissingRecordsError
from involution_utils.experiments.record import Record, load_records
from involution_utils.experiments.run import Run

BUDGET: dict[str, Any] = {
    "train_images": 10_000,
    "validation_images": 5_000,
    "epochs": 5,
    "batch_size": 64,
    "recipe": "augmented",
}
FULL = BUDGET | {"train_images": 45_000, "epochs": 20}
RATES = 0.0025, 0.005, 0.01
CHOICE_SEED = 100  # of the runs that choose a learning rate; no other run has it
HIGHER_RATE = 0.02  # beyond the largest of `RATES`, for the operators that chose that one

# The two widths are matched to 0.01 (`match_width`): "depthwise, wide" to the parameters of "involution per channel",
# "convolution, narrow" to those of "involution".
OPERATORS: dict[str, dict[str, Any]] = {
    "static": {"operator": "static"},
    "depthwise": {"operator": "depthwise"},
    "involution": {"operator": "involution"},
    "involution per channel": {"operator": "involution", "group_channels": 1},
    "depthwise, wide": {"operator": "depthwise", "width": 1.58},
    "attention": {"operator": "attention"},
    "pooling": {"operator": "pooling"},
    "identity": {"operator": "identity"},
    "convolution": {"operator": "convolution"},
    "convolution, narrow": {"operator": "convolution", "width": 0.41},
}
TEN_SEEDS = ("static", "depthwise", "involution", "involution per channel", "depthwise, wide")
FULL_BUDGET = ("static", "depthwise", "involution", "attention", "convolution, narrow")
CONTRASTS = (  # the planned ones, in the order of `DECLARATION.md`: the first less the second
    ("involution", "static"),
    ("involution per channel", "depthwise"),
    ("involution per channel", "depthwise, wide"),
    ("involution", "depthwise"),
    ("involution", "attention"),
    ("involution", "pooling"),
    ("pooling", "identity"),
    ("involution", "convolution"),
    ("involution", "convolution, narrow"),
)
ABLATIONS: dict[str, dict[str, Any]] = {
    "kernel size 3": {"kernel_size": 3},
    "kernel size 7": {"kernel_size": 7},
    "start as a mean": {"start_as_mean": True},
    "reduction ratio 2": {"reduction_ratio": 2},
}
GENERATORS: dict[str, dict[str, Any]] = {
    "wider context": {"kernel_generator": "context"},
    "position code": {"kernel_generator": "position"},
    "mixture of four kernels": {"kernel_generator": "mixture"},
}


def by_operator(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Sort records by the operators' names, in the order of `OPERATORS`; an empty list where there is no run."""
    records = list(records)
    return {
        name: [record for record in records if record.run.model == "small_rednet" and record.run.arguments == arguments]
        for name, arguments in OPERATORS.items()
    }


def for_explorer(runs: Mapping[str, Iterable[Record]]) -> list[dict[str, Any]]:
    """Return runs sorted by operator as `live.explorer` takes them, each with the comparisons that it serves."""
    matched = {"depthwise, wide": "involution per channel", "convolution, narrow": "involution"}

    def rules(name):
        found = ["as declared"]
        if name not in matched:
            found.append("equal width")
        if name in matched or name in matched.values():
            found.append("equal parameters")
        return found

    return [
        {"operator": name, "seed": record.run.seed, "accuracy": record.test_accuracy, "rule": rules(name)}
        for name, records in runs.items()
        for record in records
    ]


def _run(experiment, arguments, seed, budget=BUDGET, rate=None):
    settings = {"arguments": arguments, "seed": seed, "learning_rate": rate, **budget}
    return Run(experiment=experiment, model="small_rednet", **settings)


def declare_rates() -> list[Run]:
    """Return the runs that choose each operator's learning rate on the held-out images."""
    return [_run("learning_rates", arguments, CHOICE_SEED, rate=r) for arguments in OPERATORS.values() for r in RATES]


@functools.cache
def chosen_rates() -> dict[str, float]:
    """Return, for each operator, the learning rate with the best validation accuracy after the last epoch.

    Raises:
        MissingRecordsError: If the runs that choose it are not all there.
    """
    rates = {}
    for name, records in by_operator(load_records("learning_rates")).items():
        accuracy = {record.run.learning_rate: record.history["val_accuracy"][-1] for record in records}
        if set(accuracy) != set(RATES):
            raise MissingRecordsError(
                "the learning rates are not chosen yet: run `python -m involution_utils.experiments run learning_rates`"
            )
        rates[name] = max(accuracy, key=lambda rate: accuracy[rate])
    return rates


def declare_rate_checks() -> list[Run]:
    """Return the runs that check the choice of rates.

    A run at `HIGHER_RATE` for each operator that chose the largest one, which may have been too small, on the held-out
    images; and the static network at the involution's rate, with the lab's ten seeds.
    """
    rates = chosen_rates()
    at_the_edge = [name for name, rate in rates.items() if rate == max(RATES)]
    higher = [_run("rate_checks", OPERATORS[name], CHOICE_SEED, rate=HIGHER_RATE) for name in at_the_edge]
    equal = [_run("rate_checks", OPERATORS["static"], seed, rate=rates["involution"]) for seed in range(10)]
    return higher + equal


def declare_lab() -> list[Run]:
    """Return the runs of the lab, seed by seed, so that all operators of one seed are made on one machine."""
    rates = chosen_rates()
    return [
        _run("lab", arguments, seed, rate=rates[name])
        for seed in range(10)
        for name, arguments in OPERATORS.items()
        if seed < 5 or name in TEN_SEEDS
    ]


def _declare_changes(experiment, changes):
    rate = chosen_rates()["involution"]
    changed = [{"operator": "involution"} | change for change in changes.values()]
    return [_run(experiment, arguments, seed, rate=rate) for seed in range(5) for arguments in changed]


def declare_ablation() -> list[Run]:
    """Return the runs of the ablations: the involution with one argument changed, at the involution's rate."""
    return _declare_changes("ablation", ABLATIONS)


def declare_generators() -> list[Run]:
    """Return the runs of the involution with the kernel generators of notebook 07, at the involution's rate."""
    return _declare_changes("generators", GENERATORS)


def declare_full_budget() -> list[Run]:
    """Return the runs at full budget: 45,000 images, 20 epochs, three seeds, and the repaired INN of notebook 03."""
    rates = chosen_rates()
    runs = []
    for seed in range(3):
        runs += [_run("full_budget", OPERATORS[name], seed, FULL, rate=rates[name]) for name in FULL_BUDGET]
        runs += [Run(experiment="full_budget", model="repaired_involution_classifier", seed=seed, **FULL)]
    return runs


LEARNING_RATES = Experiment("learning_rates", "the lab's learning rates, chosen on held-out images", declare_rates)
RATE_CHECKS = Experiment("rate_checks", "what the choice of learning rates may have hidden", declare_rate_checks)
LAB = Experiment("lab", "a 2 x 2 factorial of operators and its controls, 10,000 images, 5 epochs", declare_lab)
ABLATION = Experiment("ablation", "the lab's involution with one argument changed at a time", declare_ablation)
GENERATORS_LAB = Experiment(
    "generators", "the lab's involution with the kernel generators of notebook 07", declare_generators
)
FULL_BUDGET_LAB = Experiment(
    "full_budget", "five operators and the repaired INN, 45,000 images, 20 epochs", declare_full_budget
)
