"""A convolution as a product of packed matrices, in numbers: how it is cut for caches and threads.

    y    (filters, places)  = w (filters, taps) @ columns of x (taps, places)
    dx   (channels, places) = w^T @ dy, spread over the places that the windows read: 1 x 1 alone
    dw   (filters, taps)    = dy (filters, places) @ columns of x, transposed

Choices made here, from sizes alone:
- panel     PANEL vectors of places (y, dx) or of taps (dw), packed by the thread that uses them
- band      panels at a time: with all taps of a chunk they stay in half of a second-level cache of 1 MB
- chunk     so many taps (y, dx) or places (dw) that a band has at least a panel; sums of chunks are added in order
- parts     the result is cut along panels and blocks so that the last thread is done soonest; see `split`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import BAND_BYTES
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS, PANEL
from convbench_backends.numba_cpu.geometry import ConvShape, Index, spans, taps
from convbench_specs import Axis

PLACES = 384
"""Places of a chunk of dw: a block of dy, transposed, takes a third of a first-level cache of 32 KB."""
PACKED, PIECE = 10.0, 14.0
"""What it costs to pack a vector of a panel, in multiply-adds of vectors, and each piece of it that lies apart."""
TURNED, TURNED_PIECE = 7.0, 19.0
"""The same for dw, where vectors are transposed."""
BLOCK = 4.5
"""What the numbers of a block of dy cost at one place, transposed."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where columns come from: images of (channels, height, width), and the windows that slide over them."""

    batch: int
    channels: int
    vertical: Axis
    horizontal: Axis

    @classmethod
    def of_x(cls, shape: ConvShape) -> Source:
        """Columns of x; an image that windows of 1 x 1 read whole is one row."""
        vertical, horizontal = shape.vertical, shape.horizontal
        if _is_plain(vertical) and _is_plain(horizontal):
            return cls._rows(shape.batch, shape.in_channels, vertical.size * horizontal.size)
        return cls(shape.batch, shape.in_channels, vertical, horizontal)

    @classmethod
    def of_dy(cls, shape: ConvShape) -> Source:
        """The tensor dy as it is, each image one row."""
        return cls._rows(shape.batch, shape.out_channels, shape.vertical.output * shape.horizontal.output)

    @classmethod
    def _rows(cls, batch: int, channels: int, places: int) -> Source:
        return cls(batch, channels, Axis(size=1, kernel=1), Axis(size=places, kernel=1))

    @property
    def is_plain(self) -> bool:
        """Whether the columns of an image are its channels as they lie."""
        return self.vertical.size == self.vertical.kernel == 1 and _is_plain(self.horizontal)

    def pieces(self, lanes: int) -> float:
        """Pieces of a vector of places; 0 where columns are channels as they lie."""
        return 0.0 if self.is_plain else max(1.0, lanes / self.horizontal.output)

    @property
    def window(self) -> int:
        """Taps of a channel."""
        return self.vertical.kernel * self.horizontal.kernel

    @property
    def places(self) -> int:
        """Windows of the batch."""
        return self.batch * self.vertical.output * self.horizontal.output

    @property
    def tables(self) -> tuple[Index, Index]:
        """Rows that each tap reads, (R, OH), and stretches of columns, (S, 3)."""
        return taps(self.vertical), spans(self.horizontal)


@dataclass(frozen=True, slots=True)
class Target:
    """Where places go: images of (filters, height, width), `columns` in a row, `step` places apart along both axes."""

    filters: int
    height: int
    width: int
    columns: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """What the kernels of product.py look up; sizes count elements."""

    channels: int
    height: int
    width: int
    row_taps: int
    column_taps: int
    column_step: int
    plain: bool
    output_height: int
    output_width: int
    places: int
    filters: int
    target_height: int
    target_width: int
    target_columns: int
    target_step: int
    blocks: int
    block_size: int
    band: int
    chunks: int
    panel_size: int
    panels: int
    panel_parts: int
    block_parts: int
    sums_at: int
    rows_at: int
    block_at: int
    work_size: int
    pieces: int

    @property
    def tasks(self) -> int:
        """Parts of the result."""
        return self.panel_parts * self.block_parts

    @property
    def record(self) -> NDArray[Any]:
        """The numbers as a kernel takes them."""
        names = [field.name for field in fields(self)]
        return np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])


def product_of_x(shape: ConvShape) -> tuple[Source, Target]:
    """The product that y is."""
    height, width = shape.y[2:]
    return Source.of_x(shape), Target(shape.out_channels, height, width, width)


def product_of_dy(shape: ConvShape) -> tuple[Source, Target]:
    """The product that dx is, for windows of one place."""
    height, width = shape.x[2:]
    return Source.of_dy(shape), Target(
        shape.in_channels, height, width, shape.horizontal.output, shape.horizontal.stride
    )


def why_no_panels(shape: ConvShape, _: int) -> str:
    """What keeps y and dw from being products of packed matrices; "" where nothing does."""
    if shape.groups > 1:
        return "its products are of all channels, without groups"
    return "" if shape.batch else "there is nothing in the batch"


