"""From a case to its calls.

The rule for a convolution: padding by the nearest element takes the readable level, everything else the fast one.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from time import perf_counter
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu.convolution import choose as fast
from convbench_backends.numba_cpu.convolution.common import ROUNDS
from convbench_backends.numba_cpu.convolution.readable import level as readable
from convbench_backends.numba_cpu.geometry import first_taps, image_axes, spans, taps, window_places
from convbench_backends.numba_cpu.pooling import kernels as pooling
from convbench_backends.outputs import Output
from convbench_specs import Axis, Case, Conv, Flatten, Pool, Prepared, Tensors

Array = NDArray[Any]


def prepare(case: Case, tensors: Tensors) -> Prepared:
    """Calls of any case, compiled: each pass has run once."""
    operation = case.operation
    if isinstance(operation, Conv):
        level = readable.conv if operation.padding_mode == "edge" else fast.conv
        prepared = level(case, tensors, get_num_threads())
    elif isinstance(operation, Flatten):
        prepared = flatten(case, tensors)
    elif operation.kind == "max":
        prepared = max_pool(case, tensors)
    elif all(axis.is_one_window for axis in image_axes(case)):
        prepared = plane_average(case, tensors)
    else:
        prepared = average_pool(case, tensors)
    started = perf_counter()
    prepared.forward()
    assert callable(prepared.backward)
    prepared.backward()
    return replace(prepared, phases_s={"compile": perf_counter() - started})


def max_pool(case: Case, tensors: Tensors) -> Prepared:
    """Maximum over space or channels; backward uses the winners of the last forward pass, as frameworks do."""
    vertical, horizontal = image_axes(case)
    x, dy = _planes(case, tensors)
    rows, columns, stride = taps(vertical), spans(horizontal), np.array([horizontal.stride])
    tasks = ROUNDS * get_num_threads()
    first_tap, (first, behind) = first_taps(vertical, horizontal), window_places(vertical, horizontal)
    which = np.empty(dy.shape, pooling.winner_dtype(len(behind)))
    y_output, dx_output = Output(dy.shape, dy.dtype), Output(x.shape, x.dtype)
    x_shape, y_shape = case.x_shape(len(tensors.x)), case.y_shape(len(tensors.x))
    pairs = all((a.kernel, a.stride, a.dilation, a.before, a.overhang) == (2, 2, 1, 0, 0) for a in image_axes(case))

    def forward(winners: Array = which) -> Array:
        y = y_output.take()
        planes_of_y = y.reshape(dy.shape)
        pooling.max_forward(tasks, x, rows, columns, stride, first_tap, planes_of_y, winners)
        return y.reshape(y_shape)

    def forward_for_training() -> tuple[Array, Array]:
        winners = np.empty_like(which)  # each layer of a network has its own
        return forward(winners), winners

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        if pairs:
            pooling.max_backward_pairs(len(dy), dy, which, dx.reshape(x.shape))
        else:
            pooling.max_backward(len(dy), dy, which, first, behind, dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    index = "one byte" if which.itemsize == 1 else "four bytes"
    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward_for_training,
        algorithm=f"row by row, winner in {index}",
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
        pooling.average_forward(
            tasks, x, rows, columns, stride, tall, wide, y.reshape(dy.shape)
        )  # fmt: skip
        return y.reshape(y_shape)

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        pooling.average_backward(len(dy), dy, rows, cols, tall, wide, dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    return Prepared(forward=forward, backward=backward, forward_for_training=forward, algorithm="row by row")


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
        pooling.plane_averages(tasks, x, y)
        return y.reshape(y_shape)

    def backward() -> tuple[Array, None, None]:
        dx = dx_output.take()
        pooling.fill_planes(tasks, dy / x.dtype.type(places), dx.reshape(x.shape))
        return dx.reshape(x_shape), None, None

    return Prepared(forward=forward, backward=backward, forward_for_training=forward, algorithm="whole planes")


def _only_column(axis: Axis) -> tuple[int, int]:
    """Start and end of the places that a single output sums, where they are neighbours, else 0 and 0."""
    if axis.output > 1 or axis.dilation > 1:
        return 0, 0
    return max(0, -axis.before), min(axis.size, axis.kernel - axis.before)


def flatten(case: Case, tensors: Tensors) -> Prepared:
    """A view in the order of memory, a transposing copy in the other."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    x, dy, n = tensors.x.copy(), tensors.dy.copy(), len(tensors.x)
    features = case.output_shape[0]
    if operation.order == "channels_first":
        return Prepared(
            forward=lambda: x.reshape(n, features),
            backward=lambda: (dy.reshape(x.shape), None, None),
            forward_for_training=lambda: x.reshape(n, features),
            algorithm="view",
        )
    channels = case.input_shape[0]
    places = features // channels

    def forward() -> Array:
        return np.ascontiguousarray(x.reshape(n, channels, places).transpose(0, 2, 1)).reshape(n, features)

    def backward() -> tuple[Array, None, None]:
        return np.ascontiguousarray(dy.reshape(n, places, channels).transpose(0, 2, 1)).reshape(x.shape), None, None

    return Prepared(forward=forward, backward=backward, forward_for_training=forward, algorithm="transposing copy")


def _planes(case: Case, tensors: Tensors) -> tuple[Array, Array]:
    """X and dy as planes that the window slides over, (planes, H, W) and (planes, OH, OW)."""
    vertical, horizontal = image_axes(case)
    planes = prod(case.x_view_shape(len(tensors.x))[:2])
    x = tensors.x.reshape(planes, vertical.size, horizontal.size).copy()
    return x, tensors.dy.reshape(planes, vertical.output, horizontal.output).copy()
