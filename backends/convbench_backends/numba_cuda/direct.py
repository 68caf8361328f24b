# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""Convolution of groups with few filters, depthwise above all, where a tiled product would be mostly padding.

Forward and dx: a thread an output. Neighbouring threads have neighbouring places, and read neighbours for each tap.
dw: a block of threads a weight, whose threads take places in turn and add up their sums in shared memory, in a fixed
order. db and averages of whole planes are such sums too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from convbench_backends.numba_cuda.gathers import Indexing
from convbench_backends.numba_cuda.geometry import Fold, Gather
from convbench_backends.numba_cuda.jit import Array, Real, cuda, device_function, kernel


@device_function
def add_up(sums: Array, thread: int, threads: int) -> None:
    """Add up an array in shared memory, one element a thread, to its first; `threads` is a power of two."""
    cuda.syncthreads()
    half = threads // 2
    while half > 0:
        if thread < half:
            sums[thread] += sums[thread + half]
        cuda.syncthreads()
        half //= 2


@cache
def gather_kernel(real: Real, indexing: Indexing) -> Any:
    """The kernel of forward or dx: as product_kernel, but with any grid of one axis."""
    place_of, element_of = indexing.place_of, indexing.element_of

    @kernel
    def gather(weights: Array, source: Array, taps: Array, bias: Array, g: Gather, groups: int, out: Array) -> None:
        pixels = g.target_height * g.target_width
        filters = groups * g.filters
        for e in range(cuda.grid(1), g.images * filters * pixels, cuda.gridsize(1)):
            plane = e // pixels
            channel = plane % filters
            group = channel // g.filters
            image, top, left = place_of(g, plane // filters * pixels + e % pixels)
            weight = group * g.group_step + (channel - group * g.filters) * g.filter_step
            total = real(0)
            for d in range(g.depth):
                element = element_of(g, groups, group, taps, d, image, top, left)
                if element >= 0:
                    total += real(weights[weight + taps[d, 0] * g.channel_step + taps[d, 3]]) * real(source[element])
            if bias.size:
                total += real(bias[channel])
            out[e] = total

    return gather


@cache
def weight_sum_kernel(real: Real, threads: int, indexing: Indexing) -> Any:
    """The kernel of dw: (dy, source, taps, g, groups, out); grid groups * filters * depth blocks."""
    place_of, element_of = indexing.place_of, indexing.element_of

    @kernel
    def weight_sum(dy: Array, source: Array, taps: Array, g: Gather, groups: int, out: Array) -> None:
        sums = cuda.shared.array(threads, real)
        thread = cuda.threadIdx.x
        channel = cuda.blockIdx.x // g.depth
        d = cuda.blockIdx.x - channel * g.depth
        group = channel // g.filters
        pixels = g.target_height * g.target_width
        total = real(0)
        for place in range(thread, g.images * pixels, threads):
            image, top, left = place_of(g, place)
            element = element_of(g, groups, group, taps, d, image, top, left)
            if element >= 0:
                plane = image * groups * g.filters + channel
                total += real(dy[plane * pixels + place - image * pixels]) * real(source[element])
        sums[thread] = total
        add_up(sums, thread, threads)
        if thread == 0:
            out[cuda.blockIdx.x] = sums[0]

    return weight_sum


@cache
def plane_sum_kernel(real: Real, threads: int) -> Any:
    """The kernel (a, images, planes, pixels, divisor, out): sums of a, (images, planes, pixels), by plane.

    Grid: a block a plane. out[plane] = sum over images and pixels / divisor.
    """

    @kernel
    def plane_sum(a: Array, images: int, planes: int, pixels: int, divisor: int, out: Array) -> None:
        sums = cuda.shared.array(threads, real)
        thread = cuda.threadIdx.x
        total = real(0)
        for e in range(thread, images * pixels, threads):
            image = e // pixels
            total += real(a[(image * planes + cuda.blockIdx.x) * pixels + e - image * pixels])
        sums[thread] = total
        add_up(sums, thread, threads)
        if thread == 0:
            out[cuda.blockIdx.x] = sums[0] / real(divisor)

    return plane_sum


@cache
def fold_kernel(real: Real) -> Any:
    """The kernel (padded, planes, f, out): the gradient of planes from that of them with their edge repeated.

    Each element of out adds up the places of `padded` that repeat it, row by row. f is a geometry.Fold.
    """

    @kernel
    def fold(padded: Array, planes: int, f: Fold, out: Array) -> None:
        for e in range(cuda.grid(1), planes * f.height * f.width, cuda.gridsize(1)):
            plane = e // (f.height * f.width)
            h = e // f.width % f.height
            v = e % f.width
            top = 0 if h == 0 else h + f.before_h
            bottom = f.padded_height if h == f.height - 1 else h + f.before_h + 1
            left = 0 if v == 0 else v + f.before_w
            right = f.padded_width if v == f.width - 1 else v + f.before_w + 1
            total = real(0)
            for row in range(top, bottom):
                for column in range(left, right):
                    total += real(padded[(plane * f.padded_height + row) * f.padded_width + column])
            out[e] = total

    return fold
