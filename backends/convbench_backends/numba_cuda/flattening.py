"""Flatten in the order channels last: transposition of each image's (C, places) to (places, C), and back.

A block brings a square of `side` x `side` elements to shared memory along the rows of the source and writes it along
the rows of the result, so that both are neighbours in memory; one more column keeps its columns on different banks.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from convbench_backends.numba_cuda.jit import Array, cuda, kernel

MOST_IMAGES = 65535
"""Blocks that a grid may have along its third axis; more images than that are taken in rounds."""


@cache
def transpose_kernel(element: Any, side: int, threads: int) -> Any:
    """The kernel (source, images, rows, columns, out), on flat (images, rows, columns) and (images, columns, rows).

    Grid (squares of columns, squares of rows, any); `threads`, a multiple of `side`, in a block.
    """
    pitch = side + 1

    @kernel
    def transpose(source: Array, images: int, rows: int, columns: int, out: Array) -> None:
        square = cuda.shared.array((side, pitch), element)
        across = cuda.threadIdx.x % side
        first_row = cuda.blockIdx.y * side
        first_column = cuda.blockIdx.x * side
        for image in range(cuda.blockIdx.z, images, cuda.gridDim.z):
            start = image * rows * columns
            for down in range(cuda.threadIdx.x // side, side, threads // side):
                if first_row + down < rows and first_column + across < columns:
                    square[down, across] = source[start + (first_row + down) * columns + first_column + across]
            cuda.syncthreads()
            for down in range(cuda.threadIdx.x // side, side, threads // side):
                if first_column + down < columns and first_row + across < rows:
                    out[start + (first_column + down) * rows + first_row + across] = square[across, down]
            cuda.syncthreads()

    return transpose
