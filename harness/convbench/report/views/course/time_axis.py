"""A logarithmic axis of times, on which bars begin at a power of ten below the shortest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from convbench.text.units import format_seconds

MOST_LABELS = 4
SHORTEST_BAR = 0.2
"""Powers of ten; a bar is at least so long."""


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """From 10^low to 10^high seconds; places are in percent of its length."""

    low: int
    high: int

    @classmethod
    def over(cls, times: Sequence[float]) -> TimeAxis:
        """The shortest of whole decades on which every time has a bar that can be seen.

        >>> TimeAxis.over([2e-5, 3e-2])
        TimeAxis(low=-5, high=-1)
        >>> TimeAxis.over([1e-3])
        TimeAxis(low=-4, high=-3)
        """
        low = floor(log10(min(times)) - SHORTEST_BAR)
        return cls(low, max(low + 1, ceil(log10(max(times)))))

    def place(self, seconds: float) -> float:
        """The place of a time.

        >>> TimeAxis(-4, -2).place(1e-3)
        50.0
        """
        return round(100 * (log10(seconds) - self.low) / (self.high - self.low), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The place of each decade, with a label where there is room.

        >>> TimeAxis(-6, -3).ticks
        [(0.0, '1 µs'), (33.33, '10 µs'), (66.67, '100 µs'), (100.0, '1 ms')]
        """
        stride = ceil((self.high - self.low + 1) / MOST_LABELS)
        return [
            (self.place(10.0**power), "" if (power - self.low) % stride else _label(power))
            for power in range(self.low, self.high + 1)
        ]


def _label(power: int) -> str:
    number, unit = format_seconds(10.0**power).replace(",", "").split(" ")
    return f"{float(number):,g} {unit}"
