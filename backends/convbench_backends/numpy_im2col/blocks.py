"""Blocks: a batch cut into pieces whose columns stay in the cache, and the buffers that hold them.

A block is some output rows of one image, or of several small ones. Its columns are copied, multiplied and overwritten
by those of the next one, so that X_col of the whole batch never exists.

           images          rows 0..3       4..7
        [ 0 1 2 ]   ->    [ columns ]  [ columns ]
        [ 3 4 5 ]   ->    [ columns ]  [ columns ]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convbench_backends.numpy_im2col.im2col import Array, pad, padding_buffer, patches
from convbench_backends.numpy_im2col.windows import Windows

COLUMNS = 448
"""Columns of an image in a block: OpenBLAS is fastest for 300 to 500, and slow at some powers of two."""
BLOCK_BYTES = 4 << 20
"""Columns and products of a block: small enough for a core's share of the cache, large enough for the interpreter's
part of the time, about 10 microseconds a block, not to matter."""
SHORT_COLUMN = 256
"""Longest column that ends with a one: for longer ones, copying W_row beside the bias costs more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """What stays the same from call to call: the windows and the channels."""

    windows: Windows
    groups: int
    channels: int
    filters: int

    @property
    def depth(self) -> int:
        """Length of a column of one group: C / groups * R * S."""
        return self.channels // self.groups * self.windows.rows.kernel * self.windows.columns.kernel

    @property
    def has_ones(self) -> bool:
        """Whether a column ends with a one, by which a product takes in the bias or gives db."""
        return self.depth <= SHORT_COLUMN and not self.windows.is_pointwise

    @property
    def multiply_adds(self) -> int:
        """Of one image."""
        height, width = self.windows.output
        return self.filters * self.depth * height * width


@dataclass(frozen=True, slots=True)
class Block:
    """Output rows first to last, of some images."""

    images: slice
    first: int
    last: int

    @property
    def rows(self) -> int:
        """Number of output rows."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Blocks:
    """All `cuts`, which are (first, last) output rows, of all `images`: numbered image by image."""

    images: tuple[slice, ...]
    cuts: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.images) * len(self.cuts)

    def __getitem__(self, number: int) -> Block:
        first, last = self.cuts[number % len(self.cuts)]
        return Block(self.images[number // len(self.cuts)], first, last)

    def of(self, images: slice) -> list[Block]:
        """The blocks of the same images."""
        return [Block(images, first, last) for first, last in self.cuts]

    @property
    def most_images(self) -> int:
        """Images of the largest block."""
        return max((images.stop - images.start for images in self.images), default=0)

    @property
    def most_rows(self) -> int:
        """Rows of the largest block."""
        return max(last - first for first, last in self.cuts)


def cut(count: int, conv: Convolution, itemsize: int, threads: int, *, columns: int = COLUMNS) -> Blocks:
    """Cut `count` images into blocks of about BLOCK_BYTES, and of at most `columns` columns an image if it can be.

    Images whose columns need no copy stay whole. No thread is left without images that another has too many of.
    """
    height, width = conv.windows.output
    bytes_a_column = (conv.groups * conv.depth + conv.filters) * itemsize
    columns = height * width if conv.windows.is_pointwise else min(columns, BLOCK_BYTES // bytes_a_column)
    pieces = -(-height // max(1, columns // width))
    cuts = tuple((height * i // pieces, height * (i + 1) // pieces) for i in range(pieces))
    together = BLOCK_BYTES // (-(-height // pieces) * width * bytes_a_column)
    together = max(1, min(together, -(-count // threads)))
    return Blocks(tuple(slice(n, min(n + together, count)) for n in range(0, count, together)), cuts)


class Columns:
    """One thread's buffers, and the columns of one block of x after the other in them.

    `side_by_side` puts the columns of all images of a block into one matrix.
    """

    def __init__(self, x: Array, conv: Convolution, blocks: Blocks, *, side_by_side: bool = False) -> None:
        self._x, self._conv, self._side_by_side = x, conv, side_by_side
        self._images: slice | None = None
        self._padded = x
        images, places = blocks.most_images, blocks.most_rows * conv.windows.columns.output
        self._is_copied = not conv.windows.is_pointwise or side_by_side
        self._padding = padding_buffer((images, conv.channels), conv.windows, x.dtype)
        if self._is_copied:
            matrix = (1, images * places) if side_by_side else (images, places)
            self._buffer = np.empty((matrix[0], conv.groups, conv.depth + conv.has_ones, matrix[1]), x.dtype)
            self._buffer[:, :, conv.depth :] = 1

    def of(self, block: Block) -> Array:
        """X_col of a block, until the next call: (images, groups, depth, columns), or (1, groups, depth, all columns).

        There is one more row, of ones, if conv.has_ones.
        """
        conv, places = self._conv, block.rows * self._conv.windows.columns.output
        if not self._is_copied:
            rows = self._x[block.images, :, block.first : block.last]
            return rows.reshape(-1, conv.groups, conv.depth, places)
        if block.images != self._images:
            self._images = block.images
            self._padded = pad(self._x[block.images], conv.windows, self._padding)
        window = patches(self._padded, conv.windows, block.first, block.last)
        window = window.reshape(len(window), conv.groups, -1, *window.shape[2:])
        if self._side_by_side:
            window = np.moveaxis(window, 0, -3)[None]
            places *= block.images.stop - block.images.start
        columns = self._buffer[: len(window), :, :, :places]
        columns[:, :, : conv.depth].reshape(window.shape)[...] = window
        return columns
