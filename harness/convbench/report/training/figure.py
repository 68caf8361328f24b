"""Curves over steps or epochs, worked out as places in an SVG.

Right backends learn the same, so that their curves lie on each other. Therefore the lines of a figure become narrower
from the first to the last: whatever lies below is seen on both sides of what lies above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from convbench.report.training.axes import Axis, short_number

WIDTH, HEIGHT = 420.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 36.0
NARROWEST, WIDEST, WIDER = 1.6, 10.0, 2.4
"""Widths of lines: of the last and the first of many, and how much wider each is than the one on it."""
MARGIN = 6.0
"""Room between the ends of an axis and the frame."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of an entrant: x and y of each point, and the slot of its colour."""

    name: str
    slot: int
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve as it is drawn: `d` is the path, `dots` single points, `width` that of the stroke."""

    name: str
    slot: int
    d: str
    dots: Sequence[tuple[float, float]]
    width: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a text, such as where a backend begins to be wrong or what its weights are held to."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """All that is drawn. `band` is the outline of a filled area, empty where there is none."""

    title: str
    subtitle: str
    x_label: str
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    band: str = ""
    marks: Sequence[Mark] = ()

    @property
    def description(self) -> str:
        """What the figure shows, for those who cannot see it."""
        return f"{self.title}, {self.subtitle}: {', '.join(line.name for line in self.lines)}"


def draw(
    curves: Sequence[Curve],
    *,
    title: str,
    subtitle: str,
    x_label: str,
    is_log: bool,
    y_text: Callable[[float], str] = short_number,
    band: Sequence[tuple[float, float, float]] = (),
    marks: Sequence[tuple[float, float, str]] = (),
) -> Figure:
    """The figure of curves; `band` has x, low and high of each of its places, `marks` have x, y and a text."""
    xs = [x for curve in curves for x, _ in curve.points] + [x for x, _, _ in marks]
    ys = [y for curve in curves for _, y in curve.points]
    ys += [edge for _, low, high in band for edge in (low, high)] + [y for _, y, _ in marks]
    x = Axis.linear(xs, LEFT + MARGIN, WIDTH - RIGHT - MARGIN, is_whole=True)
    make = Axis.logarithmic if is_log else Axis.linear
    y = make(ys, HEIGHT - BOTTOM - MARGIN, TOP + MARGIN)
    longest_first = sorted(curves, key=lambda curve: -len(curve.points))
    wider = min(WIDER, (WIDEST - NARROWEST) / max(1, len(curves) - 1))
    return Figure(
        title=title,
        subtitle=subtitle,
        x_label=x_label,
        lines=[
            _line(curve, x, y, NARROWEST + wider * (len(curves) - 1 - place))
            for place, curve in enumerate(longest_first)
        ],
        x_ticks=[Tick(x.place(value), short_number(value)) for value in x.ticks()],
        y_ticks=[Tick(y.place(value), y_text(value)) for value in y.ticks()],
        band=_outline([(x.place(at), y.place(low), y.place(high)) for at, low, high in band]),
        marks=[Mark(x.place(at), y.place(value), text) for at, value, text in marks],
    )


def _line(curve: Curve, x: Axis, y: Axis, width: float) -> Line:
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in curve.points:
        if isfinite(value):
            pieces[-1].append((x.place(at), y.place(value)))
        elif pieces[-1]:
            pieces.append([])
    d = "".join("M" + "L".join(f"{at},{value}" for at, value in piece) for piece in pieces if len(piece) > 1)
    dots = [piece[0] for piece in pieces if len(piece) == 1]
    return Line(curve.name, curve.slot, d, dots, round(width, 2))


def _outline(band: Sequence[tuple[float, float, float]]) -> str:
    if len(band) < 2:
        return ""
    there = [f"{at},{high}" for at, _, high in band]
    back = [f"{at},{low}" for at, low, _ in reversed(band)]
    return f"M{'L'.join([*there, *back])}Z"
