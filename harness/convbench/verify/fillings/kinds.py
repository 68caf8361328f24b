"""The kinds of data that are not plain random numbers: how the tensors of each are drawn.

Rules:
- What a kind says nothing of is drawn as plain random numbers are: normal, w divided by sqrt(fan-in).
- Sizes follow the range of the dtype, so that "huge" overflows a square in each: about 1e19 in float32, 256 in float16.
- NaN and infinity stand in x and dy, never in w or b. An element of dy is only replaced where its window reads no
  padding: whether a tap on padding multiplies dy by zero, which makes NaN, or is left out, is open by the spec.
- They are few, so that most results stay numbers; some have a neighbour of their kind, so that windows see several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import LARGEST, SMALLEST, round_to
from convbench_specs import Case, Conv, DataKind, DType, Tensors

Generators = Callable[[str], np.random.Generator]
"""The random numbers for a name."""
Array = NDArray[Any]

OFFSET = 1000.0
HUGE, LESS_HUGE = 0.5, 0.25
"""Exponents of the largest number: squares of the first overflow, products of both do not."""
TINY = 0.58
"""Exponent of the smallest normal number: 1e-22 in float32, whose square is below the smallest number of all."""
SMALLEST_NORMAL = SMALLEST | {"float16": 2.0**-14}
DECADES = {"float16": (-3.0, 2.0)}
"""Powers of ten that "wide" data reach, where they are not WIDE."""
WIDE = (-6.0, 6.0)
FEW_VALUES = (-1.5, 0.25, 2.0)
ZEROS = (-0.0, 0.0, -1.0)
X_SHARE, DY_SHARE = 1 / 100, 1 / 500
"""Of the elements, how many are not finite, one at least; one of dy reaches far in dw."""


def draw_kind(case: Case, plain: Tensors, kind: DataKind, generator: Generators) -> Tensors:
    """Tensors of a kind, in the dtype of the case; `plain` are random ones of the same case."""
    if kind in ("not-a-number", "infinite"):
        values = (np.nan,) if kind == "not-a-number" else (np.inf, -np.inf)
        x = _with(plain.x, values, np.arange(plain.x.size), X_SHARE, generator("places in x"))
        dy = _with(plain.dy, values, _unpadded(case, plain.dy.shape), DY_SHARE, generator("places in dy"))
        return replace(plain, x=x, dy=dy)
    if kind == "constant":
        numbers = iter(generator("constant").uniform(0.5, 1.5, 4))
        return _each(plain, lambda array: round_to(np.full(array.shape, next(numbers)), case.dtype))
    if kind in ("tiny", "huge", "denormal"):
        return _scaled(case, plain, kind)
    if kind == "wide":

        def widened(name: str, array: Array) -> Array:
            powers = generator(f"exponents of {name}").uniform(*DECADES.get(case.dtype, WIDE), array.shape)
            return round_to(array * 10.0**powers, case.dtype)

        return replace(plain, x=widened("x", plain.x), dy=widened("dy", plain.dy))
    if kind == "offset":
        x = plain.x.astype(np.float64) + OFFSET
    elif kind == "negative":
        x = negative(plain.x, case.dtype)
    else:
        x = generator("few values").choice(FEW_VALUES if kind == "tied" else ZEROS, plain.x.shape)
    return replace(plain, x=round_to(x, case.dtype))


def negative(x: Array, dtype: DType) -> Array:
    """The same numbers below zero: -1/2 at most."""
    return round_to(-np.abs(x.astype(np.float64)) - 0.5, dtype)


def _each(plain: Tensors, change: Callable[[Array], Array]) -> Tensors:
    w, b = plain.w, plain.b
    return Tensors(
        x=change(plain.x),
        dy=change(plain.dy),
        w=None if w is None else change(w),
        b=None if b is None else change(b),
    )


def _scaled(case: Case, plain: Tensors, kind: DataKind) -> Tensors:
    """x, b and dy of other sizes; w as it is, so that y and dx are of those sizes, too."""
    normal, largest = SMALLEST_NORMAL[case.dtype], LARGEST[case.dtype]
    scale = {"tiny": normal**TINY, "huge": largest**HUGE, "denormal": 0.99 * normal}[kind]
    scale_dy = largest**LESS_HUGE if kind == "huge" else scale

    def scaled(array: Array, by: float) -> Array:
        wide = array.astype(np.float64)
        # the fractional part keeps numbers below 1, and so the products below the smallest normal number
        return round_to((np.modf(wide)[0] if kind == "denormal" else wide) * by, case.dtype)

    b = None if plain.b is None else scaled(plain.b, scale)
    return replace(plain, x=scaled(plain.x, scale), dy=scaled(plain.dy, scale_dy), b=b)


def _with(array: Array, values: tuple[float, ...], allowed: Array, share: float, random: np.random.Generator) -> Array:
    """A copy with some of the allowed flat places replaced, and the place behind every second where that is allowed."""
    changed = array.copy()
    if allowed.size:
        places = random.choice(allowed, max(1, int(share * allowed.size)), replace=False)
        places = np.append(places, np.intersect1d(places[::2] + 1, allowed))
        changed.reshape(-1)[places] = random.choice(values, places.size)
    return changed


def _unpadded(case: Case, dy_shape: tuple[int, ...]) -> Array:
    """The flat places of dy whose windows read no padding; all of them where padding is nothing to multiply by."""
    if not isinstance(case.operation, Conv) or case.operation.padding_mode != "zeros":
        return np.arange(np.prod(dy_shape, dtype=int))
    along = [np.array(axis.taps()) == axis.kernel for axis in case.axes]
    inside = reduce(np.logical_and.outer, along)
    return np.flatnonzero(np.broadcast_to(inside, dy_shape))
