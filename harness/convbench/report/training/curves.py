"""The figures of a training: loss by step, accuracy by epoch, and how far the weights are from the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from convbench.report.training.figure import Curve, Figure, draw
from convbench.results.training import Training, TrainingEntrant
from convbench.results.training.training import Array
from convbench.text.units import format_number, power_of_ten

MOST_POINTS = 150
"""Points of a line; more steps are taken together, and their mean is a point."""


def figures(training: Training, slots: Mapping[str, int]) -> list[Figure]:
    """The figures that have at least one curve."""
    found = (_losses(training, slots), _accuracies(training, slots), _distances(training, slots))
    return [figure for figure in found if figure.lines]


def _trained(training: Training) -> Iterator[TrainingEntrant]:
    return (each for each in training.entrants if each.steps)


def _losses(training: Training, slots: Mapping[str, int]) -> Figure:
    group = max(1, -(-max((each.steps for each in training.entrants), default=1) // MOST_POINTS))
    curves = [Curve(each.name, slots[each.name], _means(each.losses, group)) for each in _trained(training)]
    edges = training.band() if training.moved else None
    band = []
    if edges is not None:
        low, high = (_means(edge, group) for edge in edges)
        band = [(at, below, above) for (at, below), (_, above) in zip(low, high, strict=True)]
    over = "of each batch" if group == 1 else f"means of {group} batches"
    return draw(curves, title="Loss", subtitle=over, x_label="step", is_log=True, band=band)


def _means(values: Array, group: int) -> list[tuple[float, float]]:
    """The middle step and the mean of each group of consecutive steps, the first of which is step 1.

    A rest of fewer steps is left out, as its mean would stray from the others; it is shown where there is no other.
    """
    stops = range(group, len(values) + 1, group) or (len(values),)
    bounds = [0, *stops]
    return [
        ((start + 1 + stop) / 2, float(np.mean(values[start:stop]))) for start, stop in pairwise(bounds) if stop > start
    ]


def _accuracies(training: Training, slots: Mapping[str, int]) -> Figure:
    curves = [
        Curve(each.name, slots[each.name], [(epoch.number, 100 * epoch.accuracy) for epoch in each.epochs])
        for each in training.entrants
        if each.epochs
    ]
    title, subtitle = "Accuracy", "on the held-out images after each epoch"
    return draw(curves, title=title, subtitle=subtitle, x_label="epoch", is_log=False, y_text=_percent)


def _percent(value: float) -> str:
    return f"{value:g} %"


def _distances(training: Training, slots: Mapping[str, int]) -> Figure:
    """Distances of 0 are left out, as they have no place on a logarithmic axis."""
    curves = [
        Curve(each.name, slots[each.name], [(at.step, at.distance) for at in each.distances if at.distance > 0])
        for each in training.entrants
        if each.name != training.reference
    ]
    moved = [at for run in training.moved for at in run.distances if at.distance > 0]
    steps = sorted({at.step for at in moved})
    of_step = {step: [at.distance for at in moved if at.step == step] for step in steps}
    bound = training.bound
    return draw(
        [curve for curve in curves if curve.points],
        title="Distance of the weights",
        subtitle=f"from those of {training.reference}, relative to their size",
        x_label="step",
        is_log=True,
        y_text=power_or_number,
        band=[(step, min(found), max(found)) for step, found in of_step.items()],
        marks=[] if bound is None else [(bound.step, bound.distance, f"below {power_of_ten(bound.distance)} here")],
    )


def power_or_number(value: float) -> str:
    """A tick of a logarithmic axis over many decades.

    >>> power_or_number(1e-9), power_or_number(0.5)
    ('10⁻⁹', '0.500')
    """
    return power_of_ten(value) if value < 0.1 else format_number(value)
