"""The experiments: which runs were declared. What is compared, and how, stands in `DECLARATION.md`.

Experiments that were finished before 2026-11-29 have their tables alone: a row holds all that its run needs.
"""

from pathlib import Path
from typing import Any

from involution_utils import analysis, checks, records
from lab.labels import LABEL_OPERATORS, LabelRun
from lab.lesions import LAYERS, OF_ALL_LAYERS, KernelRun, LesionRun
from lab.run import Experiment
from lab.toys import TASKS, ToyRun
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
RATES, TUNING_SEEDS, SEEDS = (0.005, 0.01, 0.02), (200, 201), tuple(range(210, 218))
OTHERS = {"attention": 0.005, "convolution, narrow": 0.01}  # the rates that they had chosen in `learning_rates`
# A fair chance: the original's classifiers with a control each, and the repaired INN, by either recipe.
CONTESTANTS: dict[str, dict[str, Any]] = {
    "CNN": {"model": "conv_classifier"},
    "CNN, pooled head": {"model": "conv_classifier", "arguments": {"pooled_head": True}},
    "INN, started as a mean": {"model": "involution_classifier", "arguments": {"start_as_mean": True}},
    "repaired INN": {"model": "repaired_involution_classifier"},
}
NETWORKS = {name: {"model": "small_rednet", "arguments": arguments} for name, arguments in OPERATORS.items()}
NETWORKS |= CONTESTANTS
FULL_BUDGET = {"train_images": 40_000, "validation_images": 5_000, "epochs": 20}
SMALL_BUDGET = {"train_images": 10_000, "validation_images": 2_000, "epochs": 5}
CONTEST_RATES, CONTEST_TUNING_SEED, CONTEST_SEEDS = (0.00125, 0.005), 300, (310, 311, 312)
LABEL_TUNING_SEEDS, LABEL_SEEDS = (100, 101), tuple(range(110, 118))


def chosen_rates(experiment: str, results: Path, values: str = "validation_accuracy") -> dict[str, float]:
    """Return for each name the learning rate with the best mean of `values` over the seeds; of equal ones the lowest.

    Args:
        experiment: Name of the experiment that tunes.
        results: Folder of the tables.
        values: The column that decides.

    Raises:
        ParameterError: If a row of that experiment is missing.
    """
    if missing := EXPERIMENTS[experiment].missing(results):
        raise checks.ParameterError(f"{len(missing)} rows are missing: run `python -m lab run {experiment}` first")
    declared = EXPERIMENTS[experiment].declare(results)
    done = [any(run.is_done([row]) for run in declared) for row in records.read_rows(experiment, results)]
    means = records.load_results(experiment, results)[done].groupby(["name", "learning_rate"])[values].mean()
    return {str(name): float(rate) for name, rate in means.unstack().idxmax(axis=1).items()}


def _augmented(rate):
    return {"recipe": "augmented", "batch_size": 64, "learning_rate": rate}


def _run(experiment, name, seed, recipe, budget, **more):
    """Return a training in which the seed also fixes which images are taken."""
    seeds = {"seed": seed, "image_seed": seed}
    return TrainingRun(experiment=experiment, name=name, **NETWORKS[name], **seeds, **recipe, **budget | more)


def _factorial_tuning(results):
    runs = [(name, seed, _augmented(rate)) for seed in TUNING_SEEDS for rate in RATES for name in FACTORIAL]
    return [_run("factorial_tuning", *run, FULL_BUDGET, epochs=10, test_images=0) for run in runs]


def _factorial(results):
    rates = chosen_rates("factorial_tuning", results)
    runs = [(name, seed, _augmented(rates[name])) for seed in SEEDS for name in FACTORIAL]
    return [_run("factorial", *run, FULL_BUDGET) for run in runs]


def _factorial_others(results):
    return [_run("factorial_others", name, SEEDS[0], _augmented(rate), FULL_BUDGET) for name, rate in OTHERS.items()]


def _four_operators(results):
    rates = {"involution": 0.01, "depthwise": 0.01, "convolution, narrow": 0.01, "attention": 0.005}
    budget = {"train_images": 20_000, "validation_images": 5_000, "epochs": 8}
    return [_run("four_operators", n, 220, _augmented(rate), budget) for n, rate in rates.items()]


