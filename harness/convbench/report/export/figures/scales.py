"""Logarithmic axes of figures: their range, the numbers at them, and where labels stand so that none hides another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

ROOM = 0.08
"""Share of the axis that stays free at either end."""
LEAST_DECADES = 0.5
"""An axis covers at least so much, so that noise does not look like a difference."""
STEPS = ((1,), (1, 3), (1, 2, 5))
"""The digits that may stand at an axis, the fewest first."""
FEW = 3
"""With fewer numbers than this an axis takes the next denser steps."""


@dataclass(frozen=True, slots=True)
class LogScale:
    """An axis from `low` to `high` over `length` pixels."""

    low: float
    high: float
    length: float

    @classmethod
    def around(cls, values: Sequence[float], length: float) -> LogScale:
        """An axis with all values and some room; ValueError where none is positive."""
        positive = [value for value in values if value > 0]
        if not positive:
            raise ValueError("a logarithmic axis needs a positive value")
        low, high = log10(min(positive)), log10(max(positive))
        lacking = max(0.0, LEAST_DECADES - (high - low)) / 2
        low, high = low - lacking, high + lacking
        room = ROOM * (high - low)
        return cls(10 ** (low - room), 10 ** (high + room), length)

    def at(self, value: float) -> float:
        """Pixels from the low end."""
        return self.length * log10(value / self.low) / log10(self.high / self.low)

    def value(self, at: float) -> float:
        """The value so many pixels from the low end."""
        return float(self.low * (self.high / self.low) ** (at / self.length))

    def ticks(self) -> list[float]:
        """The numbers at the axis: powers of ten, with 3 or with 2 and 5 times them where there would be few.

        >>> LogScale(0.9, 12.0, 300).ticks(), LogScale(0.5e-6, 2.0, 300).ticks()[:2]
        ([1.0, 3.0, 10.0], [1e-06, 1e-05])
        """
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        found: list[float] = []
        for digits in STEPS:
            found = [float(f"{digit}e{power}") for power in powers for digit in digits]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) >= FEW:
                break
        return found


def apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, moved as little as needed for a gap between any two; their order stays.

    Neighbours that are too near form a group around their mean, which takes in the groups that it reaches.

    >>> apart([10.0, 12.0, 50.0], 10.0)
    [6.0, 16.0, 50.0]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _start(groups[-1], places, gap) < _end(groups[-2], places, gap) + gap:
            last = groups.pop()
            groups[-1] = groups[-1] + last
    moved = list(places)
    for group in groups:
        for number, index in enumerate(group):
            moved[index] = _start(group, places, gap) + number * gap
    return moved


def _start(group: Sequence[int], places: Sequence[float], gap: float) -> float:
    return sum(places[index] for index in group) / len(group) - gap * (len(group) - 1) / 2


def _end(group: Sequence[int], places: Sequence[float], gap: float) -> float:
    return _start(group, places, gap) + gap * (len(group) - 1)
