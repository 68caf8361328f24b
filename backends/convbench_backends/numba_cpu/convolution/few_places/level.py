"""Convolution with few places: the buffers of its kernels, and how those of the flat layout serve it."""

from __future__ import annotations

from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import ROUNDS
from convbench_backends.numba_cpu.convolution.few_places import kernels
from convbench_backends.numba_cpu.convolution.flat import weight_gradient
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan, order_of_sums
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis
from convbench_backends.numba_cpu.convolution.flat.level import FlatConvolution
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_FILTERS
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index, taps
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output
from convbench_specs import Axis


class PlaceDots:
    """y as dot products of filters and columns of x; places of the batch are the filters of flat/weight_gradient.py."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._x_shape, self._tasks = shape.x, ROUNDS * threads
        self._taps = taps(shape.vertical), taps(shape.horizontal)
        places, filters, patch = kernels.places_of(shape), shape.out_channels, shape.patch
        padded = -(-places // DOT_FILTERS) * DOT_FILTERS  # whole blocks need no copy
        self._columns = aligned.zeros((padded, patch), dtype)
        turned = ConvShape(1, filters, padded, 1, Axis(size=patch, kernel=1), Axis(size=1, kernel=1))
        plan = make_dot_plan(turned, itemsize=dtype.itemsize, threads=threads)
        self._shares, self._tables = plan.shares, plan.tables
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._sums, self._totals = np.empty((plan.shares, plan.share_size), dtype), np.empty((plan.shares, padded))
        by_place = order_of_sums(turned, plan).reshape(padded, filters)[:places].reshape(shape.batch, -1, filters)
        self._order = np.ascontiguousarray(by_place.swapaxes(1, 2))
        self._none, self._output = np.zeros(filters, dtype), Output(shape.y, dtype)

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        kernels.take_columns(self._tasks, x.reshape(self._x_shape), *self._taps, self._columns)
        weight_gradient.add_images(
            self._shares, w, self._columns.reshape(-1), *self._tables, self._work, self._sums, self._totals
        )  # fmt: skip
        y, b = self._output.take(), self._none if b is None else b
        kernels.add_shares(self._tasks, self._sums, self._order, b, y.reshape(self._order.shape))
        return y


class PlaceGradient:
    """dx: columns of dx as a product of dy and the filters as they lie, added up."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape, self._tasks = shape, ROUNDS * threads
        self._taps = taps(shape.vertical), taps(shape.horizontal)
        self._dx = Output(shape.x, dtype)
        self._product = FlatConvolution(_axes(shape), _places_of_dy(shape)[None], 1, dtype, threads)

    def __call__(self, dy: Array, w: Array, _: Array | None) -> Array:
        """dx, flat."""
        columns = self._product(w, dy, None).reshape(-1, self._shape.patch)
        dx = self._dx.take()
        kernels.add_columns(self._tasks, columns, *self._taps, dx.reshape(self._shape.x))
        return dx


class PlaceWeightGradients:
    """dw and db: columns of x, weighted by dy."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._x_shape, self._tasks = shape.x, ROUNDS * threads
        self._taps = taps(shape.vertical), taps(shape.horizontal)
        places, filters = kernels.places_of(shape), shape.out_channels
        self._dy_shape = shape.batch, filters, places // shape.batch
        self._columns = aligned.empty((places, shape.patch), dtype)
        self._product = FlatConvolution(_axes(shape), _places_of_dy(shape).swapaxes(0, 1)[None], 1, dtype, threads)

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        kernels.take_columns(self._tasks, x.reshape(self._x_shape), *self._taps, self._columns)
        db = np.empty(self._dy_shape[1])
        kernels.bias_gradient(self._tasks, dy.reshape(self._dy_shape), db)
        return self._product(self._columns.reshape(-1), dy, None), db.astype(x.dtype)


def _axes(shape: ConvShape) -> tuple[FlatAxis, FlatAxis]:
    """Those of a matrix of filters by weights, read as it lies."""
    return forward_axis(Axis(size=shape.patch, kernel=1)), forward_axis(Axis(size=1, kernel=1))


def _places_of_dy(shape: ConvShape) -> Index:
    """The number in dy of a place of the batch and a filter: (places, filters, 1, 1)."""
    places, filters = kernels.places_of(shape), shape.out_channels
    numbers = np.arange(places * filters).reshape(shape.batch, filters, -1)
    return numbers.swapaxes(1, 2).reshape(places, filters, 1, 1)
