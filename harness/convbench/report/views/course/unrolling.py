"""The drawing of a window that becomes a column of X_col, worked out to shapes: the geometry is that of the case.

On the left are channels of one instance with the padding around them, and on them the window of one output place. On
the right is the beginning of X_col, in which the taps of that window are one column: channel after channel, row after
row. The next window is drawn, too: where the two overlap, elements stand in X_col twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from convbench_specs import Axis, Case, Conv

MOST_CHANNELS = 2
LARGEST_EXTENT = 11
"""Places from the first to the last tap of a window that is still drawn."""
LEAST_PLACES = 7
"""Places of an axis that are drawn beside the window, where the input has as many."""
CHANNEL_X = 90.0
PLANE = 132.0
"""The longer side of a channel, in units of the drawing."""
GAP = 34.0
"""Between channels."""
TOP = 46.0
MATRIX_X = 330.0
MATRIX_COLUMNS = 9
COLUMN_WIDTH = 24.0
CHANNEL_GAP = 6.0
"""Between the rows of two channels."""
LEAST_HEIGHT = 2.0
"""Of a row of X_col."""
FAINTEST = 0.25
"""The opacity of the first tap of a channel; the last one has 1."""


@dataclass(frozen=True, slots=True)
class Square:
    """A place of a channel, or an entry of X_col: a tap of the first window lies over it, by `opacity` which one."""

    x: float
    y: float
    width: float
    height: float
    kind: Literal["padding", "input", "tap"]
    channel: int
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The outline of a window or of a column; `kind` says of which of the two windows."""

    x: float
    y: float
    width: float
    height: float
    kind: Literal["first", "next"]


