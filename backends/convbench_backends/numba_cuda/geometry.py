"""The numbers that kernels need of a case: plain tuples, for a kernel takes nothing else. Imports no framework.

A convolution is three sums over taps that read some source at places that a target names:

    forward   target y, source x:  y  at place o  reads x  at o * stride - before + tap * dilation
    dx        target x, source dy: dx at place p  reads dy at (p + before - tap * dilation) / stride, where whole
    dw        the product of dy with what forward reads, summed over all places

Padding by the edge makes dx two steps: the gradient of the padded image, then `fold` of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Conv

ONE_ROW = Axis(size=1, kernel=1)
"""The axis that a signal of rank 1 lacks to be an image."""


class Gather(NamedTuple):
    """A sum over taps, for each filter of each group and each place of each image.

    `target_*` count what is computed, `source_*` what is read; channels and filters are those of a group. Weights lie
    flat: group * group_step + filter * filter_step + channel * channel_step + tap.
    """

    images: int
    filters: int
    target_height: int
    target_width: int
    channels: int
    source_height: int
    source_width: int
    stride_h: int
    stride_w: int
    before_h: int
    before_w: int
    edge: int
    depth: int
    group_step: int
    filter_step: int
    channel_step: int


class Slide(NamedTuple):
    """A pooling window over planes."""

    height: int
    width: int
    out_height: int
    out_width: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    before_h: int
    before_w: int


class Fold(NamedTuple):
    """An image inside its padding."""

    height: int
    width: int
    padded_height: int
    padded_width: int
    before_h: int
    before_w: int


def image_axes(case: Case) -> tuple[Axis, Axis]:
    """The axes of rows and columns; a signal of rank 1 is an image of one row."""
    return (case.axes[0], case.axes[1]) if len(case.axes) == 2 else (ONE_ROW, case.axes[0])


def forward_gather(case: Case, images: int) -> Gather:
    """How y reads x."""
    operation = case.operation
    assert isinstance(operation, Conv)
    rows, columns = image_axes(case)
    filters, channels = operation.out_channels // operation.groups, operation.in_channels // operation.groups
    taps = rows.kernel * columns.kernel
    return Gather(
        images=images,
        filters=filters,
        target_height=rows.output,
        target_width=columns.output,
        channels=channels,
        source_height=rows.size,
        source_width=columns.size,
        stride_h=rows.stride,
        stride_w=columns.stride,
        before_h=rows.before,
        before_w=columns.before,
        edge=int(operation.padding_mode == "edge"),
        depth=channels * taps,
        group_step=filters * channels * taps,
        filter_step=channels * taps,
        channel_step=taps,
    )


def backward_gather(case: Case, images: int) -> Gather:
    """How dx reads dy; the dx of the padded image where padding repeats the edge."""
    forward = forward_gather(case, images)
    rows, columns = image_axes(case)
    taps = rows.kernel * columns.kernel
    gather = forward._replace(
        filters=forward.channels,
        channels=forward.filters,
        target_height=rows.size,
        target_width=columns.size,
        source_height=rows.output,
        source_width=columns.output,
        edge=0,
        depth=forward.filters * taps,
        filter_step=taps,
        channel_step=forward.channels * taps,
    )
    if not forward.edge:
        return gather
    return gather._replace(target_height=rows.padded, target_width=columns.padded, before_h=0, before_w=0)


def fold_of(case: Case) -> Fold:
    """Where the image lies in its padding."""
    rows, columns = image_axes(case)
    return Fold(rows.size, columns.size, rows.padded, columns.padded, rows.before, columns.before)


def slide_of(case: Case) -> Slide:
    """The window of a pool."""
    rows, columns = image_axes(case)
    return Slide(
        height=rows.size,
        width=columns.size,
        out_height=rows.output,
        out_width=columns.output,
        kernel_h=rows.kernel,
        kernel_w=columns.kernel,
        stride_h=rows.stride,
        stride_w=columns.stride,
        dilation_h=rows.dilation,
        dilation_w=columns.dilation,
        before_h=rows.before,
        before_w=columns.before,
    )


def taps_of(case: Case, channels: int) -> NDArray[np.int32]:
    """(channels * R * S, 4): the channel, row offset, column offset and number of each tap, so that none is divided."""
    rows, columns = image_axes(case)
    channel, r, s = np.indices((channels, rows.kernel, columns.kernel)).reshape(3, -1)
    table = [channel, r * rows.dilation, s * columns.dilation, r * columns.kernel + s]
    return np.ascontiguousarray(np.stack(table, axis=1), np.int32)
