"""The flat layout, for every shape: the buffers of implicit GEMM for y and dx, and of dot products for dw."""

from __future__ import annotations

from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import run_for, shares
from convbench_backends.numba_cpu.convolution.common import has_nan, multiply_add_ns, weights_of
from convbench_backends.numba_cpu.convolution.flat import implicit_gemm, weight_gradient
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan, order_of_sums
from convbench_backends.numba_cpu.convolution.flat.implicit_gemm import order_weights, weave_weights
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.convolution.flat.plan import make_plan, weight_order
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output

_WOVEN_NS = 0.3
"""About what it takes to transpose a weight into its block."""


class FlatConvolution:
    """One convolution by implicit GEMM: y from x, or dx from dy.

    `weights` (groups, targets, sources, R, S) holds the index in w of each weight; targets and sources are channels of
    a group.
    """

    def __init__(
        self,
        axes: tuple[FlatAxis, FlatAxis],
        weights: Index,
        batch: int,
        dtype: np.dtype[Any],
        threads: int,
        *,
        ordered: bool = False,
    ) -> None:
        """`ordered` says that weights are those of w as they lie, which are transposed in registers."""
        groups, filters, channels = weights.shape[:3]
        woven = ordered and groups == 1 and filters >= FILTERS
        plan = make_plan(
            axes, batch=batch, groups=groups, channels=channels, filters=filters, itemsize=dtype.itemsize,
            threads=threads, woven=woven,
        )  # fmt: skip
        self._tasks, self._tables = batch * groups * plan.bands, plan.tables
        area = plan.target_height * plan.target_width
        self._convolve = run_for(multiply_add_ns(batch * weights.size * area, dtype), implicit_gemm.convolve)
        if woven:
            self._order, self._bring = np.array([filters, weights[0, 0].size, plan.weights_gap]), weave_weights
            size = plan.blocks * (weights[0, 0].size * FILTERS + plan.weights_gap)
        else:
            self._order, self._bring = weight_order(axes, weights), order_weights
            size = self._order.size
        self._shares = shares(_WOVEN_NS * weights.size if woven else size, threads)
        self._w = aligned.empty(size, dtype)
        biases = np.zeros((groups, plan.blocks * FILTERS), dtype)
        self._biases, self._b = biases.reshape(-1), biases[:, :filters]
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, groups * filters, plan.target_height, plan.target_width), dtype)

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> FlatConvolution:
        """Y from x."""
        axes = forward_axis(shape.vertical), forward_axis(shape.horizontal)
        return cls(axes, weights_of(shape), shape.batch, dtype, threads, ordered=True)

    @classmethod
    def gradient(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> FlatConvolution:
        """Dx from dy."""
        axes = gradient_axis(shape.vertical), gradient_axis(shape.horizontal)
        return cls(axes, weights_of(shape).swapaxes(1, 2), shape.batch, dtype, threads)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        if b is not None:
            self._b[...] = b.reshape(self._b.shape)
        self._bring(self._shares, w, self._order, self._w)
        target = self._output.take()
        self._convolve(self._tasks, source, self._w, self._biases, *self._tables, self._work, target)
        return target


class DotWeightGradients:
    """dw and db as long dot products over the flat layout of layout.py.

    A dw that is not finite is computed again without the zeros between rows, which make NaN of x that is not finite.
    """

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_dot_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._tasks, self._tables, self._order = plan.shares * plan.groups, plan.tables, order_of_sums(shape, plan)
        products = multiply_add_ns(prod(shape.y) * shape.patch, dtype)
        self._add_images = run_for(products, weight_gradient.add_images)
        self._shares = shares(self._order.size * plan.shares, threads)
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._sums = np.empty((plan.shares, plan.share_size), dtype)
        self._dw = Output(shape.w, dtype)
        self._biases = np.empty((plan.shares, shape.out_channels))
        self._traces = np.zeros(threads, dtype)
        self._without_gaps = cache(partial(WeightGradient, shape, dtype, threads))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        self._add_images(self._tasks, x, dy, *self._tables, self._work, self._sums, self._biases)
        dw, db = self._dw.take(), np.empty(self._biases.shape[1], x.dtype)
        self._traces.fill(0)
        weight_gradient.collect(self._shares, self._sums, self._order, self._biases, dw, db, self._traces)
        return self._without_gaps()(x, dy) if has_nan(self._traces) else (dw, db)
