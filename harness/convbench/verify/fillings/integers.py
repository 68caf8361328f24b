"""Integer data on which every right implementation gives the same bits.

Let L be `exact_limit`, 2^24 for float32: sums of integers are exact in any order while sum |a| |b| stays below L. With
values up to v that holds for K terms if v^2 K < L. As K grows, v shrinks from 4 to 1. Only then zeros are mixed in, as
many as make the expected sum L / 2; the rest is a margin of many standard deviations. (The idea is oneDNN's benchdnn.)
Zeros go into w for the sums of y and dx, into dy for those of dw and db, which run over all places of all instances.

What a maximum pools lies around -L / 2: numbers that differ do so in their last bits, and padding that is not -infinity
but some large negative number wins.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import exact_limit, numpy_dtype
from convbench.verify.bounds.terms import most_terms
from convbench_specs import Case, Conv, Flatten, Tensors

LARGEST_FACTOR = 4
"""What is drawn at most for a product or an average: enough to tell neighbours apart."""
LARGEST_CHOICE = 2048
"""What is drawn at most for a flatten or a maximum: they only choose."""

Generators = Callable[[str], np.random.Generator]


def draw_integers(case: Case, batch_size: int, generator: Generators) -> Tensors:
    """Tensors of positive and negative integers; `generator` gives the random numbers for a name."""
    operation, limit = case.operation, exact_limit(case.dtype)

    def draw(name: str, shape: tuple[int, ...], largest: int, density: float = 1.0) -> NDArray[Any]:
        numbers = generator(name)
        values = numbers.integers(1, largest, shape, dtype=np.int16, endpoint=True)
        np.negative(values, out=values, where=numbers.random(shape, dtype=np.float32) < 0.5)
        if density < 1:
            values[numbers.random(shape, dtype=np.float32) >= density] = 0
        return values.astype(numpy_dtype(case.dtype))

    x_shape, y_shape = case.x_shape(batch_size), case.y_shape(batch_size)
    if isinstance(operation, Flatten):
        largest = min(limit, LARGEST_CHOICE)
        return Tensors(x=draw("x", x_shape, largest), dy=draw("dy", y_shape, largest))
    if isinstance(operation, Conv):
        by_weight = max(most_terms(case, "y", batch_size), most_terms(case, "dx", batch_size))
        by_place = most_terms(case, "dw", batch_size)
        largest = min(LARGEST_FACTOR, max(1, isqrt((limit - 1) // max(by_weight, by_place, 1))))
        assert case.w_shape is not None
        return Tensors(
            x=draw("x", x_shape, largest),
            w=draw("w", case.w_shape, largest, _density(limit, largest**2 * by_weight)),
            b=None if case.b_shape is None else draw("b", case.b_shape, largest),
            dy=draw("dy", y_shape, largest, _density(limit, largest**2 * by_place)),
        )
    window, windows = prod(axis.kernel for axis in case.axes), most_terms(case, "dx", batch_size)
    shared = min(LARGEST_FACTOR, max(1, (limit - 1) // windows))
    dy = draw("dy", y_shape, shared, _density(limit, shared * windows))
    if operation.kind == "max":  # about as many numbers as a window has elements: its largest is often there twice
        x = draw("x", x_shape, min(max(2, window), limit // 2, LARGEST_CHOICE))
        x -= limit // 2
        return Tensors(x=x, dy=dy)
    largest = min(LARGEST_FACTOR, max(1, (limit - 1) // window))
    return Tensors(x=draw("x", x_shape, largest, _density(limit, largest * window)), dy=dy)


def _density(limit: int, largest_sum: int) -> float:
    """Share of non-zeros with which a sum that could reach largest_sum stays well below the limit."""
    return 1.0 if largest_sum < limit else limit / (2 * largest_sum)
