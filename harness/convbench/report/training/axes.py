"""Linear and logarithmic axes of the figures: from a value to its place, and where the ticks are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from convbench.text.units import power_of_ten

MOST_TICKS = 5
LEAST_DECADES = 0.5
"""A logarithmic axis spans at least so many powers of ten, so that equal values do not look far apart."""
DIGITS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis whose values `low` and `high` are at the places `start` and `end`, in units of the figure.

    Of a logarithmic axis low and high are powers of ten: log10 of the values. An axis of whole numbers, such as steps,
    has no ticks between them.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False
    is_whole: bool = False

    @classmethod
    def linear(cls, values: Iterable[float], start: float, end: float, *, is_whole: bool = False) -> Axis:
        """An axis over all finite values."""
        known = [value for value in values if isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        margin = 0.0 if high > low else 0.5 * (abs(high) or 1.0)
        return cls(low - margin, high + margin, start, end, is_whole=is_whole)

    @classmethod
    def logarithmic(cls, values: Iterable[float], start: float, end: float) -> Axis:
        """An axis over all finite values above 0."""
        powers = [log10(value) for value in values if isfinite(value) and value > 0] or [-1.0, 0.0]
        low, high = min(powers), max(powers)
        margin = max(0.0, LEAST_DECADES - (high - low)) / 2
        return cls(low - margin, high + margin, start, end, is_log=True)

    def place(self, value: float) -> float:
        """The place of a value; one beyond an end, such as 0 on a logarithmic axis, is at that end."""
        at = self.low if self.is_log and value <= 0 else log10(value) if self.is_log else value
        share = min(1.0, max(0.0, (at - self.low) / (self.high - self.low)))
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round values, at most one more than MOST_TICKS."""
        return self._log_ticks() if self.is_log else self._linear_ticks()

    def _log_ticks(self) -> list[float]:
        decades = range(ceil(self.low), floor(self.high) + 1)
        if len(decades) > 1:
            stride = ceil(len(decades) / MOST_TICKS)
            return [10.0**power for power in decades[::stride]]
        around = range(floor(self.low), ceil(self.high) + 1)
        values = [digit * 10.0**power for power in around for digit in DIGITS]
        return [value for value in values if self.low <= log10(value) <= self.high]

    def _linear_ticks(self) -> list[float]:
        span = self.high - self.low
        power = 10.0 ** floor(log10(span / MOST_TICKS))
        step = next(digit * power for digit in (*DIGITS, 10) if span / (digit * power) <= MOST_TICKS)
        step = max(1.0, step) if self.is_whole else step
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def short_number(value: float) -> str:
    """A tick as short as it can be.

    >>> [short_number(value) for value in (0.0, 200.0, 0.05, 1e-9, 1200.0)]
    ['0', '200', '0.05', '10⁻⁹', '1,200']
    """
    if value and abs(value) < 1e-3:
        return power_of_ten(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"
