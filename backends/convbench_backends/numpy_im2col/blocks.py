"""Blocks: a convolution cut into pieces whose columns stay in the cache.

A block is some output rows of one image, or of several small ones; where there are many groups, of some of these. Its
columns are copied, multiplied and overwritten by those of the next one, so that X_col of the whole batch never exists.

           images          rows 0..3       4..7
        [ 0 1 2 ]   ->    [ columns ]  [ columns ]
        [ 3 4 5 ]   ->    [ columns ]  [ columns ]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from convbench_backends.numpy_im2col.windows import Windows

COLUMNS = 448
"""Columns of an image in a block that is a product of matrices: OpenBLAS is fastest for 300 to 500, and slow at some
powers of two. Products of a vector and a matrix, as in a depthwise convolution, have no such preference."""
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

    def channels_of(self, groups: slice) -> slice:
        """The channels that some groups read."""
        each = self.channels // self.groups
        return slice(groups.start * each, groups.stop * each)

    @property
    def multiply_adds(self) -> int:
        """Of one image."""
        height, width = self.windows.output
        return self.filters * self.depth * height * width


@dataclass(frozen=True, slots=True)
class Block:
    """Output rows first to last, of some groups of some images."""

    images: slice
    groups: slice
    first: int
    last: int

    @property
    def rows(self) -> int:
        """Number of output rows."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Blocks:
    """Every combination of the parts into which images, groups and output rows are cut, numbered image by image."""

    images: tuple[slice, ...]
    groups: tuple[slice, ...]
    rows: tuple[slice, ...]

    @property
    def an_image(self) -> int:
        """Blocks that share their images."""
        return len(self.groups) * len(self.rows)

    def __len__(self) -> int:
        return len(self.images) * self.an_image

    def __getitem__(self, number: int) -> Block:
        rows = self.rows[number % len(self.rows)]
        groups = self.groups[number // len(self.rows) % len(self.groups)]
        return Block(self.images[number // self.an_image], groups, rows.start, rows.stop)

    def take(self, numbers: range) -> Iterator[Block]:
        """The blocks of some numbers, in turn."""
        return map(self.__getitem__, numbers)

    def of_images(self, number: int) -> Iterator[Block]:
        """The blocks of the images of that number."""
        return self.take(range(number * self.an_image, (number + 1) * self.an_image))

    @property
    def largest(self) -> tuple[int, int, int]:
        """Images, groups and rows of the largest block."""
        return longest(self.images), longest(self.groups), longest(self.rows)


def longest(slices: tuple[slice, ...]) -> int:
    """Length of the longest part, 0 for none."""
    return max((each.stop - each.start for each in slices), default=0)


def cut(count: int, conv: Convolution, itemsize: int, threads: int, *, columns: int = COLUMNS) -> Blocks:
    """Cut `count` images into blocks of at most BLOCK_BYTES and `columns` columns an image, if they can be so small.

    Groups are cut where all of them are too large, rows where one is, or where `columns` says so. Images whose columns
    need no copy stay whole. No thread is left without images that another has too many of.
    """
    height, width = conv.windows.output
    bytes_a_column = (conv.depth + conv.filters // conv.groups) * itemsize
    if conv.windows.is_pointwise or conv.filters == conv.groups:
        columns = height * width
    if not conv.windows.is_pointwise:
        columns = min(columns, BLOCK_BYTES // bytes_a_column)
    rows = parts(height, max(1, columns // width))
    bytes_a_group = longest(rows) * width * bytes_a_column
    groups = parts(conv.groups, max(1, BLOCK_BYTES // bytes_a_group))
    together = BLOCK_BYTES // (bytes_a_group * conv.groups)
    return Blocks(parts(count, max(1, min(together, -(-count // threads)))), groups, rows)


def parts(length: int, most: int, *, times: int = 1) -> tuple[slice, ...]:
    """Cut range(length) into a multiple of `times` parts, if it is so long, as equal as can be, of at most `most`."""
    count = -(-length // most)
    if not count:
        return ()
    count = min(length, -(-count // times) * times)
    return tuple(slice(start, stop) for start, stop in pairwise(length * part // count for part in range(count + 1)))
