# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""The readable level: im2col in bands of output rows and a BLAS product, each thread on its own.

    x (C, H, W)        patches (C*R*S, rows*OW)         y (K, OH, OW)

    +-----------+       one column an output            +-----------+
    | +---+     |       +-----------------+             |           |
    | |RxS|     |  ->   | c r s | . . . . |   w @ ->    |===========|  a band of rows
    | +---+     |       +-----------------+             |           |
    +-----------+                                       +-----------+

Loop order: image, group and band in parallel; within a band gather, multiply, add the bias.

- forward   y = w @ patches + b
- dx        patches' gradient = w^T @ dy, added back to the places that the taps read; bands of an image in turn,
            since windows of neighbouring bands overlap
- dw        sum of dy @ patches^T; each thread sums its own images and the threads' sums are added in order, so no
            atomics are needed and the same number of threads gives the same bits

Arrays have rank 4; groups are an axis of their own: x (N, G, C/G, H, W), w (G, K/G, C/G*R*S), y (N, G, K/G, OH, OW).
np.dot inside Numba calls the BLAS that SciPy brings, which must run on one thread here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.geometry import Index
from convbench_backends.numba_cpu.jit import parallel, prange, serial, thread_number

Array = NDArray[np.floating]


@serial
def gather(x: Array, rows: Index, cols: Index, first: int, last: int, patches: Array) -> None:
    """Patches of output rows first .. last - 1 of x (C, H, W); rows (R, OH) and cols (S, OW) are tables of taps."""
    taps_h, taps_w, width = rows.shape[0], cols.shape[0], cols.shape[1]
    for c in range(x.shape[0]):
        for r in range(taps_h):
            for s in range(taps_w):
                patch = patches[(c * taps_h + r) * taps_w + s]
                for i in range(first, last):
                    h = rows[r, i]
                    for j in range(width):
                        inside = h >= 0 and cols[s, j] >= 0
                        patch[(i - first) * width + j] = x[c, h, cols[s, j]] if inside else 0


@serial
def scatter(patches: Array, rows: Index, cols: Index, first: int, last: int, dx: Array) -> None:
    """Adjoint of gather: add the gradient of patches to the places of dx (C, H, W) that they were read from."""
    taps_h, taps_w, width = rows.shape[0], cols.shape[0], cols.shape[1]
    for c in range(dx.shape[0]):
        for r in range(taps_h):
            for s in range(taps_w):
                patch = patches[(c * taps_h + r) * taps_w + s]
                for i in range(first, last):
                    h = rows[r, i]
                    if h >= 0:
                        for j in range(width):
                            if cols[s, j] >= 0:
                                dx[c, h, cols[s, j]] += patch[(i - first) * width + j]


@serial
def view(buffer: Array, rows: int, columns: int) -> Array:
    """The start of a flat buffer as a matrix."""
    return buffer[: rows * columns].reshape(rows, columns)


@serial
def copy_band(dy: Array, first: int, last: int, band: Array) -> None:
    """Rows first .. last - 1 of every channel of dy (K, OH, OW), as a matrix (K, rows * OW)."""
    width = dy.shape[2]
    for k in range(dy.shape[0]):
        for i in range(first, last):
            for j in range(width):
                band[k, (i - first) * width + j] = dy[k, i, j]


@parallel
def forward(x: Array, w: Array, b: Array, rows: Index, cols: Index, band: int, work: Array, y: Array) -> None:
    """Compute y from x, w and b; work (threads, 2, size) holds the patches and the product of one band a thread."""
    images, groups, filters, height, width = y.shape
    bands = (height + band - 1) // band
    for task in prange(images * groups * bands):
        n, g, first = task // (groups * bands), task // bands % groups, task % bands * band
        last = min(height, first + band)
        places = (last - first) * width
        buffers = work[thread_number()]
        patches = view(buffers[0], w.shape[2], places)
        product = view(buffers[1], filters, places)
        gather(x[n, g], rows, cols, first, last, patches)
        np.dot(w[g], patches, product)
        for k in range(filters):
            bias = b[g * filters + k]
            for i in range(first, last):
                for j in range(width):
                    y[n, g, k, i, j] = product[k, (i - first) * width + j] + bias


@parallel
def input_gradient(dy: Array, wt: Array, rows: Index, cols: Index, band: int, work: Array, dx: Array) -> None:
    """Compute dx from dy and the transposed weights wt (G, C/G*R*S, K/G)."""
    images, groups, filters, height, width = dy.shape
    for task in prange(images * groups):
        n, g = task // groups, task % groups
        buffers = work[thread_number()]
        dx[n, g] = 0
        for first in range(0, height, band):
            last = min(height, first + band)
            places = (last - first) * width
            patches = view(buffers[0], wt.shape[1], places)
            part = view(buffers[1], filters, places)
            copy_band(dy[n, g], first, last, part)
            np.dot(wt[g], part, patches)
            scatter(patches, rows, cols, first, last, dx[n, g])


@parallel
def weight_gradient(x: Array, dy: Array, rows: Index, cols: Index, band: int, work: Array, sums: Array) -> None:
    """Each thread's share of dw, into sums (threads, G, K/G, C/G*R*S)."""
    images, groups, filters, height, width = dy.shape
    shares = sums.shape[0]
    for share in prange(shares):
        buffers = work[share]
        sums[share] = 0
        for n in range(images * share // shares, images * (share + 1) // shares):
            for g in range(groups):
                for first in range(0, height, band):
                    last = min(height, first + band)
                    places = (last - first) * width
                    patches = view(buffers[0], sums.shape[3], places)
                    part = view(buffers[1], filters, places)
                    gather(x[n, g], rows, cols, first, last, patches)
                    copy_band(dy[n, g], first, last, part)
                    sums[share, g] += np.dot(part, patches.T)


@parallel
def bias_gradient(dy: Array, sums: Array) -> None:
    """Sum of each feature map of dy (N, K, OH*OW), into sums (N, K) of float64, which loses nothing of float32."""
    images, filters, places = dy.shape
    for task in prange(images * filters):
        n, k = task // filters, task % filters
        total = 0.0
        for q in range(places):
            total += dy[n, k, q]
        sums[n, k] = total