@dataclass(frozen=True, slots=True)
class Label:
    """A text of the drawing; `anchor` is that of SVG."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A curve from a window to its column, as the path of SVG."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrolling:
    """All shapes, in the order in which they are drawn, within width x height."""

    width: float
    height: float
    squares: Sequence[Square]
    frames: Sequence[Frame]
    arrows: Sequence[Arrow]
    labels: Sequence[Label]
    description: str
    """The drawing in words."""


@dataclass(slots=True)
class _Shapes:
    """What was drawn so far."""

    squares: list[Square] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Plane:
    """How a channel is drawn: `rows` x `columns` places of `side`, the upper left part of the padded input."""

    vertical: Axis
    horizontal: Axis
    rows: int
    columns: int
    side: float

    @classmethod
    def of(cls, case: Case) -> _Plane:
        axes = case.axes
        vertical, horizontal = axes if len(axes) == 2 else (Axis(size=1, kernel=1), axes[0])
        rows, columns = (
            min(axis.padded + axis.overhang, max(LEAST_PLACES, axis.extent + axis.stride))
            for axis in (vertical, horizontal)
        )
        return cls(vertical, horizontal, rows, columns, PLANE / max(rows, columns))

    def is_padding(self, row: int, column: int) -> bool:
        """Whether a place lies outside the input itself."""
        inside = (
            0 <= place - axis.before < axis.size for place, axis in ((row, self.vertical), (column, self.horizontal))
        )
        return not all(inside)

    def taps(self, top: int, left: int) -> list[tuple[int, int]]:
        """The places that a window reads whose first tap is there, row after row."""
        return [
            (top + row * self.vertical.dilation, left + column * self.horizontal.dilation)
            for row in range(self.vertical.kernel)
            for column in range(self.horizontal.kernel)
        ]


def draw_unrolling(case: Case) -> Unrolling | None:
    """The drawing of a convolution; None where its window is too large to be seen."""
    operation = case.operation
    if not isinstance(operation, Conv) or max(axis.extent for axis in case.axes) > LARGEST_EXTENT:
        return None
    plane = _Plane.of(case)
    channels = operation.in_channels // operation.groups
    drawn = min(channels, MOST_CHANNELS)
    shapes = _Shapes()
    height = _draw_channels(shapes, plane, drawn, channels)
    bottom = _draw_matrix(shapes, plane, case, drawn, channels, height)
    return Unrolling(
        width=MATRIX_X + (MATRIX_COLUMNS + 2) * COLUMN_WIDTH,
        height=max(height, bottom) + 26,
        squares=shapes.squares,
        frames=shapes.frames,
        arrows=shapes.arrows,
        labels=shapes.labels,
        description=_description(case, drawn, channels),
    )


def _window_starts(plane: _Plane) -> list[int]:
    """Where the first windows of the top row of outputs begin: two, or one where there are no more."""
    return [number * plane.horizontal.stride for number in range(min(2, plane.horizontal.output))]


def _draw_channels(shapes: _Shapes, plane: _Plane, drawn: int, channels: int) -> float:
    """The channels below each other; returns where they end."""
    side, x = plane.side, CHANNEL_X
    y = TOP
    for channel in range(drawn):
        shapes.labels.append(Label(x - 10, y + plane.rows * side / 2 + 4, f"channel {channel + 1}", "end"))
        taps = plane.taps(0, 0)
        opacity = {place: _opacity(number, len(taps)) for number, place in enumerate(taps)}
        for row in range(plane.rows):
            for column in range(plane.columns):
                place = (row, column)
                kind: Literal["padding", "input", "tap"] = "padding" if plane.is_padding(row, column) else "input"
                shapes.squares.append(Square(x + column * side, y + row * side, side, side, kind, channel))
                if place in opacity:
                    shapes.squares.append(
                        Square(x + column * side, y + row * side, side, side, "tap", channel, opacity[place])
                    )
        for number, start in reversed(list(enumerate(_window_starts(plane)))):
            width, height = plane.horizontal.extent * side, plane.vertical.extent * side
            shapes.frames.append(Frame(x + start * side, y, width, height, "next" if number else "first"))
        y += plane.rows * side + GAP
    y -= GAP
    if drawn < channels:
        shapes.labels.append(Label(x, y + 20, f"and {channels - drawn:,} more channel{'s' * (channels - drawn > 1)}"))
        y += 20
    return y


def _draw_matrix(shapes: _Shapes, plane: _Plane, case: Case, drawn: int, channels: int, height: float) -> float:
    """The first columns of X_col; returns where they end."""
    taps = plane.vertical.kernel * plane.horizontal.kernel
    places = prod(axis.output for axis in case.axes)
    columns = min(MATRIX_COLUMNS, places)
    row_height = max(LEAST_HEIGHT, (height - TOP - GAP * (drawn - 1)) / (drawn * taps))
    for channel in range(drawn):
        top = TOP + channel * (taps * row_height + CHANNEL_GAP)
        for column in range(columns):
            _draw_column(shapes, plane, column, channel, top, row_height)
        _draw_arrow(shapes, plane, channel, top + taps * row_height / 2)
    bottom = TOP + drawn * taps * row_height + (drawn - 1) * CHANNEL_GAP
    for number in reversed(range(len(_window_starts(plane)))):
        x = MATRIX_X + number * COLUMN_WIDTH
        shapes.frames.append(Frame(x, TOP, COLUMN_WIDTH, bottom - TOP, "next" if number else "first"))
    if columns < places:
        shapes.labels.append(Label(MATRIX_X + columns * COLUMN_WIDTH + 6, (TOP + bottom) / 2 + 4, "…"))
    if drawn < channels:
        shapes.labels.append(Label(MATRIX_X + COLUMN_WIDTH / 2, bottom + 14, "⋮", "middle"))
        bottom += 14
    rows = f"{channels:,} × {' × '.join(str(axis.kernel) for axis in case.axes)} = {channels * taps:,} rows"
    shapes.labels.append(Label(MATRIX_X, TOP - 28, "X_col of one instance:"))
    shapes.labels.append(Label(MATRIX_X, TOP - 11, f"{rows}, {places:,} columns"))
    return bottom


def _draw_column(shapes: _Shapes, plane: _Plane, column: int, channel: int, top: float, height: float) -> None:
    """One column of one channel: the first window's taps have colours, and their copies in other columns the same."""
    first = plane.taps(0, 0)
    opacity = {place: _opacity(number, len(first)) for number, place in enumerate(first)}
    row, number = divmod(column, plane.horizontal.output)
    x = MATRIX_X + column * COLUMN_WIDTH
    for tap, place in enumerate(plane.taps(row * plane.vertical.stride, number * plane.horizontal.stride)):
        kind: Literal["padding", "input", "tap"] = "padding" if plane.is_padding(*place) else "input"
        shapes.squares.append(Square(x, top + tap * height, COLUMN_WIDTH, height, kind, channel))
        if place in opacity:
            shapes.squares.append(Square(x, top + tap * height, COLUMN_WIDTH, height, "tap", channel, opacity[place]))


def _draw_arrow(shapes: _Shapes, plane: _Plane, channel: int, y: float) -> None:
    """From the window on a channel to the part of the column that is read from it."""
    x_from = CHANNEL_X + plane.horizontal.extent * plane.side
    y_from = TOP + channel * (plane.rows * plane.side + GAP) + plane.vertical.extent * plane.side / 2
    x_to = MATRIX_X - 6
    middle = x_from + 0.62 * (x_to - x_from)
    shapes.arrows.append(
        Arrow(f"M{x_from + 2:.1f} {y_from:.1f}C{middle:.1f} {y_from:.1f} {middle:.1f} {y:.1f} {x_to:.1f} {y:.1f}")
    )


def _opacity(tap: int, taps: int) -> float:
    """From faint at the first tap to full at the last."""
    return round(FAINTEST + (1 - FAINTEST) * tap / max(1, taps - 1), 3)


def _description(case: Case, drawn: int, channels: int) -> str:
    window = " x ".join(str(axis.kernel) for axis in case.axes)
    shown = "the only channel" if channels == 1 else f"{drawn} of {channels:,} channels"
    return (
        f"Left, {shown} of an instance with the windows of its first two outputs. Right, the first columns of X_col: "
        f"the {window} elements of each channel in the first window are the first column, those of the next window the "
        "second, which holds again what the two windows share."
    )