def _fair_chance_tuning(results):
    runs = [(name, CONTEST_TUNING_SEED, _augmented(rate)) for rate in CONTEST_RATES for name in CONTESTANTS]
    return [_run("fair_chance_tuning", *run, SMALL_BUDGET, test_images=0) for run in runs]


def _fair_chance(results):
    rates = chosen_rates("fair_chance_tuning", results)
    runs = [(name, seed) for seed in CONTEST_SEEDS for name in CONTESTANTS]
    augmented = [_run("fair_chance", *run, _augmented(rates[run[0]]), SMALL_BUDGET) for run in runs]
    return [*augmented, *(_run("fair_chance", *run, {}, SMALL_BUDGET) for run in runs)]


def _fair_chance_anew(results):
    networks = [run for run in _fair_chance(results) if run.recipe == "adam" and "INN" in run.name]
    more = {"experiment": "fair_chance_anew", "name": "none"}
    return [LesionRun(**more, model=n.model, network=n, reestimated=a) for n in networks for a in (False, True)]


def _labels_tuning(results):
    runs = [(seed, rate, name) for seed in LABEL_TUNING_SEEDS for rate in RATES for name in LABEL_OPERATORS]
    return [LabelRun(experiment="labels_tuning", name=n, seed=seed, learning_rate=rate) for seed, rate, n in runs]


def _labels_tuned(results):
    rates = chosen_rates("labels_tuning", results, "mean IoU, trained")
    runs = [(seed, name) for seed in LABEL_SEEDS for name in LABEL_OPERATORS]
    return [LabelRun(experiment="labels_tuned", name=n, seed=seed, learning_rate=rates[n]) for seed, n in runs]


def _toy_two_heads(results):
    runs = [(task, n, s) for task in TASKS for n in ("two heads", "two heads, no positions") for s in range(10)]
    return [ToyRun(experiment="toy_two_heads", task=task, name=name, seed=seed) for task, name, seed in runs]


def _lesions_paired(results):
    networks, runs = {run.name: run for run in _factorial(results) if run.seed == SEEDS[0]}, []
    for model, network in {"small_rednet": networks["involution"], "involution_classifier": None}.items():
        for again in (False, True):
            more = {"experiment": "lesions_paired", "model": model, "network": network, "reestimated": again}
            runs.append(LesionRun(name="none", **more))
            for lesion in analysis.LESIONS:
                layers = ("all",) if lesion in OF_ALL_LAYERS else (*LAYERS[model], "all")
                runs += [LesionRun(name=lesion, layer=layer, **more) for layer in layers]
    static = {"model": "small_rednet", "network": networks["static"]}
    return [*runs, LesionRun(experiment="lesions_paired", name="none", **static)]


def _kernels(results):
    networks = [run for run in _factorial(results) if run.name == "involution"]
    return [KernelRun(experiment="kernels", name=run.name, seed=run.seed, network=run) for run in networks]


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("factorial_tuning", "learning rates of the factorial at full budget", _factorial_tuning),
        Experiment("factorial", "static or generated, shared or per channel, 20 epochs", _factorial),
        Experiment("factorial_others", "two more networks by the recipe of the factorial", _factorial_others),
        Experiment("four_operators", "four networks for one screen, 20,000 images, 8 epochs", _four_operators),
        Experiment("fair_chance_tuning", "learning rates of the four networks of a fair chance", _fair_chance_tuning),
        Experiment("fair_chance", "CNN and INN, each with its control, by two recipes", _fair_chance),
        Experiment("fair_chance_anew", "both INNs by the original recipe, averages anew", _fair_chance_anew),
        Experiment("labels_tuning", "learning rates of the labels for every pixel", _labels_tuning),
        Experiment("labels_tuned", "labels for every pixel, each layer at its own rate", _labels_tuned),
        Experiment("toy_two_heads", "three toy tasks of one layer, with whole attention", _toy_two_heads),
        Experiment("lesions_paired", "kernels that may not look at their place, an answer per image", _lesions_paired),
        Experiment("kernels", "what kernels follow: positions, brightness, the border", _kernels),
    )
}
