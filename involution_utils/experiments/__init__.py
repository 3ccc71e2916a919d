"""Experiments: what is declared, how it is run (here or on a cluster), and what the records say.

python -m involution_utils.experiments list
python -m involution_utils.experiments run NAME
python -m involution_utils.experiments sweep NOTEBOOK -p epochs 2 -p seed 0,1,2 --out FOLDER
"""

from involution_utils.experiments.experiment import Experiment, MissingRecordsError, make
from involution_utils.experiments.lab import (
    ABLATION,
    FULL_BUDGET_LAB,
    GENERATORS_LAB,
    LAB,
    LEARNING_RATES,
    RATE_CHECKS,
)
from involution_utils.experiments.labels import LABELS
from involution_utils.experiments.lesions import LESION
from involution_utils.experiments.record import (
    Record,
    load_measurements,
    load_records,
    load_results,
    record,
    save_json,
)
from involution_utils.experiments.rednet import REDNET
from involution_utils.experiments.run import Run
from involution_utils.experiments.statistics import (
    Estimate,
    contrast,
    factorial_effects,
    holm,
    mean_interval,
    paired,
    seed_correlation,
)
from involution_utils.experiments.toy import TOY
from involution_utils.experiments.training import TRAINING

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        TRAINING,
        REDNET,
        LEARNING_RATES,
        RATE_CHECKS,
        LAB,
        FULL_BUDGET_LAB,
        ABLATION,
        GENERATORS_LAB,
        LESION,
        TOY,
        LABELS,
    )
}

__all__ = [
    "EXPERIMENTS",
    "Estimate",
    "Experiment",
    "MissingRecordsError",
    "Record",
    "Run",
    "contrast",
    "factorial_effects",
    "holm",
    "load_measurements",
    "load_records",
    "load_results",
    "make",
    "mean_interval",
    "paired",
    "record",
    "save_json",
    "seed_correlation",
]
