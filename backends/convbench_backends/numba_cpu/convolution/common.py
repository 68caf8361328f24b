# ruff: noqa: PLR0917  # what describes a convolution has no order of importance
"""One convolution at a time, y from x or dx from dy: the plan of a kernel, and the buffers that it needs.

Arrays are flat and in canonical order. A target is written into an array of an Output, whose content is an earlier one.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.convolution.columns import gradient as column_gradient
from convbench_backends.numba_cpu.convolution.columns.plan import column_order, make_column_plan
from convbench_backends.numba_cpu.convolution.few_places import kernels as few_places
from convbench_backends.numba_cpu.convolution.flat import implicit_gemm, weight_gradient
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis
from convbench_backends.numba_cpu.convolution.flat.plan import make_plan, weight_order
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_FILTERS, FILTERS
from convbench_backends.numba_cpu.convolution.winograd import forward as winograd
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS, make_winograd_plan
from convbench_backends.numba_cpu.geometry import ConvShape, Index, taps
from convbench_backends.outputs import Output
from convbench_specs import Axis

Array = NDArray[Any]

ROUNDS = 4
"""Tasks a thread where planes or rows are dealt out: few, as each costs a call, but a late thread can be waited for."""


class Single(Protocol):
    """A convolution of a source; the target is flat."""

    def __call__(self, source: Array, w: Array, b: Array | None, /) -> Array:
        """The target."""


def weights_of(shape: ConvShape) -> Index:
    """Numbers of the weights in w: (groups, filters, channels, R, S)."""
    return np.arange(np.prod(shape.w)).reshape(shape.groups, shape.group_outputs, *shape.w[1:])


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

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> WinogradConvolution:
        """Y from x."""
        axes, steps = (shape.vertical, shape.horizontal), np.array([0, 9 * shape.in_channels, 9, 1])
        return cls(axes, shape.in_channels, shape.out_channels, steps, shape.batch, dtype, threads)

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        winograd.transform_weights(len(self._work), w, self._tables[0], self._steps, self._u)
        target, b = self._output.take(), self._zeros if b is None else b
        winograd.convolve(self._tasks, source, self._u, b, *self._tables, self._zeros, self._work, target)
        return target


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

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> FlatConvolution:
        """Y from x."""
        axes = forward_axis(shape.vertical), forward_axis(shape.horizontal)
        return cls(axes, weights_of(shape), shape.batch, dtype, threads)

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


class PlaceDots:
    """y as dot products of filters and columns of x; the places of the batch are the filters of weight_gradient.py."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._x_shape, self._tasks = shape.x, ROUNDS * threads
        self._taps = taps(shape.vertical), taps(shape.horizontal)
        places, filters, patch = few_places.places_of(shape), shape.out_channels, shape.patch
        padded = -(-places // DOT_FILTERS) * DOT_FILTERS  # whole blocks need no copy
        self._columns = np.zeros((padded, patch), dtype)
        turned = ConvShape(1, filters, padded, 1, Axis(size=patch, kernel=1), Axis(size=1, kernel=1))
        plan = make_dot_plan(turned, itemsize=dtype.itemsize, threads=threads)
        self._shares, self._tables = plan.shares, plan.tables
        self._work = np.zeros((threads, plan.work_size), dtype)
        self._sums, self._totals = np.empty((plan.shares, plan.share_size), dtype), np.empty((plan.shares, padded))
        by_place = plan.order.reshape(padded, filters)[:places].reshape(shape.batch, -1, filters)
        self._order = np.ascontiguousarray(by_place.swapaxes(1, 2))
        self._none, self._output = np.zeros(filters, dtype), Output(shape.y, dtype)

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        few_places.take_columns(self._tasks, x.reshape(self._x_shape), *self._taps, self._columns)
        weight_gradient.add_images(
            self._shares, w, self._columns.reshape(-1), *self._tables, self._work, self._sums, self._totals
        )  # fmt: skip
        y, b = self._output.take(), self._none if b is None else b
        few_places.add_shares(self._tasks, self._sums, self._order, b, y.reshape(self._order.shape))
        return y
