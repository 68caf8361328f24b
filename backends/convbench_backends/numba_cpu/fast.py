"""Convolution on the fast level: plans and buffers for the kernels of implicit_gemm.py and weight_gradient.py.

Weights are brought into the kernels' order within each call, since a training step changes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu import implicit_gemm as gemm
from convbench_backends.numba_cpu import weight_gradient as dot
from convbench_backends.numba_cpu.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.flat import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.flat_plan import make_plan, weight_order
from convbench_backends.numba_cpu.geometry import ConvShape, Index
from convbench_backends.numba_cpu.outputs import Output
from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_specs import Case, Prepared, Tensors

Array = NDArray[Any]


class FlatConvolution:
    """One convolution over a batch by implicit GEMM: y from x, or dx from dy; see flat.py.

    `weights` (groups, targets, sources, R, S) holds the index in w of each weight; targets and sources are channels of a
    group.
    """

    def __init__(
        self, axes: tuple[FlatAxis, FlatAxis], weights: Index, batch: int, dtype: np.dtype[Any], threads: int
    ) -> None:
        groups, filters, channels = weights.shape[:3]
        plan = make_plan(
            *axes,
            batch=batch,
            groups=groups,
            channels=channels,
            filters=filters,
            itemsize=dtype.itemsize,
            threads=threads,
        )
        self._tables = plan.tables
        self._tasks = batch * groups * plan.bands
        self._order = weight_order(*axes, weights)
        self._w = np.empty(self._order.size, dtype)
        self._b = np.zeros((groups, plan.blocks * FILTERS), dtype)
        self._filters = filters
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, groups * filters, plan.target_height, plan.target_width), dtype)

    def __call__(self, source: Array, w: Array, b: Array | None = None) -> Array:
        """The target, flat; source and w are flat too."""
        if b is not None:
            self._b[:, : self._filters] = b.reshape(-1, self._filters)
        gemm.order_weights(len(self._work), w, self._order, self._w)
        target = self._output.take()
        gemm.convolve(self._tasks, source, self._w, self._b.reshape(-1), *self._tables, self._work, target)
        return target


class WeightGradient:
    """dw and db of a convolution over a batch."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_dot_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._tables, self._order = plan.tables, plan.order
        self._tasks = plan.shares * plan.groups
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._sums = np.empty((plan.shares, plan.share_size), dtype)
        self._biases = np.empty((plan.shares, shape.out_channels))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """dw, flat, and db; x and dy are flat."""
        dot.weight_gradient(self._tasks, x, dy, *self._tables, self._work, self._sums, self._biases)
        dw = np.empty(self._order.size, x.dtype)
        dot.collect(len(self._work), self._sums, self._order, dw)
        return dw, self._biases.sum(axis=0).astype(x.dtype)


def conv(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """Any convolution padded with zeros."""
    assert tensors.w is not None
    n, dtype = len(tensors.x), tensors.x.dtype
    shape = ConvShape.of(case, n)
    x, dy, w = tensors.x.reshape(-1).copy(), tensors.dy.reshape(-1).copy(), tensors.w.reshape(-1).copy()
    b = None if tensors.b is None else tensors.b.copy()
    weights = np.arange(w.size).reshape(shape.groups, shape.group_outputs, *shape.w[1:])
    axes = shape.vertical, shape.horizontal
    output = FlatConvolution((forward_axis(axes[0]), forward_axis(axes[1])), weights, n, dtype, threads)
    back = gradient_axis(axes[0]), gradient_axis(axes[1])
    input_gradient = FlatConvolution(back, weights.swapaxes(1, 2), n, dtype, threads)
    weight_gradient = WeightGradient(shape, dtype, threads)
    x_shape, y_shape, w_shape = case.x_shape(n), case.y_shape(n), shape.w if case.w_shape is None else case.w_shape

    def forward() -> Array:
        return output(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = input_gradient(dy, w)
        dw, db = weight_gradient(x, dy)
        return dx.reshape(x_shape), dw.reshape(w_shape), None if b is None else db

    return Prepared(forward=forward, backward=backward, algorithm="implicit GEMM")
