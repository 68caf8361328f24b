"""Central differences: the change of <y, dy> by one element of x, w or b is that element's gradient.

Of a linear map the difference is exact for any step; for a maximum the step is smaller than the distance of any two
elements of x. Only for float64, where rounding leaves something of it.

A pair of forward passes gives many differences: each instance of x, and each filter of w and b, has an effect on a part
of y of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import fsum, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.terms import is_chosen
from convbench.verify.check import Results
from convbench.verify.compare import Deviation, compare
from convbench.verify.identities.adjoint import PASSES, Compute
from convbench.verify.identities.expected import Expected, expect
from convbench_specs import Case, TensorName, Tensors

Array = NDArray[Any]
INPUTS: Mapping[TensorName, str] = {"dx": "x", "dw": "w", "db": "b"}
"""What each gradient is by."""


def finite_differences(
    case: Case, tensors: Tensors, whole: Results, compute: Compute, *, seed: int, rounds: int = 2
) -> list[Deviation]:
    """Compare dx, dw and db with central differences of <y, dy> at some elements of each.

    For a case in float64, whose results on `tensors` are `whole`. What only chooses gets an x of its own, of different
    integers. A round moves one element of x in every instance, or of w in every filter, or all of b: each moves a part
    of y of its own, so two forward passes give as many differences. Rounds move different elements.
    """
    generator = np.random.default_rng(seed)
    step = 1.0
    if is_chosen(case, "y"):
        distinct = generator.permutation(tensors.x.size).astype(np.float64).reshape(tensors.x.shape)
        tensors, step = replace(tensors, x=distinct), 0.25
        whole = compute(tensors, PASSES)
    expected_y, found = expect(case, tensors, "y"), []
    for name in case.gradient_names:
        gradient = whole[name]
        if not gradient.size:
            continue
        parts = len(gradient)  # instances, or filters
        orders = generator.permuted(np.tile(np.arange(gradient.size // parts), (parts, 1)), axis=1)
        moved = [orders[:, turn] + np.arange(parts) * orders.shape[1] for turn in range(min(rounds, orders.shape[1]))]
        ends = [_ends(case, tensors, compute, name=name, elements=each, step=step) for each in moved]
        slopes, errors = np.concatenate([_slopes(each, expected_y) for each in ends], axis=1)
        elements = np.concatenate(moved)
        actual = gradient.ravel()[elements]
        deviation = compare(name, actual, slopes, errors + expect(case, tensors, name).bound(actual))
        found.append(_at_elements(deviation, elements, gradient.shape))
    return found


Ends = list[tuple[float, Array, Array, Array]]
"""By element: how far it was moved, what it has an effect on of y at both ends, and that part of dy."""


def _ends(case: Case, tensors: Tensors, compute: Compute, *, name: TensorName, elements: Array, step: float) -> Ends:
    """Move elements of an input, each of another part, up and down."""
    field, ends, values = INPUTS[name], [], []
    for move in (step, -step):
        changed = getattr(tensors, field).copy()
        changed.flat[elements] += move
        changed.flags.writeable = False
        values.append(changed.ravel()[elements])
        y = compute(replace(tensors, **{field: changed}), ("forward",))["y"]
        ends.append(_parts_of_y(case, name, y))
    runs = (values[0] - values[1]).tolist()
    return list(zip(runs, *ends, _parts_of_y(case, name, tensors.dy), strict=True))


def _parts_of_y(case: Case, gradient: TensorName, y: Array) -> Iterator[Array]:
    """What each instance of x, or each filter of w and b, alone has an effect on."""
    if gradient != "dx":
        y = y.reshape(len(y), case.output_shape[0], prod(case.output_shape[1:])).swapaxes(0, 1)
    yield from y.reshape(len(y), prod(y.shape[1:]))


def _slopes(ends: Ends, expected: Expected) -> tuple[list[float], list[float]]:
    """Central differences of <y, dy>, and their rounding errors."""
    slopes, errors = [], []
    for run, up, down, dy in ends:
        touched = up != down
        largest = np.maximum(np.abs(up[touched]), np.abs(down[touched]))
        slopes.append(fsum((up[touched] - down[touched]) * dy[touched]) / run)
        errors.append(sqrt(fsum((2 * expected.bound(largest) * dy[touched]) ** 2)) / run)
    return slopes, errors


def _at_elements(deviation: Deviation, elements: Array, shape: tuple[int, ...]) -> Deviation:
    """The deviation of chosen elements with their places in the whole tensor."""

    def place(found: Any) -> Any:
        if found is None:
            return None
        index = np.unravel_index(int(elements[found.index[0]]), shape)
        return replace(found, index=tuple(int(i) for i in index))

    return replace(deviation, first=place(deviation.first), worst=place(deviation.worst))
