"""Convolution as matrix products, block by block.

    forward   y of a block  = W_row @ X_col
    dw        dw^T += X_col @ dy^T of a block, for OpenBLAS is faster at it than at dw, and turned over at the end;
              dw += dy @ X_col^T where filters are no fewer than weights of one, or than columns
    dx        at stride 1, a forward pass over dy with the flipped kernel;
              else W_row^T @ dy: the columns of dx, which are added to where im2col reads those of x

One call of matmul multiplies all images and groups of a block, so that a grouped or depthwise convolution takes no
loop over its groups. Where a column ends with a one, W_row has the bias beside it and dw^T has db below it, which
saves a pass over y or dy. What is too little work to share is the course's im2col of the whole batch.

Shapes: x and dx (N, C, H, W), w and dw (K, C / groups, R, S), b and db (K,), y and dy (N, K, OH, OW).
"""

from __future__ import annotations

import numpy as np

from convbench_backends.numpy_im2col.blocks import BLOCK_BYTES, Block, Convolution, cut
from convbench_backends.numpy_im2col.columns import Columns
from convbench_backends.numpy_im2col.crew import SMALL_WORK, Crew
from convbench_backends.numpy_im2col.im2col import Array, add_patches, im2col, padding_buffer, unpad

FLIPPED_RATIO = 2
"""The flipped kernel copies K * R * S numbers a place where added columns add C * R * S; to add a number takes about
twice as long as to copy it."""
CACHE_LINE = 64
"""Bytes."""
SMALL_MATRIX = 1 << 17
"""Numbers; below, what is turned over stays in the cache in any order."""


def correlate(x: Array, w: Array, b: Array | None, conv: Convolution, crew: Crew, *, y: Array) -> Array:
    """The forward pass, written into y, which is returned."""
    w_row = w.reshape(conv.groups, -1, conv.depth)
    bias = None if b is None else b.reshape(conv.groups, -1, 1)
    if is_small(len(x), conv):
        product = _by_group(y, conv)
        x_col = im2col(x, conv.windows).reshape(len(x), conv.groups, conv.depth, product.shape[3])
        np.matmul(w_row, x_col, out=product)
        if bias is not None:
            product += bias
        return y
    if conv.has_ones:
        w_row = np.concatenate([w_row, np.zeros_like(w_row[:, :, :1]) if bias is None else bias], axis=2)
        bias = None
    blocks = cut(len(x), conv, x.itemsize, crew.threads)

    def task(part: range) -> None:
        columns = Columns(x, conv, blocks)
        for block in blocks.take(part):
            product = _of_block(y, conv, block)
            np.matmul(w_row[block.groups], columns.of(block), out=product)
            if bias is not None:
                product += bias[block.groups]

    crew.share(task, len(blocks), work=len(x) * conv.multiply_adds)
    return y


def weight_gradient(x: Array, dy: Array, conv: Convolution, crew: Crew, dw: Array) -> Array:
    """The gradient of w, written into dw as (groups, K / groups, depth); returns db."""
    blocks = cut(len(x), conv, x.itemsize, crew.threads)
    per_group = conv.filters // conv.groups
    # one product of all images of a block needs dy copied, K numbers a column; a product each needs dw added up
    images, groups, rows = blocks.largest
    side_by_side = conv.depth > rows * conv.windows.columns.output
    upright = is_upright(len(x), conv)
    sides = (per_group, conv.depth) if upright else (conv.depth + conv.has_ones, per_group)
    alone = len(blocks) == 1 and (side_by_side or images == 1)

    def task(part: range) -> tuple[Array, Array]:
        columns = Columns(x, conv, blocks, side_by_side=side_by_side)
        total = dw if upright and not part.start else np.empty((conv.groups, *sides), x.dtype)
        db = np.zeros((conv.groups, per_group), x.dtype)
        if alone:
            products = total[np.newaxis]
        else:
            products = np.empty((1 if side_by_side else images, groups, *sides), x.dtype)
            total[...] = 0
        for block in blocks.take(part):
            x_col, dy_block = columns.of(block), _of_block(dy, conv, block)
            if side_by_side:
                dy_block = np.moveaxis(dy_block, 0, 2).reshape(1, x_col.shape[1], per_group, x_col.shape[3])
            left, right = (dy_block, x_col) if upright else (x_col, dy_block)
            product = products[: len(x_col), : x_col.shape[1]]
            np.matmul(left, right.swapaxes(2, 3), out=product)
            if not alone:
                total[block.groups] += product[0] if len(product) == 1 else product.sum(axis=0)
            if not conv.has_ones:
                db[block.groups] += dy_block.sum(axis=(0, 3))
        return total, db

    (total, db), *others = crew.share(task, len(blocks), work=len(x) * conv.multiply_adds)
    for other_total, other_db in others:
        total += other_total
        db += other_db
    if not upright:
        transpose(total[:, : conv.depth], dw)
    return (total[:, -1] if conv.has_ones else db).flatten()


