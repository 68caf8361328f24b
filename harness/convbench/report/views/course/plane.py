"""The part of a channel that is drawn: the upper left of the padded input, and the windows that slide over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convbench_specs import Axis, Case

LEAST_PLACES = 7
"""Places of an axis that are drawn beside the window, where the input has as many."""
Place = tuple[int, int]
"""Row and column in the padded input."""


@dataclass(frozen=True, slots=True)
class Plane:
    """`rows` x `columns` places of a channel; a signal of one axis is a plane of one row."""

    vertical: Axis
    horizontal: Axis
    rows: int
    columns: int

    @classmethod
    def of(cls, case: Case) -> Plane:
        """The plane of a convolution: its first two windows, and some places more."""
        axes = case.axes
        vertical, horizontal = axes if len(axes) == 2 else (Axis(size=1, kernel=1), axes[0])
        rows, columns = (
            min(axis.padded, max(LEAST_PLACES, axis.extent + axis.stride)) for axis in (vertical, horizontal)
        )
        return cls(vertical, horizontal, rows, columns)

    def is_padding(self, place: Place) -> bool:
        """Whether a place lies outside the input itself."""
        return not all(
            0 <= number - axis.before < axis.size
            for number, axis in zip(place, (self.vertical, self.horizontal), strict=True)
        )

    def start(self, column: int) -> Place:
        """The place at which the window of a column of X_col begins: outputs follow each other row after row."""
        row, number = divmod(column, self.horizontal.output)
        return row * self.vertical.stride, number * self.horizontal.stride

    def taps(self, column: int) -> Sequence[Place]:
        """The places that are read for a column of X_col, from its first row to its last."""
        top, left = self.start(column)
        return [
            (top + row * self.vertical.dilation, left + number * self.horizontal.dilation)
            for row in range(self.vertical.kernel)
            for number in range(self.horizontal.kernel)
        ]
