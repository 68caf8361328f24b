"""The backend naive: Python loops over Python floats, to read and to compare with.

Python floats are float64 whatever the case's dtype; a result is rounded once, when it is brought to NumPy. No NumPy
takes part in the computing.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.naive import convolution, flattening, pooling, prediction
from convbench_backends.naive.convolution import Tensor4
from convbench_backends.naive.windows import image_axes, windows_of
from convbench_specs import (
    Available,
    Backend,
    Case,
    Conv,
    Device,
    Flatten,
    Gradients,
    Native,
    PassName,
    Pool,
    Prepared,
    Settings,
    TensorName,
    Tensors,
    Unsupported,
    hookimpl,
)


class Naive(Backend):
    """Loops over every image, filter, place and tap, as the definitions say."""

    name = "naive"
    summary = "plain Python loops, straight from the definitions"

    def __init__(self) -> None:
        self._rates: Mapping[str, prediction.Rates] = {}

    def availability(self, device: Device) -> Available:
        """Always."""
        return Available(version=f"Python {platform.python_version()}")

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Learn how fast this Python runs the loops. They use one thread, whatever the settings."""
        self._rates = prediction.learn()
        return {"threads_used": "1", "ns_per_tap": f"{self._rates['conv forward'].tap_s * 1e9:.0f}"}

    def predict_s(self, case: Case, batch_size: int, pass_name: PassName) -> float | None:
        """Seconds of one call, from the number of windows and taps; None before `start`."""
        return prediction.predict_s(self._rates, case, batch_size, pass_name) if self._rates else None

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Turn the tensors into nested lists."""
        if case.dtype == "bfloat16":
            return Unsupported("NumPy, which holds the results, has no bfloat16")
        begin = time.perf_counter()
        if isinstance(case.operation, Conv):
            prepared = prepare_conv(case, tensors)
        elif isinstance(case.operation, Pool):
            prepared = prepare_pool(case, tensors)
        else:
            prepared = prepare_flatten(case, tensors)
        phases_s = {"convert": time.perf_counter() - begin}
        # every backward starts from x and w again: nothing but y is kept
        return replace(prepared, forward_for_training=prepared.forward, phases_s=phases_s)


def prepare_conv(case: Case, tensors: Tensors) -> Prepared:
    """The passes of a convolution."""
    operation = case.operation
    assert isinstance(operation, Conv)
    assert tensors.w is not None
    x, w, dy = (as_images(array) for array in (tensors.x, tensors.w, tensors.dy))
    has_bias, groups = tensors.b is not None, operation.groups
    b = [0.0] * len(w) if tensors.b is None else tensors.b.tolist()
    windows = windows_of(case, edge=operation.padding_mode == "edge")

    def backward() -> Gradients:
        dx, dw, db = convolution.backward(x, w, dy, windows, groups)
        return dx, dw, db if has_bias else None

    return Prepared(
        forward=lambda: convolution.forward(x, w, b, windows, groups),
        backward=backward,
        to_numpy=to_numpy_of(case, len(x)),
    )


def prepare_pool(case: Case, tensors: Tensors) -> Prepared:
    """The passes of a pool. The backward of a maximum looks for it again, as the forward did."""
    operation = case.operation
    assert isinstance(operation, Pool)
    x = as_images(tensors.x.reshape(case.x_view_shape(len(tensors.x))))
    dy = as_images(tensors.dy.reshape(case.y_view_shape(len(tensors.x))))
    windows = windows_of(case)
    if operation.kind == "max":
        return Prepared(
            forward=lambda: pooling.max_forward(x, windows),
            backward=lambda: (pooling.max_backward(x, dy, windows), None, None),
            to_numpy=to_numpy_of(case, len(x)),
            recomputes_forward=True,
        )
    down, along = (axis.taps(count_padding=operation.count_include_pad) for axis in image_axes(case))
    counts = [[taps_down * taps_along for taps_along in along] for taps_down in down]
    return Prepared(
        forward=lambda: pooling.average_forward(x, windows, counts),
        backward=lambda: (pooling.average_backward(x, dy, windows, counts), None, None),
        to_numpy=to_numpy_of(case, len(x)),
    )


def prepare_flatten(case: Case, tensors: Tensors) -> Prepared:
    """The passes of a flatten."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    x, dy = as_images(tensors.x), tensors.dy.tolist()
    height, width = (1, *case.input_shape[1:])[-2:]
    shape, last = (case.input_shape[0], height, width), operation.order == "channels_last"
    return Prepared(
        forward=lambda: flattening.flatten(x, shape, channels_last=last),
        backward=lambda: (flattening.unflatten(dy, x, shape, channels_last=last), None, None),
        to_numpy=to_numpy_of(case, len(x)),
    )


def as_images(array: NDArray[Any]) -> Tensor4:
    """(A, B, H, W) or (A, B, W), which becomes images of one row, as nested lists."""
    images = array if array.ndim == 4 else array[:, :, np.newaxis]
    lists: Tensor4 = images.tolist()
    return lists


def to_numpy_of(case: Case, batch_size: int) -> Callable[[TensorName, Native], NDArray[Any]]:
    """The to_numpy of a case: nested lists, rounded to its dtype, in canonical shape."""

    def to_numpy(tensor: TensorName, native: Native) -> NDArray[Any]:
        return np.array(native, case.dtype).reshape(case.shape_of(tensor, batch_size))

    return to_numpy


@hookimpl
def convbench_backends() -> Iterable[type[Backend]]:
    """The hook by which convbench finds this backend."""
    return [Naive]
