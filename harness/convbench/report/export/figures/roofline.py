"""The roofline of a run: the rate of each cell over its intensity, under what the machine reaches at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from convbench.errors import UsageError
from convbench.report.export.figures.chart import (
    FONT_SIZE,
    HEIGHT,
    INK,
    NOT_PROVEN,
    SOFT,
    WIDTH,
    axis,
    chart,
    names,
    reach,
    series,
)
from convbench.report.export.figures.curves import Quantity, points_of
from convbench.report.export.figures.figure import Figure, Part
from convbench.report.export.figures.scales import LogScale
from convbench.report.views.roofline import Roof
from convbench.text.units import format_number

RATE = Quantity("gflops_per_s", "rate_low", "rate_high", "", "rate", "95 % interval")
CASE_GAP = 13.0
"""Pixels between the names of two cases; those that are nearer share a place."""


def roofline(
    cells: pd.DataFrame, labels: Sequence[str], roofs: Sequence[Roof], slots: Mapping[str, int], *, title: str
) -> Figure:
    """The figure of the cells of one pass and batch size; `labels` name the case of each.

    UsageError where no cell computes anything, as in a run that only flattens.
    """
    placed = cells.assign(
        label=list(labels),
        rate_low=cells["flops"].astype(float) / cells["ci_high_s"] / 1e9,
        rate_high=cells["flops"].astype(float) / cells["ci_low_s"] / 1e9,
    )
    placed = placed[(placed["intensity_flops_per_byte"] > 0) & (placed["gflops_per_s"] > 0)]
    if placed.empty:
        raise UsageError(f"{title}: no cell that computes anything was timed")
    points = points_of(placed.assign(batch_size=placed["intensity_flops_per_byte"]), RATE)
    ridges = [roof.gflops_per_s / roof.gbytes_per_s for roof in roofs]
    across = LogScale.around([*(point.x for point in points), *ridges], WIDTH)
    up = LogScale.around([*reach(points), *(roof.gflops_per_s for roof in roofs)], HEIGHT)
    x = axis("x", "arithmetic intensity (FLOP/byte)", across, values=across.ticks(), grid=False)
    y = axis("y", "GFLOP/s", up, values=up.ticks(), grid=True)
    notes = ["rate with its 95 % interval, under what this machine reaches at most"]
    if not all(point.proven for point in points):
        notes.append(NOT_PROVEN)
    layers = [
        *(part for roof in roofs for part in _roof(roof, across, up, x, y, named=len(roofs) > 1)),
        _case_names(placed, across, x),
        *series(points, slots, x, y, lines=False),
        *names(points, slots, x, y, up),
    ]
    whole = f"Roofline, {title}"
    return Figure(whole, chart(whole, notes, layers, backends=(point.backend for point in points)))


def _roof(roof: Roof, across: LogScale, up: LogScale, x: Part, y: Part, *, named: bool) -> list[Part]:
    """The line of a roof with its two limits in words: the peak over its flat part, the bandwidth over its slope."""
    ridge = roof.gflops_per_s / roof.gbytes_per_s
    start = max(across.low, up.low / roof.gbytes_per_s)
    corners = [start, ridge, across.high] if start < ridge < across.high else [start, across.high]
    line = [{"x": at, "y": min(roof.gflops_per_s, at * roof.gbytes_per_s)} for at in corners]
    of = f"{roof.label}: " if named else ""
    texts = [
        {"x": across.high, "y": roof.gflops_per_s, "text": f"{of}{format_number(roof.gflops_per_s)} GFLOP/s"},
    ]
    slope: list[Part] = []
    if start < ridge:
        middle = (start * min(ridge, across.high)) ** 0.5
        text = f"{format_number(roof.gbytes_per_s)} GB/s"
        slope = [{"x": middle, "y": middle * roof.gbytes_per_s, "text": text}]
    mark: Part = {"type": "text", "fontSize": FONT_SIZE, "color": INK, "dy": -7}
    encoding = {"x": x, "y": y, "text": {"field": "text"}}
    parts: list[Part] = [
        {
            "data": {"values": line},
            "mark": {"type": "line", "color": INK, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y},
        },
        {"data": {"values": texts}, "mark": mark | {"align": "right"}, "encoding": encoding},
    ]
    if slope:
        parts.append({"data": {"values": slope}, "mark": mark | {"align": "right", "dx": -6}, "encoding": encoding})
    return parts


def _case_names(placed: pd.DataFrame, across: LogScale, x: Part) -> Part:
    """The names of the cases, upright above the plot where their cells stand."""
    firsts = placed.drop_duplicates("label").sort_values("intensity_flops_per_byte")
    rows: list[Part] = []
    for label, at in zip(firsts["label"], firsts["intensity_flops_per_byte"].astype(float), strict=True):
        if rows and across.at(at) - across.at(float(rows[-1]["x"])) < CASE_GAP:
            rows[-1]["text"] += f", {label}"
        else:
            rows.append({"x": at, "text": str(label)})
    mark = {
        "type": "text",
        "angle": 270,
        "align": "left",
        "fontSize": FONT_SIZE - 1,
        "color": SOFT,
        "dx": 4,
        "clip": False,
    }
    return {
        "data": {"values": rows},
        "mark": mark,
        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}},
    }
