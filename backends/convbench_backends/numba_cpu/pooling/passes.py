"""The passes of a pool, on planes that stay with the case."""

from __future__ import annotations

from math import prod

import numpy as np
from numba import get_num_threads

from convbench_backends.numba_cpu.compiler.jit import shares
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.geometry import Array, first_taps, image_axes, spans, taps
from convbench_backends.numba_cpu.pooling import kernels
from convbench_backends.numba_cpu.pooling.runs import average_runs, forward_ns, max_runs
from convbench_backends.numba_cpu.resident import Resident
from convbench_backends.shared.outputs import Output
from convbench_specs import Case, Pool, Prepared, Tensors

_VECTOR_NS = 2.0
"""About what it takes to read or write a vector of a plane."""


def max_pool(case: Case, tensors: Tensors) -> Prepared:
    """Maximum over space or channels.

    Forward gives the maxima alone. Backward reads winners that were found before it, as a framework's graph holds them:
    by kept_forward, else while the values are brought.
    """
    vertical, horizontal = image_axes(case)
    x, dy = _planes(case, tensors)
    rows, columns, stride = taps(vertical), spans(horizontal), np.array([horizontal.stride])
    tasks = shares(forward_ns(dy, vertical, horizontal), get_num_threads())
    runs = max_runs(x, dy, vertical, horizontal)
    first_tap = first_taps(vertical, horizontal)
    which = np.empty(dy.shape, kernels.winner_dtype(vertical.kernel * horizontal.kernel))
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))

    def forward() -> Array:
        y = y_output.take()
        runs.forward(y.reshape(dy.shape))
        return y.reshape(y_shape)

    def forward_with(winners: Array) -> Array:
        y = y_output.take()
        kernels.max_forward(tasks, x, rows, columns, stride, first_tap, y.reshape(dy.shape), winners)
        return y.reshape(y_shape)

    def forward_for_training() -> tuple[Array, Array]:
        winners = np.empty_like(which)  # each layer of a network has its own
        return forward_with(winners), winners

    is_stale, keeps = True, False

    def kept_forward() -> Array:
        nonlocal is_stale, keeps
        is_stale, keeps = False, True
        return forward_with(which)

    def find_winners() -> None:
        nonlocal is_stale
        forward_with(which)
        is_stale = False

    def backward() -> tuple[Array, None, None]:
        if is_stale:  # new values came, and no forward pass that keeps winners after them
            find_winners()
        dx = dx_output.take()
        runs.backward(which, dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    def update(new: Tensors) -> None:
        nonlocal is_stale
        Resident(x, dy).update(new)
        is_stale = True
        if not keeps:
            find_winners()

    def update_dy(new: Array) -> None:
        np.copyto(dy, new.reshape(dy.shape))

    index = "one byte" if which.itemsize == 1 else "four bytes"
    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward_for_training,
        algorithm=f"{runs.way}, winner in {index}",
        update=update,
        kept_forward=kept_forward,
        update_dy=update_dy,
    )


def average_pool(case: Case, tensors: Tensors) -> Prepared:
    """Average over space or channels."""
    operation = case.operation
    assert isinstance(operation, Pool)
    vertical, horizontal = image_axes(case)
    x, dy = _planes(case, tensors)
    runs = average_runs(x, dy, vertical, horizontal, count_padding=operation.count_include_pad)
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))

    def forward() -> Array:
        y = y_output.take()
        runs.forward(y.reshape(dy.shape))
        return y.reshape(y_shape)

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        runs.backward(dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm=runs.way,
        update=Resident(x, dy).update,
    )


def plane_average(case: Case, tensors: Tensors) -> Prepared:
    """Average over all of a plane."""
    x, dy = _planes(case, tensors)
    places = x.shape[1] * x.shape[2]
    x, dy = x.reshape(len(x), places), dy.reshape(len(dy))
    tasks = shares(_VECTOR_NS * x.size / lanes_of(x.itemsize), get_num_threads())
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))

    def forward() -> Array:
        y = y_output.take()
        kernels.plane_averages(tasks, x, y)
        return y.reshape(y_shape)

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        kernels.fill_planes(tasks, dy / x.dtype.type(places), dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="whole planes",
        update=Resident(x, dy).update,
    )


def _planes(case: Case, tensors: Tensors) -> tuple[Array, Array]:
    """X and dy as planes that the window slides over, (planes, H, W) and (planes, OH, OW)."""
    vertical, horizontal = image_axes(case)
    planes = prod(case.x_view_shape(len(tensors.x))[:2])
    x = tensors.x.reshape(planes, vertical.size, horizontal.size)
    return x, tensors.dy.reshape(planes, vertical.output, horizontal.output)
