"""A training on disk, and what is worked out from it.

    training = load_training(Path("results/train-20261126-120000"))
    training.entrants[0].losses             # a loss a step
    training.entrants[0].verdict            # agrees, disagrees or not judged

The folder has training.json (what was asked, and where), journal.jsonl (what happened, a line an event), training.csv
(made of the journal), and below entrants/NAME the arrays of each entrant.
"""

from convbench.results.training.agreement import Agreement, Bound, bound_of
from convbench.results.training.loading import load_training
from convbench.results.training.training import (
    Deviation,
    Epoch,
    MovedRun,
    ShownImage,
    Training,
    TrainingEntrant,
    WeightDistance,
)

__all__ = [
    "Agreement",
    "Bound",
    "Deviation",
    "Epoch",
    "MovedRun",
    "ShownImage",
    "Training",
    "TrainingEntrant",
    "WeightDistance",
    "bound_of",
    "load_training",
]
