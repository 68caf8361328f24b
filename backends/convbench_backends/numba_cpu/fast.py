"""Convolution on the fast level: plans and buffers for the kernels of implicit_gemm.py and weight_gradient.py.

Weights are brought into the kernels' order within each call, since a training step changes them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu import depthwise as planewise
from convbench_backends.numba_cpu import implicit_gemm as gemm
from convbench_backends.numba_cpu import weight_gradient as dot
from convbench_backends.numba_cpu import winograd, winograd_gradient
from convbench_backends.numba_cpu.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.flat import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.flat_plan import make_plan, weight_order
from convbench_backends.numba_cpu.geometry import ConvShape, Index
from convbench_backends.numba_cpu.outputs import Output
from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_backends.numba_cpu.winograd_plan import (
    PRODUCTS,
    make_gradient_plan,
    make_winograd_plan,
    takes_winograd,
)
from convbench_specs import Axis, Case, Prepared, Tensors

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


class WinogradConvolution:
    """One 3 x 3 convolution over a batch by Winograd: y from x, or dx from dy; see winograd.py.

    `axes` are those of the convolution that is computed; `steps` as in winograd.transform_weights.
    """

    def __init__(
        self, axes: tuple[Axis, Axis], channels: int, filters: int, steps: Index, batch: int, dtype: np.dtype[Any],
        threads: int,
    ) -> None:  # fmt: skip
        self._plan = make_winograd_plan(
            axes, batch=batch, channels=channels, filters=filters, itemsize=dtype.itemsize, threads=threads
        )
        self._tables = self._plan.tables
        self._steps = steps
        self._u = np.empty(PRODUCTS * self._plan.blocks * self._plan.weight_pitch, dtype)
        self._zeros = np.zeros(max(FILTERS, filters), dtype)
        self._work = np.zeros((threads, self._plan.work_size), dtype)
        self._output = Output((batch, filters, axes[0].output, axes[1].output), dtype)

    def __call__(self, source: Array, w: Array, b: Array | None = None) -> Array:
        """The target, flat; source and w are flat too."""
        winograd.transform_weights(len(self._work), w, self._tables[0], self._steps, self._u)
        target, b = self._output.take(), self._zeros if b is None else b
        winograd.convolve(self._plan.tasks, source, self._u, b, *self._tables, self._zeros, self._work, target)
        return target


def winograd_pair(
    shape: ConvShape, dtype: np.dtype[Any], threads: int
) -> tuple[WinogradConvolution, WinogradConvolution]:
    """y from x, and dx from dy: a convolution with the weights transposed and reversed, padded to give x's size."""
    axes = shape.vertical, shape.horizontal
    back = tuple(replace(axis, size=axis.output, before=2 - axis.before, after=axis.size + axis.before - axis.output) for axis in axes)
    channels, filters = shape.in_channels, shape.out_channels
    steps, reverse = np.array([0, 9 * channels, 9, 1]), np.array([8, 9, 9 * channels, -1])
    return (
        WinogradConvolution(axes, channels, filters, steps, shape.batch, dtype, threads),
        WinogradConvolution((back[0], back[1]), filters, channels, reverse, shape.batch, dtype, threads),
    )


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


