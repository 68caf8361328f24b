"""How the arrays of a case become an author's own tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from numpy.typing import NDArray

from convbench_specs.backend import Native
from convbench_specs.case import Tensors

InputName = Literal["x", "w", "b", "dy"]
"""What a pass reads."""
ToNative = Callable[[InputName, NDArray[Any]], Native]
"""Makes the author's tensor from an array of convbench: in another type, another order of axes, on another device. It
must not keep the memory of the array."""


def own_copy(name: InputName, array: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001  # a ToNative
    """The default ToNative: a NumPy array in the canonical order of axes, with memory of its own."""
    return array.copy()


def native_inputs(tensors: Tensors, to_native: ToNative) -> tuple[tuple[Native, ...], Native]:
    """((x, w, b), dy) as the author's tensors, without those of w and b that the case does not have."""
    named: tuple[tuple[InputName, NDArray[Any] | None], ...] = (("x", tensors.x), ("w", tensors.w), ("b", tensors.b))
    inputs = tuple(to_native(name, array) for name, array in named if array is not None)
    return inputs, to_native("dy", tensors.dy)
