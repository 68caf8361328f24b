"""The gradient of few input channels by columns: the buffers of its kernel."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import run_for, shares
from convbench_backends.numba_cpu.convolution.columns import gradient
from convbench_backends.numba_cpu.convolution.columns.plan import column_order, make_column_plan
from convbench_backends.numba_cpu.convolution.common import multiply_add_ns
from convbench_backends.numba_cpu.convolution.flat import implicit_gemm
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output


class ColumnGradient:
    """dx of few channels."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_column_plan(shape, itemsize=dtype.itemsize)
        self._tasks, self._tables = shape.batch * shape.groups, plan.tables
        self._order = column_order(shape)
        products = multiply_add_ns(prod(shape.y) * shape.patch, dtype)
        self._input_gradient = run_for(products, gradient.input_gradient)
        self._shares = shares(self._order.size, threads)
        self._w = np.empty(self._order.size, dtype)
        self._zeros = np.zeros(FILTERS, dtype)
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._output = Output(shape.x, dtype)

    def __call__(self, dy: Array, w: Array, _: Array | None) -> Array:
        """dx; everything is flat."""
        implicit_gemm.order_weights(self._shares, w, self._order, self._w)
        dx = self._output.take()
        self._input_gradient(self._tasks, dy, self._w, self._zeros, *self._tables, self._work, dx)
        return dx
