"""Convolution as a product of packed matrices: the buffers of its kernels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import run_for, shares
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.common import multiply_add_ns
from convbench_backends.numba_cpu.convolution.few_places.kernels import bias_gradient
from convbench_backends.numba_cpu.convolution.panels import packing, product
from convbench_backends.numba_cpu.convolution.panels.plan import (
    ProductPlan,
    Source,
    Target,
    make_gradient_plan,
    make_product_plan,
    product_of_dy,
    product_of_x,
)
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output

_PACKED_NS, _SUMMED_NS, _TAP_NS = 0.3, 0.2, 10.0
"""About what it takes to bring a weight into its block, to sum a number of dy, and to pack a vector of a tap."""


class PanelProduct:
    """y from x, or dx from dy."""

    def __init__(self, source: Source, target: Target, dtype: np.dtype[Any], threads: int, *, turned: bool) -> None:
        """`turned` says that w is (taps, filters) of this product, as the weights of y are for dx."""
        plan = make_product_plan(source, target, itemsize=dtype.itemsize, threads=threads)
        self._tasks, self._tables = plan.tasks, (plan.record, *source.tables)
        weights = target.filters * source.channels * source.window
        self._convolve = run_for(_product_ns(source, target.filters, dtype), product.convolve)
        self._shares = shares(_PACKED_NS * weights, threads)
        self._pack = packing.pack_weights_turned if turned else packing.pack_weights
        self._sizes = np.array([target.filters, source.channels * source.window, plan.block_size])
        self._w = aligned.empty(plan.blocks * plan.block_size, dtype)
        self._b = np.zeros(plan.blocks * FILTERS, dtype)
        self._pieces, self._work = _buffers(plan, dtype, threads)
        self._output = Output((source.batch, target.filters, target.height, target.width), dtype)

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> PanelProduct:
        """Y from x."""
        return cls(*product_of_x(shape), dtype, threads, turned=False)

    @classmethod
    def gradient(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> PanelProduct:
        """Dx from dy, for windows of one place."""
        return cls(*product_of_dy(shape), dtype, threads, turned=True)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        if b is not None:
            self._b[: len(b)] = b
        self._pack(self._shares, w, self._sizes, self._w)
        target = self._output.take()
        self._convolve(
            self._tasks, source, self._w, self._b, *self._tables, self._pieces, self._work, target
        )  # fmt: skip
        return target


class PanelWeightGradients:
    """dw and db."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        source = Source.of_x(shape)
        plan = make_gradient_plan(source, shape.out_channels, itemsize=dtype.itemsize, threads=threads)
        self._tasks, self._tables = plan.tasks, (plan.record, *source.tables)
        self._weight_gradient = run_for(_product_ns(source, shape.out_channels, dtype), product.weight_gradient)
        self._shares = shares(_SUMMED_NS * prod(shape.y), threads)
        self._dy_shape = shape.batch, shape.out_channels, shape.y[2] * shape.y[3]
        self._dw = Output((shape.out_channels, shape.patch), dtype)
        self._pieces, self._work = _buffers(plan, dtype, threads)
        self._zeros = np.zeros(FILTERS, dtype)

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """dw, flat, and db."""
        dw, db = self._dw.take(), np.empty(self._dy_shape[1])
        bias_gradient(self._shares, dy.reshape(self._dy_shape), db)
        self._weight_gradient(
            self._tasks, x, dy, self._zeros, *self._tables, self._pieces, self._work, dw
        )  # fmt: skip
        return dw, db.astype(x.dtype)


def _product_ns(source: Source, filters: int, dtype: np.dtype[Any]) -> float:
    """About how long one thread takes for a product."""
    taps = source.channels * source.window
    packed = taps * -(-source.places // lanes_of(dtype.itemsize))
    return multiply_add_ns(source.places * taps * filters, dtype) + _TAP_NS * packed


def _buffers(plan: ProductPlan, dtype: np.dtype[Any], threads: int) -> tuple[Array, Array]:
    """(pieces, packed panels and sums), for each thread."""
    return np.empty((threads, plan.pieces, 5), np.int64), aligned.zeros((threads, plan.work_size), dtype)
