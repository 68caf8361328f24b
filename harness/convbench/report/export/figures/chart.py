"""The parts of Vega-Lite that all figures share: axes, series with their intervals and markers, and names beside them.

A part is a dict, as JSON is; https://vega.github.io/vega-lite/docs/ describes every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from convbench.report.export.figures.figure import Part
from convbench.report.export.figures.palette import COLOURS, CROSS, MARKERS, text_colour, unit_path
from convbench.report.export.figures.scales import LogScale, apart

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""The name of the language; nothing is loaded from there."""
WIDTH, HEIGHT = 420, 280
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, SOFT, LINE = "#1b1f27", "#5a616e", "#e3e3de"
FONT_SIZE = 11
WIDER_FONT = 2.0
"""Pixels for each letter of a name that a reader's own font may take more than the one that was measured."""
LONGEST_INTERVAL = 10.0
"""An interval that goes further beyond all values than so many times is cut off at the edge of the plot."""
LABEL_GAP = 14.0
"""Pixels between two names."""
LEADER = 16
"""Pixels between the plot and the names."""
NOT_PROVEN = "× is not proven right"


@dataclass(frozen=True, slots=True)
class Point:
    """A measured value of a backend with its interval; NaN where it has none."""

    backend: str
    x: float
    y: float
    low: float
    high: float
    proven: bool


def reach(points: Sequence[Point]) -> list[float]:
    """What an axis must show: every value, and its interval as far as that does not make all values look alike."""
    values = [point.y for point in points]
    low, high = min(values) / LONGEST_INTERVAL, max(values) * LONGEST_INTERVAL
    lows = [max(low, point.low) for point in points if isfinite(point.low)]
    return [*values, *lows, *(min(high, point.high) for point in points if isfinite(point.high))]


def chart(title: str, subtitle: Sequence[str], layers: Sequence[Part], *, backends: Iterable[str]) -> Part:
    """A whole specification of layers on one pair of axes, with the names of the backends at its right side."""
    longest = max(map(len, backends), default=0)
    return {
        "$schema": SCHEMA,
        "width": WIDTH,
        "height": HEIGHT,
        "background": "white",
        "padding": {"left": 5, "top": 5, "bottom": 5, "right": 5 + WIDER_FONT * longest},
        "title": {"text": title, "subtitle": list(subtitle), "anchor": "start", "offset": 12},
        "layer": list(layers),
        "config": {
            "font": FONT,
            "title": {"color": INK, "fontSize": FONT_SIZE + 3, "subtitleColor": SOFT, "subtitleFontSize": FONT_SIZE},
            "axis": {
                "labelColor": SOFT, "titleColor": INK, "labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE,
                "titleFontWeight": "normal", "gridColor": LINE, "domainColor": SOFT, "tickColor": SOFT,
            },
            "view": {"stroke": None},
        },
    }  # fmt: skip


def axis(field: str, title: str, scale: LogScale, *, values: Sequence[float], unit: str = "", grid: bool) -> Part:
    """A logarithmic axis, with numbers such as 100 µs where there is a unit."""
    shown: Part = {"title": title, "values": list(values), "grid": grid}
    number = "format(datum.value, '~s')"
    shown["labelExpr"] = f"replace({number}, /([a-zµ]?)$/i, ' $1{unit}')" if unit else "format(datum.value, ',~g')"
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"type": "log", "domain": [scale.low, scale.high], "nice": False},
        "axis": shown,
    }


