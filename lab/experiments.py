"""The experiments: which runs were declared. What is compared, and how, stands in `DECLARATION.md`."""

from pathlib import Path
from typing import Any

from involution_utils import analysis, records
from lab.labels import LABEL_OPERATORS, LabelRun
from lab.lesions import LAYERS, OF_ALL_LAYERS, KernelRun, LesionRun
from lab.run import Experiment, MissingRowsError
from lab.toys import TASKS, TOY_OPERATORS, ToyRun
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
CHANGES: dict[str, dict[str, dict[str, Any]]] = {  # experiment -> variant -> what it changes about the involution
    "ablation": {
        "kernel size 3": {"kernel_size": 3},
        "kernel size 7": {"kernel_size": 7},
        "start as a mean": {"start_as_mean": True},
        "reduction ratio 2": {"reduction_ratio": 2},
    },
    "generators": {
        "wider context": {"kernel_generator": "context"},
        "position code": {"kernel_generator": "position"},
        "mixture of four kernels": {"kernel_generator": "mixture"},
    },
}
FACTORIAL = ("static", "depthwise", "involution", "involution per channel")
TEN_SEEDS = (*FACTORIAL, "depthwise, wide")
FULL_BUDGET = ("static", "depthwise", "involution", "attention", "convolution, narrow")
LAB_RATES, CHOICE_SEED, HIGHER_RATE = (0.0025, 0.005, 0.01), 100, 0.02
RATES, TUNING_SEEDS, SEEDS = (0.005, 0.01, 0.02), (200, 201), tuple(range(210, 218))
LABEL_TUNING_SEEDS, LABEL_SEEDS = (100, 101), tuple(range(110, 118))


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


def _rednet(experiment, name, seed, rate, change=None, **budget):
    """Return a training of a small RedNet, by default at the lab's budget."""
    arguments = OPERATORS[name] if change is None else OPERATORS["involution"] | change
    recipe = {"validation_images": 5_000, "batch_size": 64, "recipe": "augmented", "learning_rate": rate}
    budget = {"model": "small_rednet", "train_images": 10_000, "epochs": 5} | budget
    return TrainingRun(experiment=experiment, name=name, arguments=arguments, seed=seed, **recipe, **budget)


def _training(results):
    runs = [TrainingRun(experiment="training", name="CNN", model="conv_classifier", seed=seed) for seed in range(3)]
    for name, start in {"INN": {}, "INN, started as a mean": {"start_as_mean": True}}.items():
        fields = {"model": "involution_classifier", "arguments": start}
        runs += [TrainingRun(experiment="training", name=name, seed=seed, **fields) for seed in range(5)]
    return runs


def _first_rednet(results):
    fields = {"model": "small_rednet", "recipe": "augmented", "batch_size": 64, "learning_rate": 0.005}
    return [TrainingRun(experiment="rednet", name="involution", seed=seed, **fields) for seed in range(3)]


def _learning_rates(results):
    return [_rednet("learning_rates", name, CHOICE_SEED, rate) for name in OPERATORS for rate in LAB_RATES]


def _rate_checks(results):
    rates = chosen_rates("learning_rates", results)
    at_the_edge = [name for name in OPERATORS if rates[name] == max(LAB_RATES)]
    higher = [_rednet("rate_checks", name, CHOICE_SEED, HIGHER_RATE) for name in at_the_edge]
    return higher + [_rednet("rate_checks", "static", seed, rates["involution"]) for seed in range(10)]


def _lab(results):
    rates, seeds = chosen_rates("learning_rates", results), range(10)
    names = {seed: OPERATORS if seed < 5 else TEN_SEEDS for seed in seeds}
    return [_rednet("lab", name, seed, rates[name]) for seed in seeds for name in names[seed]]


def _changes(experiment):
    def declare(results):
        rate, changes = chosen_rates("learning_rates", results)["involution"], CHANGES[experiment].items()
        return [_rednet(experiment, name, seed, rate, change) for seed in range(5) for name, change in changes]

    return declare


def _full_budget(results):
    rates, runs, budget = chosen_rates("learning_rates", results), [], {"train_images": 45_000, "epochs": 20}
    for seed in range(3):
        runs += [_rednet("full_budget", name, seed, rates[name], **budget) for name in FULL_BUDGET]
        inn = {"model": "repaired_involution_classifier", "arguments": {}, "name": "repaired INN", "seed": seed}
        more = {"validation_images": 5_000, "batch_size": 64, "recipe": "augmented", "learning_rate": 0.005}
        runs.append(TrainingRun(experiment="full_budget", **inn, **more, **budget))
    return runs


def _factorial_run(experiment, name, seed, rate, **budget):
    budget = {"train_images": 40_000, "image_seed": seed, "epochs": 20} | budget
    return _rednet(experiment, name, seed, rate, **budget)


