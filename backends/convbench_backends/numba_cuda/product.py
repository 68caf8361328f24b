# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""Convolution as tiled matrix products whose second matrix is never stored: forward, dx and dw.

    forward, dx     out[filter, place]  = sum over taps d   of weights[filter, d] * source[element d of place]
    dw              out[filter, d]      = sum over places p of dy[filter, p]      * source[element d of p]

A block of threads takes a tile of the output, `tile.rows` x `tile.columns`. In turns of `tile.inner` terms it brings
both factors to shared memory, and each thread adds their products to its own sums, which lie in registers:

                     columns                 thread t loads column t, t + 1 the next: neighbours in memory
              inner [ b b b b b b ]
        inner
      [ a a ]       [ s s s s s s ]          a thread's sums are spread over the tile, so that neighbours
rows  [ a a ]       [ s s s s s s ]          read and write neighbouring places
      [ a a ]       [ s s s s s s ]

One column more than the tile has keeps threads that store along `inner` on different banks of shared memory.

dw has few outputs and many terms: the terms are split among blocks, each writes its own sums, and `add_splits` adds
them in a fixed order. Nothing is atomic, so results are the same bits from run to run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from convbench_backends.numba_cuda.device import Tile
from convbench_backends.numba_cuda.gathers import Indexing
from convbench_backends.numba_cuda.geometry import Gather
from convbench_backends.numba_cuda.jit import Array, Real, cuda, kernel


@cache
def product_kernel(real: Real, tile: Tile, indexing: Indexing) -> Any:
    """The kernel of forward or dx: (weights, source, taps, bias, g, groups, out); grid (places, filters, groups).

    Sums are of type `real`. bias is empty for none. out is (images, groups, filters, target places), flat.
    """
    rows, columns, inner, down, across = tile.rows, tile.columns, tile.inner, tile.down, tile.across
    a_pitch = rows + 1
    threads, wide, high = tile.threads, tile.columns // tile.across, tile.rows // tile.down
    place_of, element_of = indexing.place_of, indexing.element_of

    @kernel
    def product(  # noqa: PLR0912  # one function, so that its sums stay in registers
        weights: Array, source: Array, taps: Array, bias: Array, g: Gather, groups: int, out: Array
    ) -> None:
        a = cuda.shared.array((inner, a_pitch), real)
        b = cuda.shared.array((inner, columns), real)
        sums = cuda.local.array((down, across), real)
        thread = cuda.threadIdx.x
        group = cuda.blockIdx.z
        first_filter = cuda.blockIdx.y * rows
        pixels = g.target_height * g.target_width
        place = cuda.blockIdx.x * columns + thread % columns
        image, top, left = place_of(g, place)
        for i in range(down):
            for j in range(across):
                sums[i, j] = 0
        for first in range(0, g.depth, inner):
            for e in range(thread, inner * rows, threads):
                d = first + e % inner
                k = first_filter + e // inner
                a[e % inner, e // inner] = 0
                if d < g.depth and k < g.filters:
                    weight = group * g.group_step + k * g.filter_step + taps[d, 0] * g.channel_step + taps[d, 3]
                    a[e % inner, e // inner] = weights[weight]
            for t in range(thread // columns, inner, threads // columns):
                b[t, thread % columns] = 0
                if first + t < g.depth and image < g.images:
                    element = element_of(g, groups, group, taps, first + t, image, top, left)
                    if element >= 0:
                        b[t, thread % columns] = source[element]
            cuda.syncthreads()
            for t in range(inner):
                for i in range(down):
                    for j in range(across):
                        sums[i, j] += a[t, thread // wide + i * high] * b[t, thread % wide + j * wide]
            cuda.syncthreads()
        for j in range(across):
            place = cuda.blockIdx.x * columns + thread % wide + j * wide
            image = place // pixels
            for i in range(down):
                k = first_filter + thread // wide + i * high
                if k < g.filters and image < g.images:
                    channel = group * g.filters + k
                    total = sums[i, j]
                    if bias.size:
                        total += bias[channel]
                    out[(image * groups * g.filters + channel) * pixels + place - image * pixels] = total

    return product


@cache
def weight_kernel(real: Real, tile: Tile, indexing: Indexing) -> Any:
    """The kernel of dw: (dy, source, taps, g, groups, splits, out); grid (taps, filters, groups * splits).

    out is (splits, groups, filters, depth), flat: dw itself where there is one split, else for `add_splits`.
    """
    rows, columns, inner, down, across = tile.rows, tile.columns, tile.inner, tile.down, tile.across
    a_pitch, b_pitch = rows + 1, columns + 1
    threads, wide, high = tile.threads, tile.columns // tile.across, tile.rows // tile.down
    place_of, element_of = indexing.place_of, indexing.element_of

    @kernel
    def weight_product(  # noqa: PLR0912  # as above
        dy: Array, source: Array, taps: Array, g: Gather, groups: int, splits: int, out: Array
    ) -> None:
        a = cuda.shared.array((inner, a_pitch), real)
        b = cuda.shared.array((inner, b_pitch), real)
        sums = cuda.local.array((down, across), real)
        thread = cuda.threadIdx.x
        group = cuda.blockIdx.z // splits
        split = cuda.blockIdx.z - group * splits
        first_filter = cuda.blockIdx.y * rows
        first_tap = cuda.blockIdx.x * columns
        pixels = g.target_height * g.target_width
        places = g.images * pixels
        end = min(places, (split + 1) * ((places + splits - 1) // splits))
        for i in range(down):
            for j in range(across):
                sums[i, j] = 0
        for first in range(split * ((places + splits - 1) // splits), end, inner):
            t = thread % inner
            place = first + t
            image, top, left = place_of(g, place)
            for k in range(thread // inner, rows, threads // inner):
                a[t, k] = 0
                if place < end and first_filter + k < g.filters:
                    channel = (image * groups + group) * g.filters + first_filter + k
                    a[t, k] = dy[channel * pixels + place - image * pixels]
            for q in range(thread // inner, columns, threads // inner):
                b[t, q] = 0
                if place < end and first_tap + q < g.depth:
                    element = element_of(g, groups, group, taps, first_tap + q, image, top, left)
                    if element >= 0:
                        b[t, q] = source[element]
            cuda.syncthreads()
            for t in range(inner):
                for i in range(down):
                    for j in range(across):
                        sums[i, j] += a[t, thread // wide + i * high] * b[t, thread % wide + j * wide]
            cuda.syncthreads()
        for i in range(down):
            k = first_filter + thread // wide + i * high
            for j in range(across):
                d = first_tap + thread % wide + j * wide
                if k < g.filters and d < g.depth:
                    out[((split * groups + group) * g.filters + k) * g.depth + d] = sums[i, j]

    return weight_product


@cache
def add_splits_kernel(real: Real) -> Any:
    """The kernel (parts, splits, size, out): out[e] = sum over splits s, in order, of parts[s * size + e]."""

    @kernel
    def add_splits(parts: Array, splits: int, size: int, out: Array) -> None:
        for e in range(cuda.grid(1), size, cuda.gridsize(1)):
            total = real(0)
            for split in range(splits):
                total += parts[split * size + e]
            out[e] = total

    return add_splits
