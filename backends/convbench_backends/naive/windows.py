"""Which elements of the input each window reads: stride, dilation and padding in one place.

For a window of 3 taps at stride 2 over [a b c d e], with a zero in front and behind:

    0 [a  b] c  d  e  0       taps (1, 0) (2, 1)            tap 0 lies on padding and reads nothing
    0  a [b  c  d] e  0       taps (0, 1) (1, 2) (2, 3)
    0  a  b  c [d  e  0]      taps (0, 3) (1, 4)
"""

from __future__ import annotations

from dataclasses import dataclass

from convbench_specs import Axis, Case

Window = list[tuple[int, int]]
"""The taps of one window, along one axis, that read the input: pairs (tap, place)."""

ONE_ROW = Axis(size=1, kernel=1)
"""The axis that a signal of rank 1 lacks to be an image."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of an image: one at each pair of a row's and a column's."""

    rows: list[Window]
    columns: list[Window]


def windows_of(case: Case, *, edge: bool = False) -> Windows:
    """The windows of a case; see along_axis."""
    rows, columns = image_axes(case)
    return Windows(along_axis(rows, edge=edge), along_axis(columns, edge=edge))


def along_axis(axis: Axis, *, edge: bool = False) -> list[Window]:
    """Every window of an axis. Padding of zeros adds nothing and is left out; `edge` reads the nearest place."""
    result = []
    for output in range(axis.output):
        window = []
        for tap in range(axis.kernel):
            place = output * axis.stride - axis.before + tap * axis.dilation
            if edge:
                place = min(max(place, 0), axis.size - 1)
            if 0 <= place < axis.size:
                window.append((tap, place))
        result.append(window)
    return result


def image_axes(case: Case) -> tuple[Axis, Axis]:
    """The axes of rows and columns; a signal of rank 1 is an image of one row."""
    return (case.axes[0], case.axes[1]) if len(case.axes) == 2 else (ONE_ROW, case.axes[0])
