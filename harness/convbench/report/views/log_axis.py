"""A logarithmic axis of ratios, on which the page draws how far behind the fastest each backend is."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite, log10

from convbench.text.units import power_of_ten


@dataclass(frozen=True, slots=True)
class LogAxis:
    """An axis from 1 to a power of ten; places on it are given in percent of its length."""

    decades: int

    @classmethod
    def up_to(cls, largest: float) -> LogAxis:
        """The shortest axis of whole decades on which `largest` has a place; it has at least one decade."""
        return cls(max(1, ceil(log10(largest) - 1e-9)) if isfinite(largest) and largest > 1 else 1)

    def place(self, value: float) -> float:
        """The place of a value, in percent. Values beyond an end are placed at that end.

        >>> LogAxis(2).place(10.0)
        50.0
        """
        return round(min(100.0, max(0.0, 100.0 * log10(value) / self.decades)), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The place and the label of each tick: at every decade, and on an axis of one decade also at 2 and 5.

        If there are many ticks, every second one has no label.

        >>> LogAxis(3).ticks[1:]
        [(33.33, '10×'), (66.67, '100×'), (100.0, '10³×')]
        """
        values = [1, 2, 5, 10] if self.decades == 1 else [10**power for power in range(self.decades + 1)]
        stride = 1 if len(values) <= 4 else 2
        labels = [f"{value}×" if value < 1000 else f"{power_of_ten(value)}×" for value in values]
        return [
            (self.place(value), label if not number % stride else "")
            for number, (value, label) in enumerate(zip(values, labels, strict=True))
        ]