def series(points: Sequence[Point], slots: Mapping[str, int], x: Part, y: Part, *, lines: bool) -> list[Part]:
    """The points of each backend with their intervals, joined where asked, and a marker for each backend."""
    drawn = [point for point in points if isfinite(point.y)]
    colour = _by_slot(drawn, slots, COLOURS)
    shape = _by_slot(drawn, slots, [unit_path(marker) for marker in MARKERS], {"not proven": unit_path(CROSS)})
    rows = [_row(point) for point in drawn]
    place = {"x": x, "y": y, "color": colour}
    layers: list[Part] = []
    if lines:
        layers.append({"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 1.75}, "encoding": place})
    bars = [row for row in rows if "low" in row]
    if bars:
        whole = place | {"y": y | {"field": "low"}, "y2": {"field": "high"}}
        rule = {"type": "rule", "strokeWidth": 1.5, "clip": True}
        layers.append({"data": {"values": bars}, "mark": rule, "encoding": whole})
        for end in ("low", "high"):
            tick = {"type": "tick", "orient": "horizontal", "size": 7, "thickness": 1.5, "clip": True}
            layers.append({"data": {"values": bars}, "mark": tick, "encoding": place | {"y": y | {"field": end}}})
    mark = {"type": "point", "filled": True, "opacity": 1, "size": 90, "stroke": "white", "strokeWidth": 0.7}
    layers.append({"data": {"values": rows}, "mark": mark, "encoding": place | {"shape": shape}})
    return layers


def names(points: Sequence[Point], slots: Mapping[str, int], x: Part, y: Part, scale: LogScale) -> list[Part]:
    """The name of each backend: to the right of the plot with a line from its last point, or beside an earlier one."""
    last: dict[str, Point] = {}
    for point in points:
        if isfinite(point.y) and (point.backend not in last or point.x >= last[point.backend].x):
            last[point.backend] = point
    end = max((point.x for point in last.values()), default=0.0)
    outside = [point for point in last.values() if point.x == end]
    inside = [point for point in last.values() if point.x < end]
    places = apart([scale.at(point.y) for point in outside], LABEL_GAP)
    named = [_row(point) | {"name_at": scale.value(at)} for point, at in zip(outside, places, strict=True)]
    leader = {
        "data": {"values": named},
        "mark": {"type": "rule", "strokeWidth": 0.75, "opacity": 0.6, "clip": False},
        "encoding": {
            "x": x, "x2": {"value": WIDTH + LEADER - 3}, "y": y, "y2": {"field": "name_at"},
            "color": _by_slot(outside, slots, COLOURS),
        },
    }  # fmt: skip
    beside = [_row(point) | {"name_at": point.y} for point in inside]
    return [
        leader,
        _names(named, slots, {"value": WIDTH + LEADER}, y, offset=0),
        *([_names(beside, slots, x, y, offset=LEADER // 2)] if beside else []),
    ]


def _names(rows: Sequence[Part], slots: Mapping[str, int], x: Part, y: Part, *, offset: int) -> Part:
    mark = {"type": "text", "align": "left", "dx": offset, "fontSize": FONT_SIZE + 1, "fontWeight": "bold"}
    return {
        "data": {"values": [row | {"text_colour": text_colour(slots[str(row["backend"])])} for row in rows]},
        "mark": mark | {"clip": False},
        "encoding": {
            "x": x,
            "y": y | {"field": "name_at"},
            "text": {"field": "backend"},
            "color": {"field": "text_colour", "type": "nominal", "scale": None},
        },
    }


def _row(point: Point) -> Part:
    row: Part = {
        "backend": point.backend,
        "x": point.x,
        "y": point.y,
        "shape": point.backend if point.proven else "not proven",
    }
    if isfinite(point.low) and isfinite(point.high) and point.low > 0:
        row |= {"low": point.low, "high": point.high}
    return row


def _by_slot(
    points: Sequence[Point],
    slots: Mapping[str, int],
    values: Sequence[str],
    others: Mapping[str, str] | None = None,
) -> Part:
    """An encoding by backend, or by the markers of `others`, where each has the value of its slot."""
    backends = list(dict.fromkeys(point.backend for point in points))
    domain = {name: values[slots[name]] for name in backends} | dict(others or {})
    return {
        "field": "shape" if others else "backend",
        "type": "nominal",
        "scale": {"domain": list(domain), "range": list(domain.values())},
        "legend": None,
    }