def is_upright(images: int, conv: Convolution) -> bool:
    """Whether the products add up to dw itself: its transpose would cost more to turn over than it saves.

    OpenBLAS is faster at a tall matrix than at its transpose, though less so the more filters there are.
    """
    is_tall = conv.filters // conv.groups >= conv.depth
    return not conv.has_ones and (is_tall or has_few_places(images, conv))


def has_few_places(images: int, conv: Convolution) -> bool:
    """Whether the outputs of the batch have no more places than a group has filters.

    A copy of w, or of dw, then takes longer than it saves in their products.
    """
    height, width = conv.windows.output
    return images * height * width <= conv.filters // conv.groups


def transpose(matrices: Array, transposed: Array) -> None:
    """Write the transpose of each of some matrices, strip by strip where they are large.

    A strip's rows fill lines of the cache in the result, each of which is then written once. NumPy's own order comes
    back to a line for each number, and where a row's length is a power of two the lines drive each other out.
    """
    strip = CACHE_LINE // matrices.itemsize if matrices.size > SMALL_MATRIX else max(1, matrices.shape[1])
    for first in range(0, matrices.shape[1], strip):
        rows = slice(first, first + strip)
        transposed[:, :, rows] = matrices[:, rows].swapaxes(1, 2)


def input_gradient(dy: Array, w: Array, conv: Convolution, crew: Crew, dx: Array) -> Array:
    """The gradient of x, written into dx, which is returned."""
    if not flips_kernel(len(dy), conv):
        return _add_columns(dy, w, conv, crew, dx)
    adjoint = conv.windows.adjoint()
    assert adjoint is not None
    back = Convolution(windows=adjoint, groups=conv.groups, channels=conv.filters, filters=conv.channels)
    return correlate(dy, flipped_kernel(w, conv.groups), None, back, crew, y=dx)


def is_small(images: int, conv: Convolution) -> bool:
    """Whether a forward pass is too little work to cut and share."""
    return images * conv.multiply_adds < SMALL_WORK


def flips_kernel(images: int, conv: Convolution) -> bool:
    """Whether dx is a forward pass over dy with the flipped kernel."""
    few_filters = conv.filters <= FLIPPED_RATIO * conv.channels and not has_few_places(images, conv)
    is_dense = conv.windows.stride == (1, 1) and conv.windows.adjoint() is not None
    return (few_filters or conv.windows.is_pointwise) and is_dense


def flipped_kernel(w: Array, groups: int) -> Array:
    """Filters (C, K / groups, R, S) that turn dy into dx: w (K, C / groups, R, S) with both axes reversed."""
    filters, channels, *kernel = w.shape
    by_group = w.reshape(groups, filters // groups, channels, *kernel)[..., ::-1, ::-1]
    return by_group.swapaxes(1, 2).reshape(groups * channels, filters // groups, *kernel)


def _add_columns(dy: Array, w: Array, conv: Convolution, crew: Crew, dx: Array) -> Array:
    """The gradient of x from its columns, W_row^T @ dy; a thread takes whole images, as windows of two rows overlap."""
    windows = conv.windows
    blocks = cut(len(dy), conv, dy.itemsize, crew.threads, columns=BLOCK_BYTES)
    w_column = w.reshape(conv.groups, -1, conv.depth).swapaxes(1, 2)  # BLAS takes it as it lies
    most_images, most_groups, most_rows = blocks.largest

    def task(part: range) -> None:
        padding = padding_buffer((most_images, conv.channels), windows, dy.dtype)
        places = most_rows * windows.columns.output
        buffer = np.empty((most_images, most_groups, conv.depth, places), dy.dtype)
        for number in part:
            images = blocks.images[number]
            gradient = dx[images]
            if padding is not None:
                gradient = padding[: len(gradient)]
            gradient[...] = 0
            for block in blocks.of_images(number):
                dy_block = _of_block(dy, conv, block)
                columns = buffer[: len(dy_block), : dy_block.shape[1], :, : dy_block.shape[3]]
                np.matmul(w_column[block.groups], dy_block, out=columns)
                window = columns.reshape(len(columns), -1, *windows.kernel, block.rows, windows.columns.output)
                add_patches(window, windows, block.first, gradient[:, conv.channels_of(block.groups)])
            if padding is not None:
                dx[images] = unpad(gradient, windows)

    crew.share(task, len(blocks.images), work=len(dy) * conv.multiply_adds)
    return dx


def _by_group(y: Array, conv: Convolution) -> Array:
    """View of y or dy: (N, groups, K / groups, OH * OW)."""
    height, width = conv.windows.output
    return y.reshape(len(y), conv.groups, conv.filters // conv.groups, height * width)


def _of_block(y: Array, conv: Convolution, block: Block) -> Array:
    """View of a block of y or dy: (images, groups, K / groups, columns)."""
    width = conv.windows.columns.output
    return _by_group(y, conv)[block.images, block.groups, :, block.first * width : block.last * width]
