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
    APPROACH,
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
    PreparePhase,
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
    contract = (1, 2)
    display_order = 0

    def __init__(self) -> None:
        self._rates: Mapping[str, prediction.Rates] = {}

    def availability(self, device: Device) -> Available:
        """Always."""
        return Available(version=f"Python {platform.python_version()}")

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Learn how fast this Python runs the loops. They use one thread, whatever the settings."""
        self._rates = prediction.learn()
        return {APPROACH: "loops", "threads_used": "1", "ns_per_tap": f"{self._rates['conv forward'].tap_s * 1e9:.0f}"}

    def predict_s(self, case: Case, batch_size: int, pass_name: PassName) -> float | None:
        """Seconds of one call, from the number of windows and taps; None before `start`."""
        return prediction.predict_s(self._rates, case, batch_size, pass_name) if self._rates else None

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Turn the tensors into nested lists."""
        if case.dtype == "bfloat16":
            return Unsupported("NumPy, which holds the results, has no bfloat16")
        begin = time.perf_counter()
        resident = Resident(case, tensors)
        prepare_operation = {"conv": prepare_conv, "pool": prepare_pool, "flatten": prepare_flatten}
        prepared = prepare_operation[case.operation_name](case, resident)
        phases_s: dict[PreparePhase, float] = {"convert": time.perf_counter() - begin}
        return replace(
            prepared,
            forward_for_training=prepared.forward,  # every backward starts from x and w again: nothing but y is kept
            to_numpy=to_numpy_of(case, len(tensors.x)),
            phases_s=phases_s,
            update=resident.update,
        )


class Resident:
    """The tensors of a case as nested lists; no result holds a part of them.

    What is pooled is in the shape of its view. A convolution without a bias has one of zeros.
    """

    x: Tensor4
    w: Tensor4
    b: list[float]
    dy: Any

    def __init__(self, case: Case, tensors: Tensors) -> None:
        self._case = case
        self.update(tensors)

    def update(self, tensors: Tensors) -> None:
        """Take other tensors in place of those before."""
        batch_size = len(tensors.x)
        self.x = as_images(tensors.x.reshape(self._case.x_view_shape(batch_size)))
        if isinstance(self._case.operation, Flatten):
            self.dy = tensors.dy.tolist()
        else:
            self.dy = as_images(tensors.dy.reshape(self._case.y_view_shape(batch_size)))
        if tensors.w is not None:
            self.w = as_images(tensors.w)
            self.b = [0.0] * len(self.w) if tensors.b is None else tensors.b.tolist()


def prepare_conv(case: Case, own: Resident) -> Prepared:
    """The passes of a convolution."""
    operation = case.operation
    assert isinstance(operation, Conv)
    windows = windows_of(case, edge=operation.padding_mode == "edge")

    def backward() -> Gradients:
        dx, dw, db = convolution.backward(own.x, own.w, own.dy, windows, operation.groups)
        return dx, dw, db if operation.bias else None

    return Prepared(
        forward=lambda: convolution.forward(own.x, own.w, own.b, windows, operation.groups),
        backward=backward,
    )


def prepare_pool(case: Case, own: Resident) -> Prepared:
    """The passes of a pool. The backward of a maximum looks for it again, as the forward did."""
    operation = case.operation
    assert isinstance(operation, Pool)
    windows = windows_of(case)
    if operation.kind == "max":
        return Prepared(
            forward=lambda: pooling.max_forward(own.x, windows),
            backward=lambda: (pooling.max_backward(own.x, own.dy, windows), None, None),
            recomputes_forward=True,
        )
    down, along = (axis.taps(count_padding=operation.count_include_pad).tolist() for axis in image_axes(case))
    counts = [[taps_down * taps_along for taps_along in along] for taps_down in down]
    return Prepared(
        forward=lambda: pooling.average_forward(own.x, windows, counts),
        backward=lambda: (pooling.average_backward(own.x, own.dy, windows, counts), None, None),
    )


def prepare_flatten(case: Case, own: Resident) -> Prepared:
    """The passes of a flatten."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    height, width = (1, *case.input_shape[1:])[-2:]
    shape, last = (case.input_shape[0], height, width), operation.order == "channels_last"
    return Prepared(
        forward=lambda: flattening.flatten(own.x, shape, channels_last=last),
        backward=lambda: (flattening.unflatten(own.dy, own.x, shape, channels_last=last), None, None),
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
