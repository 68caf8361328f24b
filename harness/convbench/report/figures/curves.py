"""The time or the peak memory of one case over batch sizes, a curve a backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from convbench.errors import UsageError
from convbench.report.figures.chart import HEIGHT, NOT_PROVEN, WIDTH, Point, axis, chart, names, reach, series
from convbench.report.figures.figure import Figure
from convbench.report.figures.scales import LogScale
from convbench.verify import RIGHT_ON_NUMBERS


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn: its columns and its words."""

    column: str
    low: str
    high: str
    unit: str
    title: str
    interval: str


TIME = Quantity("median_s", "ci_low_s", "ci_high_s", "s", "Time of a call", "median and 95 % interval")
MEMORY = Quantity(
    "peak_memory_bytes", "peak_memory_min_bytes", "peak_memory_max_bytes", "B", "Peak memory of a call",
    "with the range of its repetitions",
)  # fmt: skip


def curves(cells: pd.DataFrame, slots: Mapping[str, int], quantity: Quantity, *, title: str, setting: str) -> Figure:
    """The figure of the cells of one case and pass.

    UsageError where none of them has the quantity.
    """
    points = points_of(cells, quantity)
    if not any(isfinite(point.y) and point.y > 0 for point in points):
        raise UsageError(f"{title}: no backend has a {quantity.title.lower()} there")
    points = [point for point in points if isfinite(point.y) and point.y > 0]
    batch_sizes = sorted({point.x for point in points})
    across = LogScale.around(batch_sizes, WIDTH)
    up = LogScale.around(reach(points), HEIGHT)
    x = axis("x", "batch size", across, values=batch_sizes, grid=False)
    y = axis("y", quantity.title.lower(), up, values=up.ticks(), unit=quantity.unit, grid=True)
    notes = [f"{quantity.interval}; {setting}"]
    if not all(point.proven for point in points):
        notes.append(NOT_PROVEN)
    layers = [*series(points, slots, x, y, lines=True), *names(points, slots, x, y, up)]
    whole = f"{quantity.title}, {title}"
    return Figure(whole, chart(whole, notes, layers, backends=(point.backend for point in points)))


def points_of(cells: pd.DataFrame, quantity: Quantity) -> Sequence[Point]:
    """A point a cell: the quantity over the batch size."""
    proven = (cells["status"] == "ok") & cells["verdict"].isin(RIGHT_ON_NUMBERS)
    columns = ("backend", "batch_size", quantity.column, quantity.low, quantity.high)
    rows = zip(*(cells[name].tolist() for name in columns), proven.tolist(), strict=True)
    return [
        Point(str(backend), float(batch_size), _number(y), _number(low), _number(high), bool(right))
        for backend, batch_size, y, low, high, right in rows
    ]


def _number(value: object) -> float:
    return float("nan") if value is None else float(str(value))
