"""The time or the peak memory of one case over batch sizes, a curve a backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from convbench.errors import UsageError
from convbench.plan.status import Status
from convbench.report.export.figures.chart import HEIGHT, NOT_PROVEN, WIDTH, Point, axis, chart, names, reach, series
from convbench.report.export.figures.figure import Figure
from convbench.report.export.figures.scales import LogScale
from convbench.verify import RIGHT_ON_NUMBERS

NAMED_A_LINE = 2
"""Backends that a line under the title names."""


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
        raise UsageError(f"{title}: no {quantity.title.lower()} was measured")
    points = [point for point in points if isfinite(point.y) and point.y > 0]
    batch_sizes = sorted({point.x for point in points})
    across = LogScale.around(batch_sizes, WIDTH)
    up = LogScale.around(reach(points), HEIGHT)
    x = axis("x", "batch size", across, values=batch_sizes, grid=False)
    y = axis("y", quantity.title.lower(), up, values=up.ticks(), unit=quantity.unit, grid=True)
    notes = [f"{quantity.interval}; {setting}"]
    if not all(point.proven for point in points):
        notes.append(NOT_PROVEN)
    notes.extend(not_drawn(cells, quantity))
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


def not_drawn(cells: pd.DataFrame, quantity: Quantity) -> list[str]:
    """A line on what has no place in the figure, and why; nothing where the backend does not offer the case."""
    missing: dict[str, list[str]] = {}
    rows = zip(*(cells[name].tolist() for name in ("backend", "batch_size", "status", quantity.column)), strict=True)
    for backend, batch_size, status, value in rows:
        if status in (Status.UNSUPPORTED, Status.UNAVAILABLE) or _number(value) > 0:
            continue
        why = "0 has no logarithm" if value == 0 else "not measured" if status == Status.OK else str(status)
        missing.setdefault(f"{backend} ({why})", []).append(str(batch_size))
    said = [f"{who} at {', '.join(sizes)}" for who, sizes in missing.items()]
    return [f"not drawn: {'; '.join(said[at : at + NAMED_A_LINE])}" for at in range(0, len(said), NAMED_A_LINE)]


def _number(value: object) -> float:
    return float("nan") if value is None else float(str(value))
