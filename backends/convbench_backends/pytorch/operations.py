"""Every operation of the spec as a function of torch tensors (x, w, b), in PyTorch's own layout, channels first.

PyTorch's pooling takes a padding that is the same on both sides and at most half the kernel. Other padding is put
around x first, by (before, behind), and the window then slides without any. Its average knows no dilation and counts
all of that border or none of it: where that is not what is asked for, shifted slices are summed and divided.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as PyTorch's documentation writes it

from convbench_backends.shared.one_column import axes_of
from convbench_backends.shared.taps import divisors, fold_taps, window_area
from convbench_specs import Axis, Case, Conv, Flatten, Pool

Function = Callable[..., Any]
"""From (x, w, b), as far as the case has them, to y."""


def function_of(case: Case, x: Any) -> tuple[Function, str]:
    """The function that computes y, and what it calls; `x` tells batch size, dtype and device."""
    operation = case.operation
    if isinstance(operation, Flatten):
        return _flatten(operation)
    if isinstance(operation, Conv):
        return _convolution(operation, axes_of(case))
    if operation.over == "channels":
        return _over_channels(case, x)
    return _max_pool(case) if operation.kind == "max" else _average_pool(case, x)


def _flatten(operation: Flatten) -> tuple[Function, str]:
    """A view where the order is that of the memory, else a copy."""
    if operation.order == "channels_first":
        return (lambda x: x.flatten(1)), "flatten"
    return (lambda x: x.movedim(1, -1).flatten(1)), "movedim + flatten"


def _convolution(operation: Conv, axes: tuple[Axis, ...]) -> tuple[Function, str]:
    convolution, name = ((F.conv1d, "conv1d"), (F.conv2d, "conv2d"))[len(axes) - 1]
    window: dict[str, Any] = {key: getattr(operation, key) for key in ("dilation", "groups")}
    window["stride"], width = tuple(axis.stride for axis in axes), axes[-1].size
    if operation.padding_mode == "zeros" and all(axis.before in {axis.after, axis.behind} for axis in axes):
        window["padding"] = tuple(axis.before for axis in axes)
        return (lambda x, w, b=None: convolution(x[..., :width], w, b, **window)), name
    pad, padded = _pad_around(axes, {"zeros": "constant", "edge": "replicate"}[operation.padding_mode])
    return (lambda x, w, b=None: convolution(pad(x[..., :width]), w, b, **window)), padded + name


def _over_channels(case: Case, x: Any) -> tuple[Function, str]:
    """The channels become the height of a picture with one channel."""
    assert isinstance(case.operation, Pool)
    view, shape = case.x_view_shape(len(x)), case.y_shape(len(x))
    window = tuple(axis.kernel for axis in case.axes)
    pool = F.max_pool2d if case.operation.kind == "max" else F.avg_pool2d
    return (lambda x: pool(x.reshape(view), window).reshape(shape)), f"{pool.__name__} over a view"


def _max_pool(case: Case) -> tuple[Function, str]:
    axes = case.axes
    pool, name = ((F.max_pool1d, "max_pool1d"), (F.max_pool2d, "max_pool2d"))[len(axes) - 1]
    window = _window(axes) | {"dilation": tuple(axis.dilation for axis in axes)}
    if all(map(_is_torch_padding, axes)):
        window |= {"padding": tuple(axis.before for axis in axes), "ceil_mode": axes[0].ceil_mode}
        return (lambda x: pool(x, **window)), name
    pad, padded = _pad_around(axes, fill=-torch.inf)
    return (lambda x: pool(pad(x), **window)), padded + name


def _average_pool(case: Case, x: Any) -> tuple[Function, str]:
    operation, axes = case.operation, case.axes
    assert isinstance(operation, Pool)
    if operation.kernel_size == "global":
        whole = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d)[len(axes) - 1]
        return (lambda x: whole(x, 1)), "adaptive_avg_pool"
    pool, name = ((F.avg_pool1d, "avg_pool1d"), (F.avg_pool2d, "avg_pool2d"))[len(axes) - 1]
    window, is_dilated = _window(axes), any(axis.dilation > 1 for axis in axes)
    if not is_dilated and all(map(_is_torch_padding, axes)):
        window |= {"padding": tuple(axis.before for axis in axes), "ceil_mode": axes[0].ceil_mode}
        window |= {"count_include_pad": operation.count_include_pad}
        return (lambda x: pool(x, **window)), name
    counts, (pad, padded) = divisors(case), _pad_around(axes)
    if not is_dilated and np.array_equal(counts, window_area(case)):
        return (lambda x: pool(pad(x), **window)), padded + name
    divisor, dimensions = torch.as_tensor(counts, dtype=x.dtype, device=x.device), list(enumerate(axes, start=2))
    return (lambda x: fold_taps(pad(x), dimensions, operator.add) / divisor), padded + "sum of shifted slices"


def _window(axes: Sequence[Axis]) -> dict[str, Any]:
    return {"kernel_size": tuple(axis.kernel for axis in axes), "stride": tuple(axis.stride for axis in axes)}


def _is_torch_padding(axis: Axis) -> bool:
    return axis.before == axis.after and 2 * axis.before <= axis.kernel


def _pad_around(axes: Sequence[Axis], mode: str = "constant", fill: float | None = None) -> tuple[Function, str]:
    """F.pad by what the windows read, if they read any padding, and how to name it before another call."""
    # F.pad wants the last axis first.
    amounts = [amount for axis in reversed(axes) for amount in (axis.before, axis.behind)]
    if not any(amounts):
        return (lambda x: x), ""
    return (lambda x: F.pad(x, amounts, mode, fill)), "pad + "
