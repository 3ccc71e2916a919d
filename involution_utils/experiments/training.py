"""The training runs behind notebook 03: the original's two classifiers, and the INN started as a mean."""

from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.run import Run


def declare() -> list[Run]:
    """Return the runs: three seeds of the CNN, five of each INN; 20 epochs of Adam, as in the original."""
    runs = [Run(experiment="training", model="conv_classifier", seed=seed) for seed in range(3)]
    for start in ({}, {"start_as_mean": True}):
        runs += [
            Run(experiment="training", model="involution_classifier", arguments=start, seed=seed) for seed in range(5)
        ]
    return runs


TRAINING = Experiment("training", "the classifiers of the original experiment, over seeds (notebook 03)", declare)
