# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""The readable level: im2col in bands of output rows and a BLAS product, each thread on its own.

    x (C, H, W)        patches (C*R*S, rows*OW)         y (K, OH, OW)

    +-----------+       one column an output            +-----------+
    | +---+     |       +-----------------+             |           |
    | |RxS|     |  ->   | c r s | . . . . |   w @ ->    |===========|  a band of rows
    | +---+     |       +-----------------+             |           |
    +-----------+                                       +-----------+

Loop order: image, group and band in parallel; within a band gather, multiply, add the bias. This is the level to read
first; it computes what the fast level does not, padding by the nearest element.

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

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.geometry import Index

Array = NDArray[np.floating]


@part
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


@part
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


@part
def view(buffer: Array, rows: int, columns: int) -> Array:
    """The start of a flat buffer as a matrix."""
    return buffer[: rows * columns].reshape(rows, columns)


@part
def copy_band(dy: Array, first: int, last: int, matrix: Array) -> None:
    """Rows first .. last - 1 of every channel of dy (K, OH, OW), as a matrix (K, rows * OW)."""
    width = dy.shape[2]
    for k in range(dy.shape[0]):
        for i in range(first, last):
            for j in range(width):
                matrix[k, (i - first) * width + j] = dy[k, i, j]


@kernel
def forward(
    task: int,
    tasks: int,
    thread: int,
    x: Array,
    w: Array,
    b: Array,
    rows: Index,
    cols: Index,
    band: Index,
    work: Array,
    y: Array,
) -> None:
    """One band of y; work (threads, 2, size) holds the patches and the product of one band of band[0] rows a thread."""
    _, groups, filters, height, width = y.shape
    bands = (height + band[0] - 1) // band[0]
    n, g, first = task // (groups * bands), task // bands % groups, task % bands * band[0]
    last = min(height, first + band[0])
    places = (last - first) * width
    patches = view(work[thread, 0], w.shape[2], places)
    product = view(work[thread, 1], filters, places)
    gather(x[n, g], rows, cols, first, last, patches)
    np.dot(w[g], patches, product)
    for k in range(filters):
        bias = b[g * filters + k]
        for i in range(first, last):
            for j in range(width):
                y[n, g, k, i, j] = product[k, (i - first) * width + j] + bias


@kernel
def input_gradient(
    task: int,
    tasks: int,
    thread: int,
    dy: Array,
    wt: Array,
    rows: Index,
    cols: Index,
    band: Index,
    work: Array,
    dx: Array,
) -> None:
    """Dx of one group of one image; wt (G, C/G*R*S, K/G) are the weights transposed."""
    _, groups, filters, height, width = dy.shape
    n, g = task // groups, task % groups
    dx[n, g] = 0
    for first in range(0, height, band[0]):
        last = min(height, first + band[0])
        places = (last - first) * width
        patches = view(work[thread, 0], wt.shape[1], places)
        gradient = view(work[thread, 1], filters, places)
        copy_band(dy[n, g], first, last, gradient)
        np.dot(wt[g], gradient, patches)
        scatter(patches, rows, cols, first, last, dx[n, g])


@kernel
def weight_gradient(
    task: int, tasks: int, thread: int, x: Array, dy: Array, rows: Index, cols: Index, band: Index, work: Array,
    sums: Array, db: Array,
) -> None:  # fmt: skip
    """One share of dw and db, into sums (shares, G, K/G, C/G*R*S) and db (shares, K) of float64."""
    images, groups, filters, height, width = dy.shape
    sums[task] = 0
    db[task] = 0
    for n in range(images * task // len(sums), images * (task + 1) // len(sums)):
        for g in range(groups):
            for first in range(0, height, band[0]):
                last = min(height, first + band[0])
                places = (last - first) * width
                patches = view(work[thread, 0], sums.shape[3], places)
                gradient = view(work[thread, 1], filters, places)
                gather(x[n, g], rows, cols, first, last, patches)
                copy_band(dy[n, g], first, last, gradient)
                sums[task, g] += np.dot(gradient, patches.T)
                for k in range(filters):
                    db[task, g * filters + k] += gradient[k].sum()
