# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""Pooling kernels over planes: a thread an output, neighbours on neighbouring places; no two write the same element.

The maximum's forward notes where it was found, as a byte could not for any window: the flat index in its plane. Its
gradient is gathered: an element asks each window that covers it whether it was the maximum, so that nothing is atomic.
`s` is a geometry.Slide; x and dx are (planes, H, W), y, where and dy (planes, OH, OW), flat.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from convbench_backends.numba_cuda.geometry import Slide
from convbench_backends.numba_cuda.jit import Array, Real, cuda, kernel


@cache
def maximum_kernel(real: Real) -> Any:
    """The kernel (x, planes, s, y, where): y, and the index in its plane of each window's first maximum."""

    @kernel
    def maximum(x: Array, planes: int, s: Slide, y: Array, where: Array) -> None:
        places = s.out_height * s.out_width
        for e in range(cuda.grid(1), planes * places, cuda.gridsize(1)):
            plane = e // places
            top = e // s.out_width % s.out_height * s.stride_h - s.before_h
            left = e % s.out_width * s.stride_w - s.before_w
            found = -1
            largest = real(0)
            for r in range(s.kernel_h):
                h = top + r * s.dilation_h
                if h < 0 or h >= s.height:
                    continue
                for t in range(s.kernel_w):
                    v = left + t * s.dilation_w
                    if v < 0 or v >= s.width:
                        continue
                    value = real(x[(plane * s.height + h) * s.width + v])
                    # NaN compares with nothing: not smaller, so it wins, and nothing wins against it
                    if found < 0 or (largest == largest and not value <= largest):  # noqa: PLR0124
                        largest = value
                        found = h * s.width + v
            y[e] = largest
            where[e] = found

    return maximum


@cache
def maximum_gradient_kernel(real: Real) -> Any:
    """The kernel (dy, where, planes, s, dx)."""

    @kernel
    def maximum_gradient(dy: Array, where: Array, planes: int, s: Slide, dx: Array) -> None:
        for e in range(cuda.grid(1), planes * s.height * s.width, cuda.gridsize(1)):
            plane = e // (s.height * s.width)
            own = e - plane * s.height * s.width
            total = real(0)
            for r in range(s.kernel_h):
                down = own // s.width + s.before_h - r * s.dilation_h
                i = down // s.stride_h
                if down < 0 or i * s.stride_h != down or i >= s.out_height:
                    continue
                for t in range(s.kernel_w):
                    along = own % s.width + s.before_w - t * s.dilation_w
                    j = along // s.stride_w
                    if along < 0 or j * s.stride_w != along or j >= s.out_width:
                        continue
                    window = (plane * s.out_height + i) * s.out_width + j
                    if where[window] == own:
                        total += real(dy[window])
            dx[e] = total

    return maximum_gradient


@cache
def average_kernel(real: Real) -> Any:
    """The kernel (x, planes, s, down, along, y): the sum of a window, divided by down[i] * along[j]."""

    @kernel
    def average(x: Array, planes: int, s: Slide, down: Array, along: Array, y: Array) -> None:
        places = s.out_height * s.out_width
        for e in range(cuda.grid(1), planes * places, cuda.gridsize(1)):
            plane = e // places
            i = e // s.out_width % s.out_height
            j = e % s.out_width
            total = real(0)
            for r in range(s.kernel_h):
                h = i * s.stride_h - s.before_h + r * s.dilation_h
                if h < 0 or h >= s.height:
                    continue
                for t in range(s.kernel_w):
                    v = j * s.stride_w - s.before_w + t * s.dilation_w
                    if 0 <= v < s.width:
                        total += real(x[(plane * s.height + h) * s.width + v])
            y[e] = total / real(down[i] * along[j])

    return average


@cache
def average_gradient_kernel(real: Real) -> Any:
    """The kernel (dy, planes, s, down, along, dx)."""

    @kernel
    def average_gradient(dy: Array, planes: int, s: Slide, down: Array, along: Array, dx: Array) -> None:
        for e in range(cuda.grid(1), planes * s.height * s.width, cuda.gridsize(1)):
            plane = e // (s.height * s.width)
            total = real(0)
            for r in range(s.kernel_h):
                place = e // s.width % s.height + s.before_h - r * s.dilation_h
                i = place // s.stride_h
                if place < 0 or i * s.stride_h != place or i >= s.out_height:
                    continue
                for t in range(s.kernel_w):
                    place = e % s.width + s.before_w - t * s.dilation_w
                    j = place // s.stride_w
                    if place < 0 or j * s.stride_w != place or j >= s.out_width:
                        continue
                    total += real(dy[(plane * s.out_height + i) * s.out_width + j]) / real(down[i] * along[j])
            dx[e] = total

    return average_gradient
