"""Padding: how a user may state it, what it resolves to, and the two NumPy functions that apply it.

- "valid" pads nothing; what does not fill a window on the right is ignored.
- "same" gives ceil(size / stride) outputs; total (o - 1) * stride + extent - size, the odd one at the end (TensorFlow
  and JAX do so; PyTorch refuses it with a stride).
- a number pads both sides; a pair a spatial axis, (before, after), states each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench_specs.axis import LARGEST, Axis
from convbench_specs.errors import SpecError

Padding = Literal["valid", "same"] | tuple[tuple[int, int], ...]
PaddingMode = Literal["zeros", "edge"]


def parse_padding(value: object, rank: int) -> Padding:
    """Bring any accepted form of padding to a name or one (before, after) pair an axis.

    Raises SpecError for an unknown name, a negative amount or a wrong number of axes.
    """
    if isinstance(value, str):
        if value == "valid":
            return "valid"
        if value == "same":
            return "same"
        raise SpecError("padding", f"must be 'valid', 'same', a number or [[before, after], ...], not {value!r}")
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value] * rank
    if not isinstance(value, Sequence) or len(value) != rank:
        raise SpecError("padding", f"must name {rank} spatial axes, as a number or a pair each, not {value!r}")
    return tuple(_sides(entry) for entry in value)


def _sides(entry: object) -> tuple[int, int]:
    pair = [entry, entry] if isinstance(entry, int) else entry
    if not isinstance(pair, Sequence) or len(pair) != 2 or not all(type(side) is int for side in pair):
        raise SpecError("padding", f"must be whole numbers, one or (before, after) an axis, not {entry!r}")
    if min(pair) < 0:
        raise SpecError("padding", f"must be at least 0, not {entry!r}")
    if max(pair) > LARGEST:
        raise SpecError("padding", f"must be at most {LARGEST:,}")
    return pair[0], pair[1]


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Amounts (before, after) for ceil(size / stride) outputs; the odd one is behind.

    >>> same_padding(size=13, kernel=6, stride=5, dilation=1)
    (1, 2)
    """
    output = -(-size // stride)
    total = max(0, (output - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def pad_array(x: NDArray[Any], axes: Sequence[Axis], *, mode: PaddingMode = "zeros", fill: float = 0.0) -> NDArray[Any]:
    """Copy of x, (N, C, *spatial), padded along the last len(axes) axes; overhang is filled too.

    `fill` is what "zeros" padding holds: -inf lets a maximum ignore it.
    """
    amounts = [(0, 0)] * (x.ndim - len(axes)) + [(axis.before, axis.after + axis.overhang) for axis in axes]
    if mode == "edge":
        return np.pad(x, amounts, mode="edge")
    return np.pad(x, amounts, constant_values=fill)


def unpad_gradient(padded: NDArray[Any], axes: Sequence[Axis], *, mode: PaddingMode = "zeros") -> NDArray[Any]:
    """Adjoint of pad_array: the gradient of x from that of the padded array, as a view or a new array.

    With "zeros" the border is dropped; with "edge" it is added to the border element that it repeats.
    """
    first = padded.ndim - len(axes)
    for dim, axis in enumerate(axes, start=first):
        inner = _along(padded, dim, axis.before, axis.before + axis.size)
        if mode == "edge" and axis.before + axis.after + axis.overhang:
            inner = inner.copy()
            _along(inner, dim, 0, 1)[...] += _along(padded, dim, 0, axis.before).sum(axis=dim, keepdims=True)
            behind = _along(padded, dim, axis.before + axis.size, padded.shape[dim])
            _along(inner, dim, axis.size - 1, axis.size)[...] += behind.sum(axis=dim, keepdims=True)
        padded = inner
    return padded


def _along(array: NDArray[Any], dim: int, start: int, stop: int) -> NDArray[Any]:
    return array[(slice(None),) * dim + (slice(start, stop),)]
