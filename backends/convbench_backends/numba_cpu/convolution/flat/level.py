"""The flat layout, for every shape: the buffers of implicit GEMM for y and dx, and of dot products for dw."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.convolution.common import weights_of
from convbench_backends.numba_cpu.convolution.flat import implicit_gemm, weight_gradient
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan, order_of_sums
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.convolution.flat.plan import make_plan, weight_order
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output


class FlatConvolution:
    """One convolution by implicit GEMM: y from x, or dx from dy.

    `weights` (groups, targets, sources, R, S) holds the index in w of each weight; targets and sources are channels of
    a group.
    """

    def __init__(
        self, axes: tuple[FlatAxis, FlatAxis], weights: Index, batch: int, dtype: np.dtype[Any], threads: int
    ) -> None:
        groups, self._filters, channels = weights.shape[:3]
        plan = make_plan(
            axes, batch=batch, groups=groups, channels=channels, filters=self._filters, itemsize=dtype.itemsize,
            threads=threads,
        )  # fmt: skip
        self._tasks, self._tables = batch * groups * plan.bands, plan.tables
        self._order = weight_order(axes, weights)
        self._w = np.empty(self._order.size, dtype)
        self._b = np.zeros((groups, plan.blocks * FILTERS), dtype)
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, groups * self._filters, plan.target_height, plan.target_width), dtype)

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> FlatConvolution:
        """Y from x."""
        axes = forward_axis(shape.vertical), forward_axis(shape.horizontal)
        return cls(axes, weights_of(shape), shape.batch, dtype, threads)

    @classmethod
    def gradient(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> FlatConvolution:
        """Dx from dy."""
        axes = gradient_axis(shape.vertical), gradient_axis(shape.horizontal)
        return cls(axes, weights_of(shape).swapaxes(1, 2), shape.batch, dtype, threads)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        if b is not None:
            self._b[:, : self._filters] = b.reshape(-1, self._filters)
        implicit_gemm.order_weights(len(self._work), w, self._order, self._w)
        target = self._output.take()
        biases = self._b.reshape(-1)
        implicit_gemm.convolve(self._tasks, source, self._w, biases, *self._tables, self._work, target)
        return target


class DotWeightGradients:
    """dw and db as long dot products over the flat layout of layout.py.

    A dw that is not finite is computed again without the zeros between rows, which make NaN of x that is not finite.
    """

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_dot_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._tasks, self._tables, self._order = plan.shares * plan.groups, plan.tables, order_of_sums(shape, plan)
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._sums = np.empty((plan.shares, plan.share_size), dtype)
        self._biases = np.empty((plan.shares, shape.out_channels))
        self._traces = np.zeros(threads, dtype)
        self._without_gaps = cache(partial(WeightGradient, shape, dtype, threads))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        weight_gradient.add_images(
            self._tasks, x, dy, *self._tables, self._work, self._sums, self._biases
        )  # fmt: skip
        dw = np.empty(self._order.size, x.dtype)
        self._traces[:] = 0
        weight_gradient.collect(len(self._work), self._sums, self._order, dw, self._traces)
        if np.isnan(self._traces).any():
            return self._without_gaps()(x, dy)
        return dw, self._biases.sum(axis=0).astype(x.dtype)
