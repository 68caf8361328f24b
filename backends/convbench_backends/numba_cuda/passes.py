"""What `prepare` returns: the passes of a case as launches over arrays that are on the device already."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numba import float32, float64, from_dtype
from numpy.typing import NDArray

from convbench_backends.numba_cuda import direct, flattening, pooling
from convbench_backends.numba_cuda.convolution import Convolution
from convbench_backends.numba_cuda.device import Device, DeviceArray, flat_on_device, to_device, write_flat
from convbench_backends.numba_cuda.geometry import image_axes, slide_of
from convbench_backends.numba_cuda.jit import cuda
from convbench_specs import Case, Flatten, Gradients, Native, Pool, Prepared, Step, TensorName, Tensors

LARGE_WINDOW = 64
"""A plane of more places than this is averaged by a block of threads, a smaller one by a thread."""


def prepare_conv(case: Case, tensors: Tensors, device: Device) -> Prepared:
    """The passes of a convolution."""
    convolution = Convolution(case, tensors, device)
    return Prepared(
        forward=convolution.forward,
        backward=convolution.backward,
        forward_for_training=convolution.forward,
        wait=wait,
        to_numpy=to_numpy_of(case, len(tensors.x)),
        algorithm=convolution.algorithm,
        update=convolution.update,
    )


def prepare_pool(case: Case, tensors: Tensors, device: Device) -> Prepared:
    """The passes of a pool. The backward of a maximum knows from an earlier forward where it was."""
    assert isinstance(case.operation, Pool)
    is_max = case.operation.kind == "max"
    passes = _max_passes if is_max else _average_passes
    x, dy = flat_on_device(tensors.x), flat_on_device(tensors.dy)
    forward, gradient = passes(case, x, dy, len(tensors.x), device)
    saved = forward()[1] if is_max else None

    def update(new: Tensors) -> None:
        nonlocal saved
        write_flat(x, new.x)
        write_flat(dy, new.dy)
        saved = forward()[1] if is_max else None
        wait(saved)

    def both() -> Step:
        y, where = forward()
        return y, gradient(where), None, None

    return Prepared(
        forward=lambda: forward()[0],
        backward=lambda: (gradient(saved), None, None),
        both=both,
        forward_for_training=forward,
        wait=wait,
        to_numpy=to_numpy_of(case, len(tensors.x)),
        algorithm="a thread an output",
        update=update,
    )


Forward = Callable[[], tuple[DeviceArray, DeviceArray]]
"""A forward of a pool: y, and what its backward needs."""
PoolPasses = tuple[Forward, Callable[[DeviceArray], DeviceArray]]
"""A forward, and the gradient by what it returned beside y."""


def _max_passes(case: Case, x: DeviceArray, dy: DeviceArray, images: int, device: Device) -> PoolPasses:
    dtype, slide, planes = x.dtype, slide_of(case), _planes(case, images)
    kernel, gradient_kernel = pooling.maximum_kernel(_real(dtype)), pooling.maximum_gradient_kernel(_real(dtype))

    def forward() -> tuple[DeviceArray, DeviceArray]:
        y, where = device.empty(dy.size, dtype), device.empty(dy.size, np.dtype(np.int32))
        if dy.size:
            kernel[device.blocks(dy.size), device.threads](x, planes, slide, y, where)
        return y, where

    def gradient(where: DeviceArray) -> DeviceArray:
        dx = device.empty(x.size, dtype)
        if x.size:
            gradient_kernel[device.blocks(x.size), device.threads](dy, where, planes, slide, dx)
        return dx

    return forward, gradient


def _average_passes(case: Case, x: DeviceArray, dy: DeviceArray, images: int, device: Device) -> PoolPasses:
    assert isinstance(case.operation, Pool)
    dtype, slide, planes = x.dtype, slide_of(case), _planes(case, images)
    counts = [axis.taps(count_padding=case.operation.count_include_pad) for axis in image_axes(case)]
    down, along = (to_device(np.array(count, np.int32)) for count in counts)
    real, pixels = _real(dtype), slide.height * slide.width
    is_plane = case.operation.kernel_size == "global" and pixels > LARGE_WINDOW

    def forward() -> tuple[DeviceArray, DeviceArray]:
        y = device.empty(dy.size, dtype)
        if dy.size and is_plane:
            kernel = direct.plane_sum_kernel(real, device.threads)
            kernel[planes, device.threads](x, 1, planes, pixels, pixels, y)
        elif dy.size:
            kernel = pooling.average_kernel(real)
            kernel[device.blocks(dy.size), device.threads](x, planes, slide, down, along, y)
        return y, None

    def gradient(_: DeviceArray) -> DeviceArray:
        dx = device.empty(x.size, dtype)
        if x.size:
            kernel = pooling.average_gradient_kernel(real)
            kernel[device.blocks(x.size), device.threads](dy, planes, slide, down, along, dx)
        return dx

    return forward, gradient


def prepare_flatten(case: Case, tensors: Tensors, device: Device) -> Prepared:
    """The passes of a flatten: the array itself in the order of memory, else transposed images."""
    assert isinstance(case.operation, Flatten)
    x, dy = flat_on_device(tensors.x), flat_on_device(tensors.dy)
    images, channels, places = len(tensors.x), case.input_shape[0], prod(case.input_shape[1:])

    dtype, is_view = tensors.x.dtype, case.operation.order == "channels_first"
    kernel = flattening.transpose_kernel(from_dtype(dtype), device.square, device.threads)

    def transposed(source: DeviceArray, rows: int, columns: int) -> DeviceArray:
        out = device.empty(source.size, dtype)
        if source.size:
            grid = (-(-columns // device.square), -(-rows // device.square), min(images, flattening.MOST_IMAGES))
            kernel[grid, device.threads](source, images, rows, columns, out)
        return out

    def update(new: Tensors) -> None:
        # Not written in place: where a result is a view, its holder keeps it.
        nonlocal x, dy
        x, dy = flat_on_device(new.x), flat_on_device(new.dy)

    def forward() -> DeviceArray:
        return x if is_view else transposed(x, channels, places)

    def backward() -> Gradients:
        return dy if is_view else transposed(dy, places, channels), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        wait=wait,
        to_numpy=to_numpy_of(case, images),
        algorithm="view" if is_view else "transposition",
        update=update,
    )


def wait(native: Native) -> None:  # noqa: ARG001  # the launches of a stream end in order
    """Block until all launches have ended."""
    cuda.synchronize()


def to_numpy_of(case: Case, batch_size: int) -> Callable[[TensorName, Native], NDArray[Any]]:
    """The to_numpy of a case: a copy on the host, in canonical shape."""

    def to_numpy(tensor: TensorName, native: Native) -> NDArray[Any]:
        return np.asarray(native.copy_to_host()).reshape(case.shape_of(tensor, batch_size))

    return to_numpy


def _planes(case: Case, images: int) -> int:
    """Planes that the window slides over one by one."""
    return prod(case.x_view_shape(images)[: -len(case.axes)])


def _real(dtype: np.dtype[Any]) -> Any:
    """The type of sums."""
    return float64 if dtype == np.float64 else float32
