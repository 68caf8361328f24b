# ruff: noqa: PLR0917  # what describes a convolution has no order of importance
"""Convolution on the fast level: plans and buffers for its kernels, and the rule that chooses among them.

The rule, from the shape alone:
- depthwise    one filter a channel, 3 x 3, stride and dilation 1                          depthwise.py
- Winograd     3 x 3, stride and dilation 1, 16 channels and filters or more, no groups    winograd.py
- implicit GEMM and dot products for everything else                                       implicit_gemm.py
  with dx by columns, where channels are few and the stride is 1                           column_gradient.py

Weights are brought into the kernels' order within each call, since a training step changes them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu import (
    column_gradient,
    depthwise,
    implicit_gemm,
    weight_gradient,
    winograd,
    winograd_gradient,
)
from convbench_backends.numba_cpu.column_plan import column_order, make_column_plan, takes_columns
from convbench_backends.numba_cpu.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.flat import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.flat_plan import make_plan, weight_order
from convbench_backends.numba_cpu.geometry import ConvShape, Index
from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_backends.numba_cpu.winograd_plan import (
    PRODUCTS,
    make_gradient_plan,
    make_winograd_plan,
    takes_winograd,
)
from convbench_backends.outputs import Output
from convbench_specs import Axis, Case, Prepared, Tensors

Array = NDArray[Any]

_ROUNDS = 4
"""Tasks a thread where planes are dealt out: few, since a task costs a call, but a late thread can be waited for."""


class Level(Protocol):
    """The three computations of a convolution over a batch; all arrays are flat, in canonical order."""

    algorithm: str

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """The outputs."""

    def dx(self, dy: Array, w: Array) -> Array:
        """The gradient of the input."""

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """The gradients of weights and bias."""


def conv(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """Any convolution padded with zeros."""
    assert tensors.w is not None
    shape = ConvShape.of(case, len(tensors.x))
    x, dy, w = (tensor.reshape(-1).copy() for tensor in (tensors.x, tensors.dy, tensors.w))
    b = None if tensors.b is None else tensors.b.copy()
    level = choose(shape)(shape, x.dtype, threads)
    x_shape, y_shape, w_shape = tensors.x.shape, tensors.dy.shape, tensors.w.shape

    def forward() -> Array:
        return level.y(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = level.dx(dy, w).reshape(x_shape)
        dw, db = level.dw_db(x, dy)
        return dx, dw.reshape(w_shape), None if b is None else db

    return Prepared(forward=forward, backward=backward, forward_for_training=forward, algorithm=level.algorithm)


def choose(shape: ConvShape) -> type[Depthwise | Winograd | ImplicitGemm]:
    """The rule of this module."""
    if depthwise.takes(shape):
        return Depthwise
    return Winograd if takes_winograd(shape) else ImplicitGemm


class Depthwise:
    """Planes filtered one by one."""

    algorithm = "depthwise, running rows"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape, self._tasks = shape, _ROUNDS * threads
        self._before = np.array([shape.vertical.before, shape.horizontal.before])
        self._behind = depthwise.KERNEL - 1 - self._before
        self._none = np.zeros(shape.out_channels, dtype)
        self._y, self._dx = Output(shape.y, dtype), Output(shape.x, dtype)

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Each plane with its filter."""
        y, b = self._y.take(), self._none if b is None else b
        self._filter(x, self._shape.x, w.reshape(len(b), -1), b, self._before, y, self._shape.y)
        return y

    def dx(self, dy: Array, w: Array) -> Array:
        """Each plane of dy with its filter reversed."""
        dx, backwards = self._dx.take(), np.ascontiguousarray(w.reshape(len(self._none), -1)[:, ::-1])
        self._filter(dy, self._shape.y, backwards, self._none, self._behind, dx, self._shape.x)
        return dx

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Sums of each channel over the batch."""
        sums = np.empty((self._shape.out_channels, depthwise.KERNEL**2 + 1), x.dtype)
        depthwise.weight_gradients(
            self._tasks, x.reshape(self._shape.x), dy.reshape(self._shape.y), self._before, sums
        )  # fmt: skip
        return np.ascontiguousarray(sums[:, :-1]), sums[:, -1].copy()

    def _filter(
        self, x: Array, x_shape: tuple[int, ...], w: Array, b: Array, before: Index, y: Array, y_shape: tuple[int, ...]
    ) -> None:  # fmt: skip
        planes, results = x.reshape(-1, *x_shape[2:]), y.reshape(-1, *y_shape[2:])
        depthwise.filter_planes(self._tasks, planes, w, b, before, results)


class Winograd:
    """F(2 x 2, 3 x 3); dx is a convolution with the weights transposed and reversed, padded to give the size of x."""

    algorithm = "Winograd F(2x2, 3x3)"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        axes, channels, filters = (shape.vertical, shape.horizontal), shape.in_channels, shape.out_channels
        back = [replace(axis, size=axis.output, before=2 - axis.before, after=_behind(axis)) for axis in axes]
        steps, reverse = np.array([0, 9 * channels, 9, 1]), np.array([8, 9, 9 * channels, -1])
        self._forward = WinogradConvolution(axes, channels, filters, steps, shape.batch, dtype, threads)
        self._backward = WinogradConvolution(
            (back[0], back[1]), filters, channels, reverse, shape.batch, dtype, threads
        )  # fmt: skip
        plan = make_gradient_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._plan = plan.table
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._m = np.empty((threads, PRODUCTS * plan.m_step), dtype)
        self._biases = np.empty((threads, filters), dtype)
        self._weights = 9 * channels * filters

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Tiles of x."""
        return self._forward(x, w, b)

    def dx(self, dy: Array, w: Array) -> Array:
        """Tiles of dy."""
        return self._backward(dy, w, None)

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Shares of the batch, a thread each."""
        winograd_gradient.add_images(len(self._work), x, dy, self._plan, self._work, self._m, self._biases)
        dw = np.empty(self._weights, x.dtype)
        winograd_gradient.finish(len(self._work), self._m, self._plan, dw)
        return dw, self._biases.sum(axis=0)


class WinogradConvolution:
    """One 3 x 3 convolution along `axes`; `steps` says how its weights lie in w, see winograd.transform_weights."""

    def __init__(
        self, axes: tuple[Axis, Axis], channels: int, filters: int, steps: Index, batch: int, dtype: np.dtype[Any],
        threads: int,
    ) -> None:  # fmt: skip
        plan = make_winograd_plan(
            axes, batch=batch, channels=channels, filters=filters, itemsize=dtype.itemsize, threads=threads
        )
        self._tasks, self._tables, self._steps = plan.tasks, plan.tables, steps
        self._u = np.empty(PRODUCTS * plan.blocks * plan.weight_pitch, dtype)
        self._zeros = np.zeros(max(FILTERS, filters), dtype)
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, filters, axes[0].output, axes[1].output), dtype)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        winograd.transform_weights(len(self._work), w, self._tables[0], self._steps, self._u)
        target, b = self._output.take(), self._zeros if b is None else b
        winograd.convolve(self._tasks, source, self._u, b, *self._tables, self._zeros, self._work, target)
        return target


class ImplicitGemm:
    """The flat layout of flat.py, for every shape."""

    algorithm = "implicit GEMM"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        vertical, horizontal = shape.vertical, shape.horizontal
        weights = np.arange(np.prod(shape.w)).reshape(shape.groups, shape.group_outputs, *shape.w[1:])
        forward, back = ((make(vertical), make(horizontal)) for make in (forward_axis, gradient_axis))
        self._forward = FlatConvolution(forward, weights, shape.batch, dtype, threads)
        self._backward: FlatConvolution | ColumnGradient
        if takes_columns(shape, itemsize=dtype.itemsize, threads=threads):
            self.algorithm = "implicit GEMM, dx by columns"
            self._backward = ColumnGradient(shape, dtype, threads)
        else:
            self._backward = FlatConvolution(back, weights.swapaxes(1, 2), shape.batch, dtype, threads)
        plan = make_dot_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._tasks, self._tables, self._order = plan.shares * plan.groups, plan.tables, plan.order
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._sums = np.empty((plan.shares, plan.share_size), dtype)
        self._biases = np.empty((plan.shares, shape.out_channels))

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Taps of x."""
        return self._forward(x, w, b)

    def dx(self, dy: Array, w: Array) -> Array:
        """Taps of dy, in phases."""
        return self._backward(dy, w, None)

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Dot products."""
        weight_gradient.add_images(
            self._tasks, x, dy, *self._tables, self._work, self._sums, self._biases
        )  # fmt: skip
        dw = np.empty(self._order.size, x.dtype)
        weight_gradient.collect(len(self._work), self._sums, self._order, dw)
        return dw, self._biases.sum(axis=0).astype(x.dtype)


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
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, groups * self._filters, plan.target_height, plan.target_width), dtype)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        if b is not None:
            self._b[:, : self._filters] = b.reshape(-1, self._filters)
        implicit_gemm.order_weights(len(self._work), w, self._order, self._w)
        target = self._output.take()
        biases = self._b.reshape(-1)
        implicit_gemm.convolve(self._tasks, source, self._w, biases, *self._tables, self._work, target)
        return target


class ColumnGradient:
    """dx of few channels."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_column_plan(shape, itemsize=dtype.itemsize)
        self._tasks, self._tables = shape.batch * shape.groups, plan.tables
        self._order = column_order(shape)
        self._w = np.empty(self._order.size, dtype)
        self._zeros = np.zeros(FILTERS, dtype)
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._output = Output(shape.x, dtype)

    def __call__(self, dy: Array, w: Array, _: None) -> Array:
        """dx; everything is flat."""
        implicit_gemm.order_weights(len(self._work), w, self._order, self._w)
        dx = self._output.take()
        column_gradient.input_gradient(self._tasks, dy, self._w, self._zeros, *self._tables, self._work, dx)
        return dx


def _behind(axis: Axis) -> int:
    """Padding behind dy with which a kernel of 3 gives the size of x."""
    return axis.size + axis.before - axis.output
