"""The small RedNet on all training images, as first published in notebook 06: validated on the test images."""

from involution_utils.experiments.experiment import Experiment
from involution_utils.experiments.run import Run


def declare() -> list[Run]:
    """Return the runs: three seeds, 20 epochs, augmented, batches of 64."""
    declared = {"experiment": "rednet", "model": "small_rednet", "recipe": "augmented", "batch_size": 64}
    return [Run.from_dict({**declared, "seed": seed}) for seed in range(3)]


REDNET = Experiment("rednet", "the small RedNet on all 50,000 images (notebook 06)", declare)
