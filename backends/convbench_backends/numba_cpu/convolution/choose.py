# ruff: noqa: PLR0917  # what describes a convolution has no order of importance
"""Convolution on the fast level: plans and buffers for its kernels, and the rule that chooses among them.

The rule, from the shape alone:
- few places   no more than filters and weights of one, many weights, no groups            few_places.py
- depthwise    one filter a channel, 3 x 3, stride and dilation 1                          depthwise.py
- Winograd     3 x 3, stride and dilation 1, 16 channels and filters or more, no groups    winograd.py
- implicit GEMM and dot products for everything else                                       implicit_gemm.py
  with dx by columns, where channels are few and the stride is 1                           column_gradient.py

Weights are brought into the kernels' order within each call, since a training step changes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.convolution.columns.plan import takes_columns
from convbench_backends.numba_cpu.convolution.common import (
    ROUNDS,
    ColumnGradient,
    FlatConvolution,
    PlaceDots,
    Single,
    WinogradConvolution,
    weights_of,
)
from convbench_backends.numba_cpu.convolution.depthwise import kernels as depthwise
from convbench_backends.numba_cpu.convolution.few_places import kernels as few_places
from convbench_backends.numba_cpu.convolution.flat import weight_gradient
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.convolution.flat.layout import forward_axis, gradient_axis
from convbench_backends.numba_cpu.convolution.winograd import weight_gradient as winograd_gradient
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS, make_gradient_plan, takes_winograd
from convbench_backends.numba_cpu.geometry import ConvShape, Index, taps
from convbench_backends.outputs import Output
from convbench_specs import Axis, Case, Prepared, Tensors

Array = NDArray[Any]


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
    level = choose(shape, itemsize=x.itemsize)(shape, x.dtype, threads)
    x_shape, y_shape, w_shape = tensors.x.shape, tensors.dy.shape, tensors.w.shape

    def forward() -> Array:
        return level.y(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = level.dx(dy, w).reshape(x_shape)
        dw, db = level.dw_db(x, dy)
        return dx, dw.reshape(w_shape), None if b is None else db

    return Prepared(forward=forward, backward=backward, forward_for_training=forward, algorithm=level.algorithm)


def choose(shape: ConvShape, *, itemsize: int) -> type[FewPlaces | Depthwise | Winograd | ImplicitGemm]:
    """The rule of this module."""
    if few_places.takes(shape, itemsize=itemsize):
        return FewPlaces
    if depthwise.takes(shape):
        return Depthwise
    return Winograd if takes_winograd(shape) else ImplicitGemm


class Depthwise:
    """Planes filtered one by one."""

    algorithm = "depthwise, running rows"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape, self._tasks = shape, ROUNDS * threads
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
        channels, filters = shape.in_channels, shape.out_channels
        back = [
            replace(axis, size=axis.output, before=2 - axis.before, after=_behind(axis))
            for axis in (shape.vertical, shape.horizontal)
        ]
        reverse = np.array([8, 9, 9 * channels, -1])
        self._forward = WinogradConvolution.forward(shape, dtype, threads)
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


class ImplicitGemm:
    """The flat layout of flat.py, for every shape."""

    algorithm = "implicit GEMM"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._forward = FlatConvolution.forward(shape, dtype, threads)
        self._backward: FlatConvolution | ColumnGradient
        if takes_columns(shape, itemsize=dtype.itemsize, threads=threads):
            self.algorithm = "implicit GEMM, dx by columns"
            self._backward = ColumnGradient(shape, dtype, threads)
        else:
            back = gradient_axis(shape.vertical), gradient_axis(shape.horizontal)
            self._backward = FlatConvolution(back, weights_of(shape).swapaxes(1, 2), shape.batch, dtype, threads)
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


class FewPlaces:
    """Backward with the filters as they lie; forward so up to MOST_DOTS places, else by the kernel for many."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape, self._tasks = shape, ROUNDS * threads
        self._taps = taps(shape.vertical), taps(shape.horizontal)
        places, filters = few_places.places_of(shape), shape.out_channels
        self._dy_shape = shape.batch, filters, places // shape.batch
        self._columns = np.empty((places, shape.patch), dtype)
        self._dx = Output(shape.x, dtype)
        # the number in dy of a place of the batch and a filter
        at = np.arange(places * filters).reshape(self._dy_shape).swapaxes(1, 2).reshape(places, filters, 1, 1)
        axes = forward_axis(Axis(size=shape.patch, kernel=1)), forward_axis(Axis(size=1, kernel=1))
        self._back = FlatConvolution(axes, at[None], 1, dtype, threads)
        self._weights = FlatConvolution(axes, at.swapaxes(0, 1)[None], 1, dtype, threads)
        forward, name = _forward_of(shape)
        self._forward = forward(shape, dtype, threads)
        self.algorithm = f"{name}, backward over few places"

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Dot products of filters and columns, or as if places were many."""
        return self._forward(x, w, b)

    def dx(self, dy: Array, w: Array) -> Array:
        """Columns of dx, added up."""
        columns = self._back(w, dy, None).reshape(-1, self._shape.patch)
        dx = self._dx.take()
        few_places.add_columns(self._tasks, columns, *self._taps, dx.reshape(self._shape.x))
        return dx

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Columns of x, weighted by dy."""
        few_places.take_columns(self._tasks, x.reshape(self._shape.x), *self._taps, self._columns)
        db = np.empty(self._shape.out_channels)
        few_places.bias_gradient(self._tasks, dy.reshape(self._dy_shape), db)
        return self._weights(self._columns.reshape(-1), dy, None), db.astype(x.dtype)


def _forward_of(shape: ConvShape) -> tuple[Callable[[ConvShape, np.dtype[Any], int], Single], str]:
    """The forward pass beside FewPlaces, and its name."""
    if few_places.places_of(shape) <= few_places.MOST_DOTS:
        return PlaceDots, "dot products"
    if takes_winograd(shape):
        return WinogradConvolution.forward, Winograd.algorithm
    return FlatConvolution.forward, ImplicitGemm.algorithm


def _behind(axis: Axis) -> int:
    """Padding behind dy with which a kernel of 3 gives the size of x."""
    return axis.size + axis.before - axis.output
