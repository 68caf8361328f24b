"""The data sets between which a timed case changes: the numbers that were checked, and the same numbers doubled.

Doubling x, b and dy doubles y, dx and db and makes dw four times as large. In a binary floating-point format that is
exact, whatever the order of summation. So the right results of the second set follow from checked ones of the first,
bit for bit, and cost nothing. (What overflows, or falls below the normal numbers, is checked in full where it matters.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import TensorName, Tensors

DataSet = int
"""The checked numbers times so many powers of two: 0 are these numbers, 1 is the double, -1 the half."""
DATA_SETS: tuple[DataSet, ...] = (0, 1)


def tensors_of_set(tensors: Tensors, number: DataSet) -> Tensors:
    """The read-only tensors of a data set, from those of the first; w is the same in both."""
    if not number:
        return tensors
    grown = {name: array * array.dtype.type(2.0**number) for name, array in _scaled(tensors)}
    for array in grown.values():
        array.flags.writeable = False
    return replace(tensors, **grown)


def result_of_set(name: TensorName, result: NDArray[Any], number: DataSet) -> NDArray[Any]:
    """The result that a data set has, from that of the first one.

    >>> import numpy as np
    >>> result_of_set("y", np.array([1.5]), 1), result_of_set("dw", np.array([1.5]), 1)
    (array([3.]), array([6.]))
    """
    if not number:
        return result
    with np.errstate(over="ignore"):
        grown: NDArray[Any] = result * result.dtype.type(2.0 ** (2 * number if name == "dw" else number))
    return grown


def _scaled(tensors: Tensors) -> Iterator[tuple[str, NDArray[Any]]]:
    named = {"x": tensors.x, "dy": tensors.dy, "b": tensors.b}
    return ((name, array) for name, array in named.items() if array is not None)
