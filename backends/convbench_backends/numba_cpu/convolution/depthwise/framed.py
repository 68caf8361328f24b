# ruff: noqa: PLR0917  # a kernel takes all it may need, by position
"""Depthwise convolution with any kernel, stride 1 or 2: planes in frames of zeros (frame.py), y, dx and dw.

    for a tile of y, 3 rows by a vector, and one column of taps, w0 to w2 (5 rows of the frame)

    row 0 of the frame     y0 += w0 * row
    row 1                  y0 += w1 * row     y1 += w0 * row
    row 2                  y0 += w2 * row     y1 += w1 * row     y2 += w0 * row
    row 3                                     y1 += w2 * row     y2 += w1 * row
    row 4                                                        y2 += w2 * row

Loop order: planes in parallel; rows of tiles; strips of vectors; column of taps; row of the frame. So a vector of x is
loaded once a column of taps, and a tap once a tile. What is within a column of taps is written out for the size of a
tile when a kernel is compiled, and kernels are made for each such size.

dx is the same with dy and the taps reversed. At stride 2 a vector of dy gives the even and the odd rows and
columns of dx, which have sums of their own; columns are woven together when they are written. dw holds a tile of dy,
and adds its products with x to sums of each tap, vectors which are added up over lanes at the end of a channel.

A plane is a task's own and images are summed in their order, so the number of threads does not matter.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from convbench_backends.numba_cpu.compiler.jit import Kernel, kernel, part
from convbench_backends.numba_cpu.compiler.rows import add_trace, clear
from convbench_backends.numba_cpu.convolution.depthwise.frame import Tile
from convbench_backends.numba_cpu.convolution.depthwise.tiles import (
    add_up,
    copy_plane,
    filter_plane,
    plane_gradient,
    spread_plane,
)
from convbench_backends.numba_cpu.geometry import Array


@cache
def filter_planes(tile: Tile) -> Kernel:
    """The kernel of y for a size of tiles."""
    down, stride, step, block, vectors, halves = _numbers(tile)

    @kernel
    def of_tile(
        task: int, tasks: int, thread: int, x: Array, w: Array, b: Array, frames: Any, work: Array, y: Array
    ) -> None:
        """A share of the planes of y; x (N * C, H, W), w (C, R * S), b (C,), y (N * C, OH, OW), work (threads, ...)."""
        frame = frames[0]
        planes, area = len(y), y.shape[1] * y.shape[2]
        first, last = planes * task // tasks, planes * (task + 1) // tasks
        at = thread * work.shape[1]
        for p in range(first - 1, last):
            here, following = at + p % 2 * frame.size, at + (p + 1) % 2 * frame.size
            if p + 1 < last:
                copy_plane(
                    x, (p + 1) * frame.source_area + frame.first, frame.source_width, frame.rows, frame.columns,
                    work, following + frame.target, work, following + frame.odd_target, frame.pitch, step, halves,
                )  # fmt: skip
            if p >= first:
                c = p % len(b)
                filter_plane(
                    work, here, frame.pitch, frame.part, w, c * w.shape[1], frame.across, b, c, y, p * area,
                    frame.grid_rows, frame.grid_columns,
                    down, stride, step, block, vectors, halves,
                )  # fmt: skip

    return of_tile


@cache
def spread_planes(tile: Tile) -> Kernel:
    """The kernel of dx for a size of tiles."""
    down, stride, step, block, vectors, halves = _numbers(tile)

    @kernel
    def of_tile(task: int, tasks: int, thread: int, dy: Array, w: Array, frames: Any, work: Array, dx: Array) -> None:
        """A share of the planes of dx; dy (N * C, OH, OW), w (C, R * S), dx (N * C, H, W), work (threads, ...)."""
        frame = frames[0]
        planes, height, width = dx.shape
        first, last = planes * task // tasks, planes * (task + 1) // tasks
        at = thread * work.shape[1]
        for p in range(first - 1, last):
            here, following = at + p % 2 * frame.size, at + (p + 1) % 2 * frame.size
            if p + 1 < last:
                copy_plane(
                    dy, (p + 1) * frame.source_area + frame.first, frame.source_width, frame.rows, frame.columns,
                    work, following + frame.target, work, following + frame.odd_target, frame.pitch, 1, halves,
                )  # fmt: skip
            if p >= first:
                spread_plane(
                    work, here, frame.pitch, w, p % len(w) * w.shape[1], frame.across, dx, p * height * width,
                    frame.grid_rows, frame.grid_columns, height, width, frame.top, frame.left,
                    down, stride, step, block, vectors, halves,
                )  # fmt: skip

    return of_tile


@cache
def weight_gradients(tile: Tile) -> Kernel:
    """The kernel of dw and db for a size of tiles."""
    down, stride, step, block, vectors, halves = _numbers(tile)

    @kernel
    def of_tile(
        task: int, tasks: int, thread: int, x: Array, dy: Array, frames: Any, work: Array, dw: Array, db: Array,
        traces: Array,
    ) -> None:  # fmt: skip
        """A share of the channels of dw (C, R * S) and db (C,); x (N, C, H, W), dy (N, C, OH, OW).

        work (threads, ...) has vectors of sums behind two frames. traces (threads,) become NaN where dw is not finite.
        """
        frame = frames[0]
        images, channels, rows, columns = dy.shape
        area, weights = rows * columns, dw.shape[1]
        first, last = channels * task // tasks, channels * (task + 1) // tasks
        at = thread * work.shape[1]
        totals = at + 2 * frame.size
        for number in range(images * first - 1, images * last):
            here, following = at + number % 2 * frame.size, at + (number + 1) % 2 * frame.size
            if number + 1 < images * last:
                copy_plane(
                    x, plane_of(number + 1, images, channels) * frame.source_area + frame.first,
                    frame.source_width, frame.rows, frame.columns,
                    work, following + frame.target, work, following + frame.odd_target, frame.pitch, step, halves,
                )  # fmt: skip
            if number >= images * first:
                c, n = number // images, number % images
                if n == 0:
                    clear(work, totals, work.shape[1] - 2 * frame.size)
                plane_gradient(
                    work, here, frame.pitch, frame.part, dy, (n * channels + c) * area, frame.across, rows, columns,
                    work, totals,
                    down, stride, step, block, vectors, halves,
                )  # fmt: skip
                if n == images - 1:
                    add_up(work, totals, weights, dw, c * weights, db, c, halves)
        add_trace(dw, first * weights, (last - first) * weights, traces, thread)

    return of_tile


@part
def plane_of(number: int, images: int, channels: int) -> int:
    """The plane of a number that counts images first, then channels."""
    return number % images * channels + number // images


def _numbers(tile: Tile) -> tuple[int, int, int, int, int, int]:
    """What a kernel holds: numbers alone, so that Numba finds it again on disk."""
    return tile.down, tile.stride, tile.step, tile.rows, tile.vectors, tile.halves
