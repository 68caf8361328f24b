"""Index arithmetic: where each tap of each window reads, in plain NumPy, for every kernel of this backend.

Rules:
- A case of rank 1 is one of rank 2 with height 1, so a kernel knows images only.
- Kernels never compute a tap's place from stride, padding and dilation: they read it from a table made here.

    taps(axis), kernel 3, stride 2, size 5, one place of padding on each side:

        output      0   1   2
        tap 0      -1   1   3        -1: the tap lies on padding
        tap 1       0   2   4
        tap 2       1   3  -1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Conv, PaddingMode

Array = NDArray[Any]
Index = NDArray[np.int64]

PADDING = -1
"""Entry of a table of taps that lies on padding."""

_HEIGHT_ONE = Axis(size=1, kernel=1)


def image_axes(case: Case) -> tuple[Axis, Axis]:
    """Vertical and horizontal axis of a case that slides a window."""
    axes = case.axes
    return (axes[0], axes[1]) if len(axes) == 2 else (_HEIGHT_ONE, axes[0])


def taps(axis: Axis, mode: PaddingMode = "zeros") -> Index:
    """Input place of each tap of each output, (kernel, output); PADDING, or with "edge" the nearest place, outside."""
    outputs = np.arange(axis.output, dtype=np.int64) * axis.stride - axis.before
    places: Index = outputs + np.arange(axis.kernel, dtype=np.int64)[:, None] * axis.dilation
    if mode == "edge":
        return places.clip(0, axis.size - 1)
    places[(places < 0) | (places >= axis.size)] = PADDING
    return places


def spans(axis: Axis) -> Index:
    """Outputs whose tap lies on the input, (kernel, 3) for each tap: the first, how many, and the first one's place."""
    table = taps(axis)
    counts = (table != PADDING).sum(axis=1)
    lows = (table != PADDING).argmax(axis=1)
    places = lows * axis.stride - axis.before + np.arange(axis.kernel) * axis.dilation
    places[counts == 0] = 0
    stretches: Index = np.stack([lows, counts, places], axis=1)
    return stretches


def first_taps(vertical: Axis, horizontal: Axis) -> Index:
    """Number of the first tap of each window that lies on the input, row-major, (OH, OW)."""
    rows, columns = ((taps(axis) != PADDING).argmax(axis=0) for axis in (vertical, horizontal))
    numbers: Index = rows[:, None] * horizontal.kernel + columns
    return numbers


def window_places(vertical: Axis, horizontal: Axis) -> tuple[Index, Index]:
    """Place of each window's first tap in a flat plane, (OH, OW), negative on padding, and of each tap behind it."""
    i, j = np.arange(vertical.output), np.arange(horizontal.output)
    first = (
        (i * vertical.stride - vertical.before)[:, None] * horizontal.size + j * horizontal.stride - horizontal.before
    )
    r, s = np.arange(vertical.kernel) * vertical.dilation, np.arange(horizontal.kernel) * horizontal.dilation
    behind: Index = (r[:, None] * horizontal.size + s).ravel()
    return first, behind


@dataclass(frozen=True, slots=True)
class ConvShape:
    """Sizes of a convolution over a batch, as kernels name them."""

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    vertical: Axis
    horizontal: Axis

    @classmethod
    def of(cls, case: Case, batch: int) -> ConvShape:
        """Sizes of a convolution case."""
        operation = case.operation
        assert isinstance(operation, Conv)
        return cls(batch, operation.in_channels, operation.out_channels, operation.groups, *image_axes(case))

    @property
    def group_inputs(self) -> int:
        """Input channels that one filter sees."""
        return self.in_channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Filters of one group."""
        return self.out_channels // self.groups

    @property
    def patch(self) -> int:
        """Weights of one filter: group_inputs * R * S."""
        return self.group_inputs * self.vertical.kernel * self.horizontal.kernel

    @property
    def x(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (self.batch, self.in_channels, self.vertical.size, self.horizontal.size)

    @property
    def w(self) -> tuple[int, int, int, int]:
        """(K, C / groups, R, S)."""
        return (self.out_channels, self.group_inputs, self.vertical.kernel, self.horizontal.kernel)

    @property
    def y(self) -> tuple[int, int, int, int]:
        """(N, K, OH, OW)."""
        return (self.batch, self.out_channels, self.vertical.output, self.horizontal.output)