def why_no_panels_of_dy(shape: ConvShape, itemsize: int) -> str:
    """The same for dx."""
    axes = shape.vertical, shape.horizontal
    if any(axis.kernel > 1 or axis.before or axis.behind for axis in axes) or axes[0].stride != axes[1].stride:
        return "its dx is for 1 x 1 without padding, at the same stride along both axes"
    return why_no_panels(shape, itemsize)


def make_product_plan(source: Source, target: Target, *, itemsize: int, threads: int) -> ProductPlan:
    """The plan of y or dx."""
    lanes = lanes_of(itemsize)
    panel, depth = PANEL * lanes, source.channels * source.window
    most = max(source.window, BAND_BYTES // (panel * itemsize))
    chunks = -(-source.channels // max(1, most // source.window))
    deepest = -(-source.channels // chunks) * source.window
    panels, blocks = -(-source.places // panel), -(-target.filters // FILTERS)
    packing = PACKED + PIECE * source.pieces(lanes)
    parts = split(-(-source.places // lanes), blocks, threads, packing=packing)
    panel_size = deepest * panel
    band = max(1, min(-(-panels // parts[0]), BAND_BYTES // (panel_size * itemsize)))
    tiles = band * -(-blocks // parts[1]) if chunks > 1 else 1
    sums_at = band * panel_size
    rows_at = sums_at + tiles * FILTERS * panel
    return _plan(
        source, target, panels=panels, parts=parts, band=band, chunks=chunks, panel_size=panel_size,
        block_size=depth * FILTERS + max(FILTERS, lanes) * lanes, sums_at=sums_at, rows_at=rows_at, block_at=rows_at,
        work_size=rows_at + lanes, pieces=_most_pieces(source, band * panel, band),
    )  # fmt: skip


def make_gradient_plan(source: Source, filters: int, *, itemsize: int, threads: int) -> ProductPlan:
    """The plan of dw."""
    lanes = lanes_of(itemsize)
    panel, depth = PANEL * lanes, source.channels * source.window
    chunks = max(1, -(-source.places // PLACES))
    vectors = -(-source.places // lanes)
    longest = -(-vectors // chunks) * lanes
    row = longest + lanes
    panels, blocks = -(-depth // panel), -(-filters // FILTERS)
    packing = TURNED + TURNED_PIECE * source.pieces(lanes)
    parts = split(-(-depth // lanes), blocks, threads, packing=packing, block_packing=BLOCK)
    panel_size = row * panel
    band = max(1, min(-(-panels // parts[0]), BAND_BYTES // (panel_size * itemsize)))
    sums_at = band * panel_size
    rows_at = sums_at + FILTERS * panel
    block_at = rows_at + max(lanes, FILTERS) * row
    return _plan(
        source, Target(filters, 1, depth, depth), panels=panels, parts=parts, band=band, chunks=chunks,
        panel_size=panel_size, block_size=row, sums_at=sums_at, rows_at=rows_at, block_at=block_at,
        work_size=block_at + FILTERS * (row + lanes), pieces=_most_pieces(source, longest, 1),
    )  # fmt: skip


def split(vectors: int, blocks: int, threads: int, *, packing: float, block_packing: float = 0.0) -> tuple[int, int]:
    """(parts along panels, along blocks): those with which the slowest thread does least.

    `vectors` are those of all panels for one tap; a thread packs its own, and for dw its blocks, and multiplies.
    """
    panels = -(-vectors // PANEL)

    def cost(parts: tuple[int, int]) -> float:
        wide, high = min(vectors, -(-panels // parts[0]) * PANEL), -(-blocks // parts[1])
        turns = -(-parts[0] * parts[1] // threads)
        return turns * (wide * (high * FILTERS + packing) + high * block_packing)

    choices = [(along, -(-threads // along)) for along in range(1, threads + 1)]
    return min(((min(a, panels), min(b, blocks)) for a, b in choices), key=cost)


def _plan(source: Source, target: Target, *, parts: Sequence[int], **sizes: int) -> ProductPlan:
    return ProductPlan(
        channels=source.channels,
        height=source.vertical.size,
        width=source.horizontal.size,
        row_taps=source.vertical.kernel,
        column_taps=source.horizontal.kernel,
        column_step=source.horizontal.stride,
        plain=source.is_plain,
        output_height=source.vertical.output,
        output_width=source.horizontal.output,
        places=source.places,
        filters=target.filters,
        target_height=target.height,
        target_width=target.width,
        target_columns=target.columns,
        target_step=target.step,
        blocks=-(-target.filters // FILTERS),
        panel_parts=parts[0],
        block_parts=parts[1],
        **sizes,
    )


def _most_pieces(source: Source, places: int, panels: int) -> int:
    """Pieces of so many places, at most: one a row that they touch, one more at the end of each panel."""
    return places // source.horizontal.output + 2 + panels


def _is_plain(axis: Axis) -> bool:
    return axis.kernel == axis.stride == 1 and axis.before == axis.behind == 0 and axis.output == axis.size
