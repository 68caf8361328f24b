"""Index arithmetic of convolution: which element a tap reads. The one place where stride, dilation and padding count.

A pair of functions for each direction. `place_of` takes a place of the target, counted through all images, to its image
and the corner from which taps are counted; `element_of` takes a tap from there to the flat index of the element of the
source that it reads, or to -1 where it reads none. A tap is a row of geometry.taps_of.
"""

from __future__ import annotations

from numba import cuda  # type: ignore[import-untyped]  # numba has no annotations


@cuda.jit(device=True)
def window_of(g, place):
    """Forward: the image of a place of y, and the top left corner of its window in x."""
    image = place // (g.target_height * g.target_width)
    pixel = place - image * g.target_height * g.target_width
    i = pixel // g.target_width
    j = pixel - i * g.target_width
    return image, i * g.stride_h - g.before_h, j * g.stride_w - g.before_w


@cuda.jit(device=True)
def element_of_window(g, groups, group, taps, d, image, top, left):
    """Forward: the element of x that tap d of a window reads."""
    h = top + taps[d, 1]
    v = left + taps[d, 2]
    if g.edge:
        h = min(max(h, 0), g.source_height - 1)
        v = min(max(v, 0), g.source_width - 1)
    elif h < 0 or h >= g.source_height or v < 0 or v >= g.source_width:
        return -1
    channel = (image * groups + group) * g.channels + taps[d, 0]
    return (channel * g.source_height + h) * g.source_width + v


@cuda.jit(device=True)
def origin_of(g, place):
    """Backward: the image of a place of x, and the place in the padded image."""
    image = place // (g.target_height * g.target_width)
    pixel = place - image * g.target_height * g.target_width
    h = pixel // g.target_width
    v = pixel - h * g.target_width
    return image, h + g.before_h, v + g.before_w


@cuda.jit(device=True)
def element_of_origin(g, groups, group, taps, d, image, top, left):
    """Backward: the element of dy whose window has tap d at a place of the padded image."""
    down = top - taps[d, 1]
    along = left - taps[d, 2]
    if down < 0 or along < 0:
        return -1
    i = down // g.stride_h
    j = along // g.stride_w
    if i * g.stride_h != down or j * g.stride_w != along or i >= g.source_height or j >= g.source_width:
        return -1
    channel = (image * groups + group) * g.channels + taps[d, 0]
    return (channel * g.source_height + i) * g.source_width + j


FORWARD = (window_of, element_of_window)
BACKWARD = (origin_of, element_of_origin)
