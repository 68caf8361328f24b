"""The drawing of a window that becomes a column of X_col, worked out to shapes: the geometry is that of the case.

On the left are channels of one instance with the padding around them, and on them the window of the first output. On
the right is the beginning of X_col, in which the taps of that window are one column: channel after channel, row after
row. The next window is framed, too: where the two overlap, elements stand in X_col twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from convbench.report.views.course.plane import Place, Plane
from convbench_specs import Case, Conv

MOST_CHANNELS = 2
LARGEST_EXTENT = 11
"""Places from the first to the last tap of a window that is still drawn."""
MOST_COLUMNS = 9
CHANNEL_X, CHANNEL_SIDE, CHANNEL_GAP = 90.0, 132.0, 34.0
"""Where channels begin, how long their longer side is, and the space between two of them."""
MATRIX_X, COLUMN_WIDTH, ROWS_GAP = 330.0, 24.0, 6.0
"""Where X_col begins, how wide its columns are, and the space between the rows of two channels."""
TOP, BOTTOM, LINE = 46.0, 26.0, 17.0
"""Space above and below, and the height of a line of text."""
LEAST_HEIGHT = 2.0
"""Of a row of X_col."""
FAINTEST = 0.25
"""The opacity of the first tap of a window; the last one has 1."""


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
    """The outline of a window or of its column; `kind` says of which of the two windows."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrolling:
    """All shapes, in the order in which they are drawn, within width x height; `arrows` are paths of SVG."""

    width: float
    height: float
    squares: Sequence[Square]
    arrows: Sequence[str]
    frames: Sequence[Frame]
    labels: Sequence[Label]
    description: str
    """The drawing in words."""


