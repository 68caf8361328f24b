"""The passes of a pool, on planes that stay with the case."""

from __future__ import annotations

from math import prod

import numpy as np
from numba import get_num_threads

from convbench_backends.numba_cpu.compiler.jit import ROUNDS
from convbench_backends.numba_cpu.geometry import Array, first_taps, image_axes, spans, taps, window_places
from convbench_backends.numba_cpu.pooling import kernels
from convbench_backends.numba_cpu.resident import Resident
from convbench_backends.shared.outputs import Output
from convbench_specs import Axis, Case, Pool, Prepared, Tensors


def max_pool(case: Case, tensors: Tensors) -> Prepared:
    """Maximum over space or channels; backward uses the winners of the last forward pass, as frameworks do."""
    vertical, horizontal = image_axes(case)
    x, dy = _planes(case, tensors)
    rows, columns, stride = taps(vertical), spans(horizontal), np.array([horizontal.stride])
    tasks = ROUNDS * get_num_threads()
    first_tap, (first, behind) = first_taps(vertical, horizontal), window_places(vertical, horizontal)
    which = np.empty(dy.shape, kernels.winner_dtype(len(behind)))
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))
    pairs = all((a.kernel, a.stride, a.dilation, a.before, a.overhang) == (2, 2, 1, 0, 0) for a in image_axes(case))

    def forward(winners: Array = which) -> Array:
        y = y_output.take()
        planes_of_y = y.reshape(dy.shape)
        kernels.max_forward(tasks, x, rows, columns, stride, first_tap, planes_of_y, winners)
        return y.reshape(y_shape)

    def forward_for_training() -> tuple[Array, Array]:
        winners = np.empty_like(which)  # each layer of a network has its own
        return forward(winners), winners

    is_stale = keeps = False

    def kept_forward() -> Array:
        nonlocal is_stale, keeps
        is_stale, keeps = False, True
        return forward()

    def backward() -> tuple[Array, None, None]:
        if is_stale:  # new values came, and no forward pass after them
            kept_forward()
        dx = dx_output.take()
        if pairs:
            kernels.max_backward_pairs(len(dy), dy, which, dx.reshape(x.shape))
        else:
            kernels.max_backward(len(dy), dy, which, first, behind, dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    def update(new: Tensors) -> None:
        nonlocal is_stale
        Resident(x, dy).update(new)
        is_stale = keeps
        if not keeps:
            forward()  # backward reads its winners

    def update_dy(new: Array) -> None:
        np.copyto(dy, new.reshape(dy.shape))

    index = "one byte" if which.itemsize == 1 else "four bytes"
    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward_for_training,
        algorithm=f"row by row, winner in {index}",
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
    rows, cols, columns = taps(vertical), taps(horizontal), spans(horizontal)
    stride = np.array([horizontal.stride, *_only_column(horizontal)])
    tasks = ROUNDS * get_num_threads()
    tall, wide = (np.array(a.taps(count_padding=operation.count_include_pad)) for a in (vertical, horizontal))
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))

    def forward() -> Array:
        y = y_output.take()
        kernels.average_forward(
            tasks, x, rows, columns, stride, tall, wide, y.reshape(dy.shape)
        )  # fmt: skip
        return y.reshape(y_shape)

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        kernels.average_backward(len(dy), dy, rows, cols, tall, wide, dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="row by row",
        update=Resident(x, dy).update,
    )


def plane_average(case: Case, tensors: Tensors) -> Prepared:
    """Average over all of a plane."""
    x, dy = _planes(case, tensors)
    places = x.shape[1] * x.shape[2]
    x, dy = x.reshape(len(x), places), dy.reshape(len(dy))
    tasks = ROUNDS * get_num_threads()
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


def _only_column(axis: Axis) -> tuple[int, int]:
    """Start and end of the places that a single output sums, where they are neighbours, else 0 and 0."""
    if axis.output > 1 or axis.dilation > 1:
        return 0, 0
    return max(0, -axis.before), min(axis.size, axis.kernel - axis.before)


def _planes(case: Case, tensors: Tensors) -> tuple[Array, Array]:
    """X and dy as planes that the window slides over, (planes, H, W) and (planes, OH, OW)."""
    vertical, horizontal = image_axes(case)
    planes = prod(case.x_view_shape(len(tensors.x))[:2])
    x = tensors.x.reshape(planes, vertical.size, horizontal.size)
    return x, tensors.dy.reshape(planes, vertical.output, horizontal.output)
