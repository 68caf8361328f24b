"""Convolution as the course material does it: X_col of all instances at once, and one matrix product a group.

    forward   Y     = W_row @ X_col + b       (K, N * OH * OW)
    dw        dW    = dY @ X_col^T            the same X_col, made again from x
    dx        dX    = col2im(W_row^T @ dY)    each column added back to the place that its window was read from
    db        db    = sum of the rows of dY

X_col has C * R * S rows and a column for each place of each instance: a 3 x 3 kernel at stride 1 makes it nine times as
large as x, and dx has columns of the same size. That is what blocks.py avoids; here it is to be seen, and measured.
BLAS shares the products among the threads; everything else is one thread's work.

Shapes: x and dx (N, C, H, W), w and dw (K, C / groups, R, S), b and db (K,), y and dy (N, K, OH, OW).
"""

from __future__ import annotations

import numpy as np

from convbench_backends.numpy_im2col.blocks import Convolution
from convbench_backends.numpy_im2col.im2col import Array, add_patches, pad, padding_buffer, patches, unpad

ALGORITHM = "textbook im2col of the batch; dx by col2im"


def forward(x: Array, w: Array, b: Array | None, conv: Convolution) -> Array:
    """Y from X_col."""
    w_row = w.reshape(conv.groups, -1, conv.depth)
    y = w_row @ x_col(x, conv)
    if b is not None:
        y += b.reshape(conv.groups, -1, 1)
    return _by_instance(y, len(x), conv)


def backward(x: Array, w: Array, dy: Array, conv: Convolution) -> tuple[Array, Array, Array]:
    """(dx, dw, db)."""
    rows = _by_filter(dy, conv)
    dw = rows @ x_col(x, conv).swapaxes(1, 2)
    dx_col = w.reshape(conv.groups, -1, conv.depth).swapaxes(1, 2) @ rows
    return col2im(dx_col, x.shape, conv), dw.reshape(w.shape), rows.sum(axis=2).reshape(-1)


def x_col(x: Array, conv: Convolution) -> Array:
    """X_col, (groups, C / groups * R * S, N * OH * OW): every window of every instance is a column."""
    windows = conv.windows
    padded = pad(x, windows, padding_buffer(x.shape, windows, x.dtype))
    window = patches(padded, windows, 0, windows.rows.output)  # (N, C, R, S, OH, OW)
    columns = window.transpose(1, 2, 3, 0, 4, 5)
    return columns.reshape(conv.groups, conv.depth, len(x) * windows.rows.output * windows.columns.output)


def col2im(columns: Array, shape: tuple[int, ...], conv: Convolution) -> Array:
    """Adjoint of x_col: images of `shape` (N, C, H, W) in which every element is the sum of its places in `columns`."""
    windows = conv.windows
    images, channels = shape[:2]
    window = columns.reshape(channels, *windows.kernel, images, *windows.output).transpose(3, 0, 1, 2, 4, 5)
    padding = padding_buffer(shape, windows, columns.dtype)
    total = np.zeros(shape, columns.dtype) if padding is None else padding
    add_patches(window, windows, 0, total)
    return total if padding is None else np.ascontiguousarray(unpad(total, windows))


def _by_filter(y: Array, conv: Convolution) -> Array:
    """(groups, K / groups, N * OH * OW): the rows that the product has."""
    return y.swapaxes(0, 1).reshape(conv.groups, conv.filters // conv.groups, len(y) * y.shape[2] * y.shape[3])


def _by_instance(rows: Array, images: int, conv: Convolution) -> Array:
    """(N, K, OH, OW) from the rows that the product has."""
    by_filter = rows.reshape(conv.filters, images, *conv.windows.output)
    return np.ascontiguousarray(by_filter.swapaxes(0, 1))
