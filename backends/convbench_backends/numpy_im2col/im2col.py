"""im2col: a convolution as a matrix product, and the steps it is made of, with their adjoints.

    pad       copy images into the middle of zeros, or of their repeated edge       unpad
    patches   a view in which every window of a padded image stands by itself       add_patches
    im2col    the patches as columns of a matrix

Rules: images are a C-contiguous (N, C, H, W) array. The view is made by np.ndarray over a buffer, so that NumPy itself
refuses one that would reach outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numpy_im2col.windows import Windows
from convbench_specs import unpad_gradient

Array = NDArray[Any]


def im2col(images: Array, windows: Windows) -> Array:
    """X_col, (N, C * R * S, OH * OW), from images (N, C, H, W): each window of an image becomes a column.

    With the filters as rows, W_row = w.reshape(K, C * R * S), a convolution is one product: y = W_row @ X_col. For a
    227 x 227 x 3 image and 96 filters of 11 x 11 x 3 at stride 4, which have 55 x 55 places:

        X_col 363 x 3025, W_row 96 x 363, W_row @ X_col 96 x 3025, reshaped to 96 x 55 x 55
    """
    padded = pad(images, windows, padding_buffer(images.shape, windows, images.dtype))
    window = patches(padded, windows, 0, windows.rows.output)
    channels, height, width = window.shape[1:4]
    return window.reshape(len(images), channels * height * width, windows.rows.output * windows.columns.output)


def padding_buffer(shape: tuple[int, ...], windows: Windows, dtype: np.dtype[Any]) -> Array | None:
    """Zeros for padded images of shape (N, C, ...), for `pad` to fill; None where nothing is padded."""
    return np.zeros((*shape[:2], *windows.padded), dtype) if windows.is_padded else None


def pad(images: Array, windows: Windows, buffer: Array | None) -> Array:
    """The images with their padding: the part of `buffer` that now holds them, or they themselves where it is None.

    With zeros only the middle is written: the border of a padding_buffer is zero already.
    """
    if buffer is None:
        return images
    padded = buffer[: len(images)]
    top, left = windows.rows.before, windows.columns.before
    bottom, right = top + windows.rows.size, left + windows.columns.size
    padded[:, :, top:bottom, left:right] = images
    if windows.edge:
        padded[:, :, :top, left:right] = padded[:, :, top : top + 1, left:right]
        padded[:, :, bottom:, left:right] = padded[:, :, bottom - 1 : bottom, left:right]
        padded[:, :, :, :left] = padded[:, :, :, left : left + 1]
        padded[:, :, :, right:] = padded[:, :, :, right - 1 : right]
    return padded


def unpad(padded: Array, windows: Windows) -> Array:
    """Adjoint of `pad`: the gradient of the images from that of the padded ones."""
    return unpad_gradient(padded, (windows.rows, windows.columns), mode="edge" if windows.edge else "zeros")


def patches(padded: Array, windows: Windows, first: int, last: int) -> Array:
    """A view, (N, C, R, S, last - first, OW): the windows of output rows first to last, without a copy."""
    rows, columns = windows.rows, windows.columns
    by_image, by_channel, by_row, by_column = padded.strides
    return np.ndarray(
        shape=(*padded.shape[:2], rows.kernel, columns.kernel, last - first, columns.output),
        dtype=padded.dtype,
        buffer=padded,
        offset=first * rows.stride * by_row,
        strides=(
            by_image,
            by_channel,
            rows.dilation * by_row,
            columns.dilation * by_column,
            rows.stride * by_row,
            columns.stride * by_column,
        ),
    )


def add_patches(window: Array, windows: Windows, first: int, padded: Array) -> None:
    """Adjoint of `patches`: add windows of shape (N, C, R, S, rows, OW), from output row `first`, to where they lie."""
    rows, columns = windows.rows, windows.columns
    below = (window.shape[4] - 1) * rows.stride + 1
    beside = (window.shape[5] - 1) * columns.stride + 1
    for r in range(rows.kernel):
        top = first * rows.stride + r * rows.dilation
        for s in range(columns.kernel):
            left = s * columns.dilation
            places = padded[:, :, top : top + below : rows.stride, left : left + beside : columns.stride]
            places += window[:, :, r, s]
