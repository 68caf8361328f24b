"""The gradient of few input channels in numbers: what it needs to be taken by columns, and how a band of them is cut.

Choices made here, from sizes alone:
- needed    stride 1, and enough filters and taps that a product has whole blocks
- bands     rows of dy whose columns stay, with dy itself, in half of a second-level cache of 1 MB
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import block_order, block_widths, odd_lines
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import ConvShape, Index, spans

_BAND_BYTES = 512 * 1024
"""Columns of a band and what they are made from."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What the kernel of gradient.py looks up; lengths and places count elements.

    rows, columns: what each tap reaches along an axis, see geometry.spans. offsets: of the filters in dy.
    """

    groups: int
    channels: int
    filters: int
    height: int
    width: int
    target_height: int
    target_width: int
    bands: int
    blocks: int
    last_block: int
    pitch: int
    work_size: int
    rows: Index
    columns: Index
    offsets: Index

    @property
    def tables(self) -> tuple[NDArray[Any], Index, Index, Index]:
        """What the kernel takes: the numbers as a record, rows, columns, offsets."""
        names = [field.name for field in fields(self)][:-3]
        record = np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])
        return record, self.rows, self.columns, self.offsets


def why_no_columns(shape: ConvShape, itemsize: int) -> str:
    """What keeps dx from being the sum of columns; "" where nothing does."""
    if not shape.vertical.stride == shape.horizontal.stride == 1:
        return "its columns are added at stride 1 alone"
    if min(shape.group_outputs, shape.patch) < FILTERS:
        return f"its blocks need {FILTERS} filters a group and weights of a filter at least"
    lanes = lanes_of(itemsize)
    return "" if shape.vertical.output * shape.horizontal.output >= lanes else f"it needs {lanes} places at least"


def make_column_plan(shape: ConvShape, *, itemsize: int) -> ColumnPlan:
    """The plan of the gradient of the input by columns."""
    height, width, lanes = shape.vertical.output, shape.horizontal.output, lanes_of(itemsize)
    row_bytes = (shape.patch + shape.group_outputs) * width * itemsize
    fitting = max(_BAND_BYTES // row_bytes, -(-lanes // width))  # a sweep in place needs a whole vector
    bands = max(1, height // fitting)
    widths = block_widths(shape.patch)
    pitch = odd_lines(-(-height // bands) * width, lanes)
    return ColumnPlan(
        groups=shape.groups,
        channels=shape.group_inputs,
        filters=shape.group_outputs,
        height=height,
        width=width,
        target_height=shape.vertical.size,
        target_width=shape.horizontal.size,
        bands=bands,
        blocks=len(widths),
        last_block=widths[-1],
        pitch=pitch,
        work_size=sum(widths) * pitch,
        rows=spans(shape.vertical),
        columns=spans(shape.horizontal),
        offsets=np.arange(shape.group_outputs, dtype=np.int64) * height * width,
    )


def column_order(shape: ConvShape) -> Index:
    """Order in which the kernel reads weights, as indices of w: group, block of taps, filter, tap of the block."""
    weights = np.arange(shape.out_channels * shape.patch).reshape(shape.groups, shape.group_outputs, shape.patch)
    return np.concatenate([block for group in weights for block in block_order(group.T)])
