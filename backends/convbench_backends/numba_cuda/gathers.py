# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel's parts
"""Index arithmetic of convolution: which element a tap reads. The one place where stride, dilation and padding count.

A pair of functions for each direction. `place_of` takes a place of the target, counted through all images, to its image
and the corner from which taps are counted; `element_of` takes a tap from there to the flat index of the element of the
source that it reads, or to -1 where it reads none. A tap is a row of geometry.taps_of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convbench_backends.numba_cuda.geometry import Gather
from convbench_backends.numba_cuda.jit import Array, device_function


@device_function
def window_of(g: Gather, place: int) -> tuple[int, int, int]:
    """Forward: the image of a place of y, and the top left corner of its window in x."""
    image = place // (g.target_height * g.target_width)
    pixel = place - image * g.target_height * g.target_width
    i = pixel // g.target_width
    j = pixel - i * g.target_width
    return image, i * g.stride_h - g.before_h, j * g.stride_w - g.before_w


@device_function
def element_of_window(g: Gather, groups: int, group: int, taps: Array, d: int, image: int, top: int, left: int) -> int:
    """Forward: the element of x that tap d of a window reads."""
    h: int = top + taps[d, 1]
    v: int = left + taps[d, 2]
    if g.edge:
        h = min(max(h, 0), g.source_height - 1)
        v = min(max(v, 0), g.source_width - 1)
    elif h < 0 or h >= g.source_height or v < 0 or v >= g.source_width:
        return -1
    channel: int = (image * groups + group) * g.channels + taps[d, 0]
    return (channel * g.source_height + h) * g.source_width + v


@device_function
def origin_of(g: Gather, place: int) -> tuple[int, int, int]:
    """Backward: the image of a place of x, and the place in the padded image."""
    image = place // (g.target_height * g.target_width)
    pixel = place - image * g.target_height * g.target_width
    h = pixel // g.target_width
    v = pixel - h * g.target_width
    return image, h + g.before_h, v + g.before_w


@device_function
def element_of_origin(g: Gather, groups: int, group: int, taps: Array, d: int, image: int, top: int, left: int) -> int:
    """Backward: the element of dy whose window has tap d at a place of the padded image."""
    down: int = top - taps[d, 1]
    along: int = left - taps[d, 2]
    if down < 0 or along < 0:
        return -1
    i = down // g.stride_h
    j = along // g.stride_w
    if i * g.stride_h != down or j * g.stride_w != along or i >= g.source_height or j >= g.source_width:
        return -1
    channel: int = (image * groups + group) * g.channels + taps[d, 0]
    return (channel * g.source_height + i) * g.source_width + j


@dataclass(frozen=True, slots=True)
class Indexing:
    """A direction's pair of functions."""

    place_of: Callable[[Gather, int], tuple[int, int, int]]
    element_of: Callable[[Gather, int, int, Array, int, int, int, int], int]


FORWARD = Indexing(window_of, element_of_window)
BACKWARD = Indexing(origin_of, element_of_origin)
