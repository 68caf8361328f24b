"""Seconds an epoch as bars on a logarithmic scale, from the fastest to the slowest: loops, NumPy, frameworks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from convbench.results.statistics.estimate import Estimate
from convbench.results.training import TrainingEntrant
from convbench.text.units import format_duration, format_seconds_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An entrant. `to`, `low` and `high` are places in percent: the end of the bar and of its interval.

    A bar without a place has a reason instead. `note` says what the time is worth.
    """

    name: str
    time: str = ""
    interval: str = ""
    to: float | None = None
    low: float = 0.0
    high: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """All entrants, and the ticks of the scale: a place in percent, and a label."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]


def bars_of(entrants: Sequence[TrainingEntrant]) -> Bars:
    """The bars of those that were trained at all."""
    trained = [each for each in entrants if each.steps]
    timed = [(each, found) for each in trained if not each.is_disturbed and (found := each.epoch_s) is not None]
    untimed = [each for each in trained if each.is_disturbed or each.epoch_s is None]
    if not timed:
        return Bars([_without_time(each) for each in untimed], [])
    scale = _Scale.over([found.median for _, found in timed])
    ordered = sorted(timed, key=lambda pair: pair[1].median)
    bars = [_bar(each, found, scale) for each, found in ordered]
    return Bars([*bars, *(_without_time(each) for each in untimed)], scale.ticks)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Whole powers of ten from `first` to `last`, in percent."""

    first: int
    last: int

    @classmethod
    def over(cls, times: Sequence[float]) -> _Scale:
        first = floor(log10(min(times)))
        return cls(first, max(first + 1, ceil(log10(max(times)))))

    def place(self, seconds: float) -> float:
        share = (log10(seconds) - self.first) / (self.last - self.first)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        values = [10.0**power for power in range(self.first, self.last + 1)]
        return [(self.place(value), _tick(value)) for value in values]


def _tick(seconds: float) -> str:
    """A power of ten in ms or s.

    >>> [_tick(value) for value in (1e-3, 1.0, 1000.0)]
    ['1 ms', '1 s', '1,000 s']
    """
    return f"{seconds:,.0f} s" if seconds >= 1 else f"{1e3 * seconds:g} ms"


def _bar(each: TrainingEntrant, found: Estimate, scale: _Scale) -> Bar:
    return Bar(
        name=each.name,
        time=format_duration(found.median),
        interval=format_seconds_range(found.ci_low, found.ci_high),
        to=scale.place(found.median),
        low=scale.place(found.ci_low),
        high=scale.place(found.ci_high),
        note=f"extrapolated from {each.steps:,} of {each.steps_per_epoch:,} steps" if each.is_extrapolated else "",
    )


def _without_time(each: TrainingEntrant) -> Bar:
    if each.is_disturbed:
        why = f"the host's own part took {each.own_ratio:.1f} times as long beside it"
    else:
        why = f"{each.steps} steps are too few for a time"
    return Bar(name=each.name, note=f"no time: {why}")