class WinogradWeightGradient:
    """dw and db of a 3 x 3 convolution over a batch by Winograd."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_gradient_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._plan = plan.table
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._m = np.empty((threads, PRODUCTS * plan.m_step), dtype)
        self._biases = np.empty((threads, shape.out_channels), dtype)
        self._size = 9 * shape.in_channels * shape.out_channels

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """dw, flat, and db; x and dy are flat."""
        winograd_gradient.add_images(len(self._work), x, dy, self._plan, self._work, self._m, self._biases)
        dw = np.empty(self._size, x.dtype)
        winograd_gradient.finish(len(self._work), self._m, self._plan, dw)
        return dw, self._biases.sum(axis=0)


def depthwise(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """A depthwise convolution that depthwise.py can do."""
    assert tensors.w is not None
    n, dtype, tasks = len(tensors.x), tensors.x.dtype, 4 * threads
    shape = ConvShape.of(case, n)
    vertical, horizontal = shape.vertical, shape.horizontal
    x, dy = tensors.x.reshape(shape.x).copy(), tensors.dy.reshape(shape.y).copy()
    planes, dy_planes = x.reshape(-1, *x.shape[2:]), dy.reshape(-1, *dy.shape[2:])
    w = tensors.w.reshape(shape.out_channels, -1).copy()
    none = np.zeros(shape.out_channels, dtype)
    b = none if tensors.b is None else tensors.b.copy()
    before = np.array([vertical.before, horizontal.before])
    y_output, dx_output = Output(shape.y, dtype), Output(shape.x, dtype)
    x_shape, y_shape, has_bias = case.x_shape(n), case.y_shape(n), tensors.b is not None

    def forward() -> Array:
        y = y_output.take()
        planewise.filter_planes(tasks, planes, w, b, before, y.reshape(dy_planes.shape))
        return y.reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx, sums = dx_output.take(), np.empty((shape.out_channels, w.shape[1] + 1), dtype)
        reversed_w = np.ascontiguousarray(w[:, ::-1])
        planewise.filter_planes(tasks, dy_planes, reversed_w, none, planewise.KERNEL - 1 - before, dx.reshape(planes.shape))
        planewise.weight_gradients(tasks, x, dy, before, sums)
        dw = np.ascontiguousarray(sums[:, :-1]).reshape(case.w_shape)
        return dx.reshape(x_shape), dw, sums[:, -1].copy() if has_bias else None

    return Prepared(forward=forward, backward=backward, algorithm="depthwise, running rows")


def takes_depthwise(shape: ConvShape) -> bool:
    """Whether depthwise.py can do it: one filter a channel, 3 x 3, stride and dilation 1."""
    axes = shape.vertical, shape.horizontal
    one_filter = shape.groups == shape.in_channels == shape.out_channels
    return one_filter and all((a.kernel, a.stride, a.dilation) == (planewise.KERNEL, 1, 1) for a in axes)


def conv(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """Any convolution padded with zeros."""
    if takes_depthwise(ConvShape.of(case, len(tensors.x))):
        return depthwise(case, tensors, threads)
    assert tensors.w is not None
    n, dtype = len(tensors.x), tensors.x.dtype
    shape = ConvShape.of(case, n)
    x, dy, w = tensors.x.reshape(-1).copy(), tensors.dy.reshape(-1).copy(), tensors.w.reshape(-1).copy()
    b = None if tensors.b is None else tensors.b.copy()
    weights = np.arange(w.size).reshape(shape.groups, shape.group_outputs, *shape.w[1:])
    axes = shape.vertical, shape.horizontal
    output: FlatConvolution | WinogradConvolution = FlatConvolution((forward_axis(axes[0]), forward_axis(axes[1])), weights, n, dtype, threads)
    back = gradient_axis(axes[0]), gradient_axis(axes[1])
    input_gradient: FlatConvolution | WinogradConvolution = FlatConvolution(back, weights.swapaxes(1, 2), n, dtype, threads)
    weight_gradient: WeightGradient | WinogradWeightGradient
    algorithm = "implicit GEMM"
    if takes_winograd(shape):
        (output, input_gradient), algorithm = winograd_pair(shape, dtype, threads), "Winograd F(2x2, 3x3)"
        weight_gradient = WinogradWeightGradient(shape, dtype, threads)
    else:
        weight_gradient = WeightGradient(shape, dtype, threads)
    x_shape, y_shape, w_shape = case.x_shape(n), case.y_shape(n), shape.w if case.w_shape is None else case.w_shape

    def forward() -> Array:
        return output(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = input_gradient(dy, w)
        dw, db = weight_gradient(x, dy)
        return dx.reshape(x_shape), dw.reshape(w_shape), None if b is None else db

    return Prepared(forward=forward, backward=backward, algorithm=algorithm)
