"""Convolution as matrix products, block by block.

One call of matmul multiplies all images and groups of a block, so that a grouped or depthwise convolution takes no
loop over its groups.

    forward   y of the block  = W_row @ X_col
    dw        dw^T += X_col @ dy^T of the block; the transpose of dw, for which OpenBLAS is faster than for dw
    dx        at stride 1, a forward pass over dy with the flipped kernel;
              else W_row^T @ dy: the columns of dx, which are added to where im2col reads those of x

Where a column ends with a one, W_row has the bias beside it and dw^T has db below it: a pass over y, or dy, less.

Shapes: x and dx (N, C, H, W), w and dw (K, C / groups, R, S), b and db (K,), y and dy (N, K, OH, OW).
"""

from __future__ import annotations

import numpy as np

from convbench_backends.numpy_im2col.blocks import BLOCK_BYTES, Block, Columns, Convolution, cut
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import Array, add_patches, im2col, padding_buffer, unpad
from convbench_backends.numpy_im2col.windows import Windows

FLIPPED_RATIO = 2
"""dx by the flipped kernel copies K * R * S numbers a place, by adding columns it adds C * R * S: an addition takes
about twice as long as a copy."""


def correlate(x: Array, w: Array, b: Array | None, conv: Convolution, crew: Crew) -> Array:
    """The forward pass: y."""
    blocks = cut(len(x), conv, x.itemsize, crew.threads)
    w_row = w.reshape(conv.groups, -1, conv.depth)
    bias = None if b is None else b.reshape(conv.groups, -1, 1)
    if len(blocks) == 1:
        ...
    if conv.has_ones:
        w_row = np.concatenate([w_row, np.zeros_like(w_row[:, :, :1]) if bias is None else bias], axis=2)
        bias = None
    y = np.empty((len(x), conv.filters, *conv.windows.output), x.dtype)

    def task(part: range) -> None:
        columns = Columns(x, conv, blocks)
        for number in part:
            block = blocks[number]
            product = _of_block(y, conv, block)
            np.matmul(w_row, columns.of(block), out=product)
            if bias is not None:
                product += bias

    crew.share(task, len(blocks), work=len(x) * conv.multiply_adds)
    return y


def weight_gradient(x: Array, dy: Array, conv: Convolution, crew: Crew) -> tuple[Array, Array]:
    """dw, as (K, depth), and db."""
    # a product a block needs a copy of dy, K numbers a column; a product an image needs dw to be added up, K * depth
    blocks = cut(len(x), conv, x.itemsize, crew.threads)
    per_group = conv.filters // conv.groups
    side_by_side = conv.depth > blocks.most_rows * conv.windows.columns.output

    def task(part: range) -> tuple[Array, Array]:
        columns = Columns(x, conv, blocks, side_by_side=side_by_side)
        dwt = np.zeros((conv.groups, conv.depth + conv.has_ones, per_group), x.dtype)
        db = np.zeros((conv.groups, per_group), x.dtype)
        scratch = np.empty((1 if side_by_side else blocks.most_images, *dwt.shape), x.dtype)
        for number in part:
            block = blocks[number]
            dy_block = _of_block(dy, conv, block)
            if side_by_side:
                dy_block = np.moveaxis(dy_block, 0, 2).reshape(1, conv.groups, per_group, -1)
            columns_block = columns.of(block)
            product = scratch[: len(columns_block)]
            np.matmul(columns_block, dy_block.swapaxes(2, 3), out=product)
            dwt += product[0] if len(product) == 1 else product.sum(axis=0)
            if not conv.has_ones:
                db += dy_block.sum(axis=(0, 3))
        return dwt, dwt[:, -1] if conv.has_ones else db

    parts = crew.share(task, len(blocks), work=len(x) * conv.multiply_adds)
    dwt, db = parts[0]
    for more_dwt, more_db in parts[1:]:
        dwt += more_dwt
        if not conv.has_ones: db += more_db
    dw = dwt[:, : conv.depth].swapaxes(1, 2).reshape(conv.filters, conv.depth)
    return np.ascontiguousarray(dw), db.reshape(-1).copy()


def input_gradient(dy: Array, w: Array, conv: Convolution, crew: Crew) -> Array:
    """dx."""
    adjoint = conv.windows.adjoint()
    if adjoint is not None and (conv.filters <= FLIPPED_RATIO * conv.channels or conv.windows.is_pointwise):
        back = Convolution(windows=adjoint, groups=conv.groups, channels=conv.filters, filters=conv.channels)
        return correlate(dy, flipped_kernel(w, conv.groups), None, back, crew)
    return _added_columns(dy, w, conv, crew)


def flipped_kernel(w: Array, groups: int) -> Array:
    """w (K, C / groups, R, S) as the filters that turn dy into dx: (C, K / groups, R, S), both axes reversed."""
    filters, channels, *kernel = w.shape
    by_group = w.reshape(groups, filters // groups, channels, *kernel)[..., ::-1, ::-1]
    return by_group.swapaxes(1, 2).reshape(groups * channels, filters // groups, *kernel)


def _added_columns(dy: Array, w: Array, conv: Convolution, crew: Crew) -> Array:
    """dx by W_row^T @ dy."""
    windows = conv.windows
    blocks = cut(len(dy), conv, dy.itemsize, crew.threads, columns=BLOCK_BYTES)
    dx = np.zeros((len(dy), conv.channels, windows.rows.size, windows.columns.size), dy.dtype)
    w_column = np.ascontiguousarray(w.reshape(conv.groups, -1, conv.depth).swapaxes(1, 2))

    def task(part: range) -> None:
        padding = padding_buffer((blocks.most_images, conv.channels), windows, dy.dtype)
        places = blocks.most_rows * windows.columns.output
        buffer = np.empty((blocks.most_images, conv.groups, conv.depth, places), dy.dtype)
        for number in part:
            images = blocks.images[number]
            padded = dx[images] if padding is None else padding[: images.stop - images.start]
            if padding is not None: padded[...] = 0
            for block in blocks.of(images):
                dy_block = _of_block(dy, conv, block)
                columns = buffer[: len(dy_block), :, :, : dy_block.shape[3]]
                np.matmul(w_column, dy_block, out=columns)
                shape = (len(dy_block), conv.channels, *windows.kernel, block.rows, windows.columns.output)
                add_patches(columns.reshape(shape), windows, block.first, padded)
            if padding is not None:
                dx[images] = unpad(padded, windows)

    crew.share(task, len(blocks.images), work=len(dy) * conv.multiply_adds)
    return dx


def _of_block(y: Array, conv: Convolution, block: Block) -> Array:
    """View of y or dy: (images, groups, K / groups, columns)."""
    width = conv.windows.columns.output
    flat = y.reshape(len(y), conv.groups, conv.filters // conv.groups, -1)
    return flat[block.images, :, :, block.first * width : block.last * width]