def _factorial_tuning(results):
    return [
        _factorial_run("factorial_tuning", name, seed, rate, epochs=10, test_images=0)
        for seed in TUNING_SEEDS
        for rate in RATES
        for name in FACTORIAL
    ]


def _factorial(results):
    rates = chosen_rates("factorial_tuning", results)
    return [_factorial_run("factorial", name, seed, rates[name]) for seed in SEEDS for name in FACTORIAL]


def _factorial_others(results):
    rates = chosen_rates("learning_rates", results)
    return [_factorial_run("factorial_others", name, SEEDS[0], rates[name]) for name in ("attention", FULL_BUDGET[-1])]


def _toy(experiment, names):
    def declare(results):
        runs = [{"task": task, "name": name, "seed": s} for task in TASKS for name in names for s in range(10)]
        return [ToyRun(experiment=experiment, **run) for run in runs]

    return declare


def _labels(results):
    runs = [(seed, name) for seed in range(5) for name in LABEL_OPERATORS]
    return [LabelRun(experiment="labels", name=name, seed=seed, learning_rate=0.01) for seed, name in runs]


def _labels_tuning(results):
    runs = [(seed, rate, name) for seed in LABEL_TUNING_SEEDS for rate in RATES for name in LABEL_OPERATORS]
    return [LabelRun(experiment="labels_tuning", name=n, seed=seed, learning_rate=rate) for seed, rate, n in runs]


def _labels_tuned(results):
    rates = chosen_rates("labels_tuning", results, "mean IoU, trained")
    runs = [(seed, name) for seed in LABEL_SEEDS for name in LABEL_OPERATORS]
    return [LabelRun(experiment="labels_tuned", name=n, seed=seed, learning_rate=rates[n]) for seed, n in runs]


def _lesions_of(experiment, networks):
    runs = []
    for model, network in networks.items():
        for again in (False, True):
            more = {"experiment": experiment, "model": model, "network": network, "reestimated": again}
            runs.append(LesionRun(name="none", **more))
            for lesion in analysis.LESIONS:
                layers = ("all",) if lesion in OF_ALL_LAYERS else (*LAYERS[model], "all")
                runs += [LesionRun(name=lesion, layer=layer, **more) for layer in layers]
    return runs


def _lesions(results):
    return _lesions_of("lesions", dict.fromkeys(LAYERS))


def _lesions_paired(results):
    networks = {run.name: run for run in _factorial(results) if run.seed == SEEDS[0]}
    runs = _lesions_of("lesions_paired", {"small_rednet": networks["involution"], "involution_classifier": None})
    return [
        *runs,
        LesionRun(experiment="lesions_paired", name="none", model="small_rednet", network=networks["static"]),
    ]


def _kernels(results):
    networks = [run for run in _factorial(results) if run.name == "involution"]
    return [KernelRun(experiment="kernels", name=run.name, seed=run.seed, network=run) for run in networks]


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("training", "the classifiers of the original experiment", _training),
        Experiment("rednet", "the small RedNet on all 50,000 images", _first_rednet),
        Experiment("learning_rates", "the lab's learning rates, chosen on held-out images", _learning_rates),
        Experiment("rate_checks", "what the choice of learning rates may have hidden", _rate_checks),
        Experiment("lab", "a 2 x 2 factorial of operators and its controls, 10,000 images, 5 epochs", _lab),
        Experiment("full_budget", "five operators and the repaired INN, 45,000 images, 20 epochs", _full_budget),
        Experiment("ablation", "the lab's involution with one argument changed at a time", _changes("ablation")),
        Experiment("generators", "the lab's involution with three other kernel generators", _changes("generators")),
        Experiment("lesions", "kernels that may no longer look at their place", _lesions),
        Experiment("toy", "three toy tasks of one layer each", _toy("toy", TOY_OPERATORS[:3])),
        Experiment("labels", "labels for every pixel, at the size of training and at others", _labels),
        Experiment("factorial_tuning", "learning rates of the factorial at full budget", _factorial_tuning),
        Experiment("factorial", "static or generated, shared or per channel, 20 epochs", _factorial),
        Experiment("factorial_others", "two more networks by the recipe of the factorial", _factorial_others),
        Experiment("labels_tuning", "learning rates of the labels for every pixel", _labels_tuning),
        Experiment("labels_tuned", "labels for every pixel, each layer at its own rate", _labels_tuned),
        Experiment("toy_two_heads", "the toy tasks with whole attention", _toy("toy_two_heads", TOY_OPERATORS[3:])),
        Experiment("lesions_paired", "the lesions with an answer per image", _lesions_paired),
        Experiment("kernels", "what kernels follow: positions, brightness, the border", _kernels),
    )
}
