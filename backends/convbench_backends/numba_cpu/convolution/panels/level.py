"""Convolution as a product of packed matrices: the buffers of its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import ROUNDS
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


class PanelProduct:
    """y from x, or dx from dy."""

    def __init__(self, source: Source, target: Target, dtype: np.dtype[Any], threads: int, *, turned: bool) -> None:
        """`turned` says that w is (taps, filters) of this product, as the weights of y are for dx."""
        plan = make_product_plan(source, target, itemsize=dtype.itemsize, threads=threads)
        self._plan, self._tables, self._threads = plan, (plan.record, *source.tables), threads
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
        self._pack(ROUNDS * self._threads, w, self._sizes, self._w)
        target = self._output.take()
        product.convolve(
            self._plan.tasks, source, self._w, self._b, *self._tables, self._pieces, self._work, target
        )  # fmt: skip
        return target


class PanelWeightGradients:
    """dw and db."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        source = Source.of_x(shape)
        plan = make_gradient_plan(source, shape.out_channels, itemsize=dtype.itemsize, threads=threads)
        self._plan, self._tables, self._threads = plan, (plan.record, *source.tables), threads
        self._dy_shape = shape.batch, shape.out_channels, shape.y[2] * shape.y[3]
        self._size = shape.out_channels * shape.patch
        self._pieces, self._work = _buffers(plan, dtype, threads)
        self._zeros = np.zeros(FILTERS, dtype)

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """dw, flat, and db."""
        dw, db = np.empty(self._size, x.dtype), np.empty(self._dy_shape[1])
        bias_gradient(ROUNDS * self._threads, dy.reshape(self._dy_shape), db)
        product.weight_gradient(
            self._plan.tasks, x, dy, self._zeros, *self._tables, self._pieces, self._work, dw
        )  # fmt: skip
        return dw, db.astype(x.dtype)


def _buffers(plan: ProductPlan, dtype: np.dtype[Any], threads: int) -> tuple[Array, Array]:
    """(pieces, packed panels and sums), for each thread."""
    return np.empty((threads, plan.pieces, 5), np.int64), aligned.zeros((threads, plan.work_size), dtype)