def draw_unrolling(case: Case) -> Unrolling | None:
    """The drawing of a convolution; None where its window is too large to be seen."""
    operation = case.operation
    if not isinstance(operation, Conv) or max(axis.extent for axis in case.axes) > LARGEST_EXTENT:
        return None
    return _Layout(
        plane=Plane.of(case),
        channels=operation.in_channels // operation.groups,
        places=prod(axis.output for axis in case.axes),
        kernel=operation.kernel_size,
    ).drawing()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where everything stands. `channels` are those of a group, `places` the columns of X_col for one instance."""

    plane: Plane
    channels: int
    places: int
    kernel: tuple[int, ...]

    @property
    def drawn(self) -> range:
        """The channels that are drawn."""
        return range(min(self.channels, MOST_CHANNELS))

    @property
    def columns(self) -> range:
        """The columns that are drawn."""
        return range(min(self.places, MOST_COLUMNS))

    @property
    def framed(self) -> Sequence[tuple[int, Literal["first", "next"]]]:
        """The columns whose windows are framed, the first one last, so that its frame lies above the other."""
        has_next = self.plane.horizontal.output > 1
        return [(1, "next"), (0, "first")] if has_next else [(0, "first")]

    @property
    def side(self) -> float:
        """Of a place."""
        return CHANNEL_SIDE / max(self.plane.rows, self.plane.columns)

    @property
    def row_height(self) -> float:
        """Of X_col, which is about as high as the channels."""
        return max(LEAST_HEIGHT, self.plane.rows * self.side / len(self.plane.taps(0)))

    @property
    def opacities(self) -> Mapping[Place, float]:
        """The opacity of each place of the first window."""
        taps = self.plane.taps(0)
        step = (1 - FAINTEST) / max(1, len(taps) - 1)
        return {place: round(FAINTEST + step * number, 3) for number, place in enumerate(taps)}

    def channel_top(self, channel: int) -> float:
        """Where a channel begins."""
        return TOP + channel * (self.plane.rows * self.side + CHANNEL_GAP)

    def rows_top(self, channel: int) -> float:
        """Where the rows of a channel begin in X_col."""
        return TOP + channel * (len(self.plane.taps(0)) * self.row_height + ROWS_GAP)

    def drawing(self) -> Unrolling:
        """All of it."""
        squares = [square for channel in self.drawn for square in (*self._channel(channel), *self._columns(channel))]
        lowest = max(self.channel_top(len(self.drawn)) - CHANNEL_GAP, self.rows_top(len(self.drawn)) - ROWS_GAP)
        has_more = self.channels > len(self.drawn)
        return Unrolling(
            width=MATRIX_X + (MOST_COLUMNS + 2) * COLUMN_WIDTH,
            height=lowest + BOTTOM + (LINE if has_more else 0.0),
            squares=squares,
            arrows=[self._arrow(channel) for channel in self.drawn],
            frames=[frame for column, kind in self.framed for frame in self._frames(column, kind)],
            labels=[*self._labels(), *(self._more_channels() if has_more else [])],
            description=self._description(),
        )

    def _channel(self, channel: int) -> list[Square]:
        top, found = self.channel_top(channel), []
        for place in ((row, column) for row in range(self.plane.rows) for column in range(self.plane.columns)):
            x, y = CHANNEL_X + place[1] * self.side, top + place[0] * self.side
            found += self._squares(place, channel, (x, y, self.side, self.side))
        return found

    def _columns(self, channel: int) -> list[Square]:
        top, found = self.rows_top(channel), []
        for column in self.columns:
            x = MATRIX_X + column * COLUMN_WIDTH
            for row, place in enumerate(self.plane.taps(column)):
                box = (x, top + row * self.row_height, COLUMN_WIDTH, self.row_height)
                found += self._squares(place, channel, box)
        return found

    def _squares(self, place: Place, channel: int, box: tuple[float, float, float, float]) -> list[Square]:
        """What is drawn where an element stands: itself, and over it that it is a tap of the first window."""
        ground = Square(*box, "padding" if self.plane.is_padding(place) else "input", channel)
        opacity = self.opacities.get(place)
        return [ground] if opacity is None else [ground, Square(*box, "tap", channel, opacity)]

    def _frames(self, column: int, kind: Literal["first", "next"]) -> list[Frame]:
        """Of a window on every channel, and of its column."""
        top, left = self.plane.start(column)
        width, height = self.plane.horizontal.extent * self.side, self.plane.vertical.extent * self.side
        windows = [
            Frame(CHANNEL_X + left * self.side, self.channel_top(channel) + top * self.side, width, height, kind)
            for channel in self.drawn
        ]
        bottom = self.rows_top(len(self.drawn)) - ROWS_GAP
        return [*windows, Frame(MATRIX_X + column * COLUMN_WIDTH, TOP, COLUMN_WIDTH, bottom - TOP, kind)]

    def _arrow(self, channel: int) -> str:
        """From the first window on a channel to the part of the column that is read from it."""
        x, end_x = CHANNEL_X + self.plane.horizontal.extent * self.side + 2, MATRIX_X - 6
        y = self.channel_top(channel) + self.plane.vertical.extent * self.side / 2
        end_y = self.rows_top(channel) + len(self.plane.taps(0)) * self.row_height / 2
        bend = x + 0.62 * (end_x - x)
        return f"M{x:.1f} {y:.1f}C{bend:.1f} {y:.1f} {bend:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"

    def _labels(self) -> list[Label]:
        rows = f"{self.channels:,} × {' × '.join(map(str, self.kernel))} = {self.channels * prod(self.kernel):,} rows"
        labels = [
            Label(MATRIX_X, TOP - 11 - LINE, "X_col of one instance:"),
            Label(MATRIX_X, TOP - 11, f"{rows}, {self.places:,} column{'' if self.places == 1 else 's'}"),
        ]
        for channel in self.drawn:
            middle = self.channel_top(channel) + self.plane.rows * self.side / 2 + 4
            labels.append(Label(CHANNEL_X - 10, middle, f"channel {channel + 1}", "end"))
        if self.places > len(self.columns):
            middle = (TOP + self.rows_top(len(self.drawn))) / 2
            labels.append(Label(MATRIX_X + len(self.columns) * COLUMN_WIDTH + 6, middle, "…"))
        return labels

    def _more_channels(self) -> list[Label]:
        number = self.channels - len(self.drawn)
        y = self.channel_top(len(self.drawn)) - CHANNEL_GAP + LINE
        text = f"and {number:,} more channel{'' if number == 1 else 's'}"
        below = self.rows_top(len(self.drawn)) - ROWS_GAP + LINE
        return [Label(CHANNEL_X, y, text), Label(MATRIX_X + COLUMN_WIDTH / 2, below, "⋮", "middle")]

    def _description(self) -> str:
        window = " x ".join(map(str, self.kernel))
        shown = "the only channel" if self.channels == 1 else f"{len(self.drawn)} of {self.channels:,} channels"
        return (
            f"Left, {shown} of an instance with the windows of its first two outputs. Right, the first columns of "
            f"X_col: the {window} elements of each channel in the first window are the first column, those of the next "
            "window the second, which holds again what the two windows share."
        )
