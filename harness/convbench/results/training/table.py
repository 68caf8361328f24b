"""A training as one table: a row for each entrant and step, and one for each entrant and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from convbench.results.columns.column import Column, count, number, seconds, text
from convbench.results.training.training import Training, TrainingEntrant

TRAINING: tuple[Column, ...] = (
    text("network", "Name of the network's workload."),
    text("data", "Name of the data set."),
    text("dtype", "Dtype of all tensors."),
    text("backend", "Name of the entrant."),
    text("row", "`step`, or `epoch` for what is known after a whole epoch."),
    count("step", "Number of the step, from 1; of an epoch its last one."),
    count("epoch", "Number of the epoch, from 1."),
    number("loss", "Loss of the step's batch before the weights moved; of an epoch the mean over its steps."),
    number("weight_distance", "Distance of the weights from those of the reference after the step, relative to them."),
    number("accuracy", "Share of the held-out images that are classified rightly after the epoch."),
    number("test_loss", "Mean loss of the held-out images after the epoch."),
    seconds("time_s", "Seconds of the step, or of all steps of the epoch."),
    seconds("compute_s", "Of these, the backend's passes."),
    seconds("convert_s", "Of these, bringing arrays into the backend's form and back."),
    seconds("host_s", "Of these, convbench's own NumPy part."),
    text("agreement", "What is concluded of the entrant: `agrees`, `disagrees` or `not judged`."),
    text("status", "What became of the entrant."),
)
"""Columns of training.csv."""


def training_table(training: Training) -> pd.DataFrame:
    """The table, in the order of the entrants; steps first, epochs behind them."""
    rows = [row for entrant in training.entrants for row in _rows(training, entrant)]
    return pd.DataFrame(rows, columns=[column.name for column in TRAINING])


def _rows(training: Training, entrant: TrainingEntrant) -> Iterator[dict[str, object]]:
    common = {
        "network": training.network.name,
        "data": training.header.data.name,
        "dtype": training.header.settings.dtype,
        "backend": entrant.name,
        "agreement": entrant.agreement,
        "status": str(entrant.status),
    }
    distances = {each.step: each.distance for each in entrant.distances}
    for place, loss in enumerate(entrant.losses):
        parts = [float(part[place]) for part in (entrant.compute_s, entrant.renew_s, entrant.own_s)]
        yield {
            **common,
            "row": "step",
            "step": place + 1,
            "epoch": place // training.steps_per_epoch + 1,
            "loss": float(loss),
            "weight_distance": distances.get(place + 1),
            "time_s": sum(parts),
            **dict(zip(("compute_s", "convert_s", "host_s"), parts, strict=True)),
        }
    for epoch in entrant.epochs:
        yield {
            **common,
            "row": "epoch",
            "step": epoch.steps_done,
            "epoch": epoch.number,
            "loss": epoch.loss,
            "weight_distance": distances.get(epoch.steps_done),
            "accuracy": epoch.accuracy,
            "test_loss": epoch.test_loss,
            "time_s": epoch.seconds,
            "compute_s": epoch.compute_s,
            "convert_s": epoch.renew_s,
            "host_s": epoch.own_s,
        }
