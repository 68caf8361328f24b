"""The figure of a case over time, worked out as places in an SVG: a line a backend, on a logarithmic axis of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from convbench.report.diff.words import percent
from convbench.report.history.terminal import version_change
from convbench.results.history import CellSeries, MachineHistory, SeriesStep
from convbench.text.units import format_seconds

WIDTH, HEIGHT = 420.0, 224.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 12.0, 34.0, 30.0
LEAST_DECADES = 0.15
"""An axis spans at least so many powers of ten, so that noise does not look like a step."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a line, and what it says when it is pointed at."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A step: where, what it says, and whether it is to the worse."""

    x: float
    y: float
    text: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """A backend: its colour, its path and its points."""

    backend: str
    slot: int
    path: str
    dots: Sequence[Dot]
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Release:
    """The first run with another version of a backend."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A case, batch size and pass: all that is drawn."""

    title: str
    subtitle: str
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]
    releases: Sequence[Release]
    dates: tuple[str, str]
    has_steps: bool
    description: str
    """The lines in words."""


def figures(machine: MachineHistory, slots: Mapping[str, int]) -> list[Figure]:
    """A figure for each case, dtype, batch size and pass; those with steps come first."""
    groups: dict[tuple[str, str, str, str, int, str], list[CellSeries]] = {}
    for series in machine.series:
        key = (series.workload, series.case, series.definition, series.dtype, series.batch_size, series.pass_name)
        groups.setdefault(key, []).append(series)
    drawn = [_figure(machine, group, slots) for group in groups.values()]
    return sorted(drawn, key=lambda figure: not figure.has_steps)


def _figure(machine: MachineHistory, group: Sequence[CellSeries], slots: Mapping[str, int]) -> Figure:
    times = [point.median_s for series in group for point in series.points]
    scale = _Scale.over(times, len(machine.runs))
    first = group[0]
    return Figure(
        title=first.case,
        subtitle=f"{first.workload}, {first.pass_name}, batch {first.batch_size}, {first.dtype}",
        lines=[_line(machine, series, scale, slots[series.backend]) for series in group],
        ticks=scale.ticks,
        releases=_releases(group, scale),
        dates=(machine.runs[0].started[:10], machine.runs[-1].started[:10]),
        has_steps=any(series.steps for series in group),
        description="; ".join(map(_in_words, group)),
    )


def _in_words(series: CellSeries) -> str:
    first, last = series.points[0], series.points[-1]
    return f"{series.backend}: {format_seconds(first.median_s)} at first, {format_seconds(last.median_s)} at last"


@dataclass(frozen=True, slots=True)
class _Scale:
    """From runs and seconds to places."""

    low: float
    high: float
    runs: int

    @classmethod
    def over(cls, times: Sequence[float], runs: int) -> _Scale:
        low, high = log10(min(times)), log10(max(times))
        missing = max(0.0, LEAST_DECADES - (high - low)) / 2
        return cls(low - missing, high + missing, runs)

    def x(self, run: int) -> float:
        share = run / (self.runs - 1) if self.runs > 1 else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, seconds: float) -> float:
        share = (log10(seconds) - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """At 1, 2 and 5 of every power of ten; where that gives fewer than two, at both ends."""
        powers = range(floor(self.low), ceil(self.high) + 1)
        wide = self.high - self.low > 2
        values = [digit * 10.0**power for power in powers for digit in ((1,) if wide else (1, 2, 5))]
        inside = [value for value in values if self.low <= log10(value) <= self.high]
        if len(inside) < 2:
            inside = [10**self.low, 10**self.high]
        return [(self.y(value), format_seconds(value)) for value in inside]


def _line(machine: MachineHistory, series: CellSeries, scale: _Scale, slot: int) -> Line:
    dots = [
        Dot(
            scale.x(point.run),
            scale.y(point.median_s),
            f"{series.backend} {point.version}: {format_seconds(point.median_s)}, "
            f"{machine.runs[point.run].folder}, {machine.runs[point.run].started}",
        )
        for point in series.points
    ]
    path = "M" + "L".join(f"{dot.x},{dot.y}" for dot in dots)
    return Line(series.backend, slot, path, dots, [_mark(series, step, scale) for step in series.steps])


def _mark(series: CellSeries, step: SeriesStep, scale: _Scale) -> Mark:
    change, kind = percent(step.ratio), "worse" if step.ratio > 1 else "better"
    levels = f"{format_seconds(step.before_s)} → {format_seconds(step.after_s)}"
    title = f"{series.backend}: {change}, {levels}, version {version_change(step)}"
    return Mark(scale.x(step.run), scale.y(step.after_s), change, title, kind)


def _releases(group: Sequence[CellSeries], scale: _Scale) -> list[Release]:
    """Each run in which a backend has another version than in its run before."""
    found: dict[int, list[str]] = {}
    for series in group:
        for before, point in zip(series.points, series.points[1:], strict=False):
            if before.version != point.version:
                found.setdefault(point.run, []).append(f"{series.backend} {point.version}")
    return [Release(scale.x(run), ", ".join(names)) for run, names in sorted(found.items())]
