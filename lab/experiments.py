"""The experiments: which runs were declared. What is compared, and how, stands in `DECLARATION.md`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from involution_utils import records
from lab.run import Experiment, MissingRowsError
from lab.training import TrainingRun

# The two widths are matched to 0.01: "depthwise, wide" to the parameters of "involution per channel", "convolution,
# narrow" to those of "involution".
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
FACTORIAL = ("static", "depthwise", "involution", "involution per channel")
AUGMENTED: dict[str, Any] = {"validation_images": 5_000, "batch_size": 64, "recipe": "augmented"}
RATES = (0.005, 0.01, 0.02)
TUNING_SEEDS, SEEDS = (200, 201), tuple(range(210, 218))


def chosen_rates(experiment: str, results: Path, values: str = "validation_accuracy") -> dict[str, float]:
    """Return for each name the learning rate with the best mean of `values` over the seeds; of equal ones the lowest.

    Args:
        experiment: Name of the experiment that tunes.
        results: Folder of the tables.
        values: The column that decides.

    Raises:
        MissingRowsError: If a row of that experiment is missing.
    """
    if missing := EXPERIMENTS[experiment].missing(results):
        raise MissingRowsError(f"{len(missing)} rows are missing: run `python -m lab run {experiment}` first")
    means = records.load_results(experiment, results).groupby(["name", "learning_rate"])[values].mean()
    return {str(name): float(rate) for name, rate in means.unstack().idxmax(axis=1).items()}


def _factorial(experiment: str, names: Iterable[str], seed: int, **settings: Any) -> list[TrainingRun]:
    fields = {"model": "small_rednet", "train_images": 40_000, "image_seed": seed, "seed": seed} | AUGMENTED | settings
    return [TrainingRun(experiment=experiment, name=name, arguments=OPERATORS[name], **fields) for name in names]


def _factorial_tuning(results):
    return [
        run
        for seed in TUNING_SEEDS
        for rate in RATES
        for run in _factorial("factorial_tuning", FACTORIAL, seed, learning_rate=rate, epochs=10, test_images=0)
    ]


def _factorial_confirmed(results):
    rates = chosen_rates("factorial_tuning", results)
    return [
        run
        for seed in SEEDS
        for name in FACTORIAL
        for run in _factorial("factorial", [name], seed, learning_rate=rates[name])
    ]


def _factorial_others(results):
    runs = []
    for name, rate in {"attention": 0.005, "convolution, narrow": 0.01}.items():
        runs += _factorial("factorial_others", [name], SEEDS[0], learning_rate=rate)
    return runs


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("factorial_tuning", "learning rates of the factorial at full budget", _factorial_tuning),
        Experiment("factorial", "static or generated, shared or per channel, 20 epochs", _factorial_confirmed),
        Experiment("factorial_others", "two more networks by the recipe of the factorial", _factorial_others),
    )
}
