"""The columns of one block after the other, in buffers that a thread keeps."""

from __future__ import annotations

import numpy as np

from convbench_backends.numpy_im2col.blocks import Block, Blocks, Convolution
from convbench_backends.numpy_im2col.im2col import Array, pad, padding_buffer, patches


class Columns:
    """X_col of blocks of x, where they lie if the windows are pointwise, else copied to one buffer.

    `side_by_side` puts the columns of all images of a block into one matrix.
    """

    def __init__(self, x: Array, conv: Convolution, blocks: Blocks, *, side_by_side: bool = False) -> None:
        self._x, self._conv, self._side_by_side = x, conv, side_by_side
        self._images: slice | None = None
        self._padded = x
        images, groups, rows = blocks.largest
        self._is_copied = side_by_side or not conv.windows.is_pointwise
        self._padding = padding_buffer((images, conv.channels), conv.windows, x.dtype)
        if self._is_copied:
            places = rows * conv.windows.columns.output
            matrices = (1, images * places) if side_by_side else (images, places)
            self._buffer = np.empty((matrices[0], groups, conv.depth + conv.has_ones, matrices[1]), x.dtype)
            self._buffer[:, :, conv.depth :] = 1

    def of(self, block: Block) -> Array:
        """X_col of a block, until the next call: (images, groups, depth, columns), or (1, groups, depth, all columns).

        There is one more row, of ones, if conv.has_ones.
        """
        conv = self._conv
        channels = conv.channels_of(block.groups)
        groups, places = block.groups.stop - block.groups.start, block.rows * conv.windows.columns.output
        if not self._is_copied:
            return self._x[block.images, channels, block.first : block.last].reshape(-1, groups, conv.depth, places)
        if block.images != self._images:
            self._images = block.images
            self._padded = pad(self._x[block.images], conv.windows, self._padding)
        window = patches(self._padded, conv.windows, block.first, block.last)[:, channels]
        window = window.reshape(len(window), groups, -1, *window.shape[2:])
        if self._side_by_side:
            places *= len(window)
            window = np.moveaxis(window, 0, -3)[np.newaxis]
        columns = self._buffer[: len(window), :groups, :, :places]
        columns[:, :, : conv.depth].reshape(window.shape)[...] = window
        return columns
