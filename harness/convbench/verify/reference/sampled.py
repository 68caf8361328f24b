"""The right answer at some places only, for cases that are too large for all of it.

At each place the factors of every term are gathered by index, which shares nothing with the full oracle but the
definitions. Places are where kernels break: all corners, and for the rest, on each axis, as often a place at an edge or
next to a multiple of a usual block size as any place at all. db is small whatever the case, and the sum of dy: all of
it is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.ranges import smallest_normal
from convbench.verify.bounds.terms import Terms, is_chosen, is_random, terms_of
from convbench.verify.bounds.tolerance import Sums, rounding_bound
from convbench.verify.reference import precise
from convbench.verify.reference.factors import factors_of
from convbench.verify.reference.full import Reference, oracle
from convbench_specs import Case, TensorName, Tensors, multiply_adds, tensors_of

Array = NDArray[Any]
Index = tuple[int, ...]

MOST_MULTIPLY_ADDS = 4 * 10**9
"""Of a forward pass over the batch; above, the full oracle takes seconds."""
MOST_ELEMENTS = 2**27
"""Of the largest tensor; above, its float64 copy alone takes a gigabyte."""
MOST_TERMS = 2**28
"""Of all places of one tensor together."""
PLACES = 256
"""Places of a tensor, unless its elements have too many terms."""
BLOCKS = (8, 16, 32, 64, 128, 256)
"""Block sizes of kernels, where their tails begin."""


def too_large(case: Case, batch_size: int) -> bool:
    """Whether the full oracle would take too long or too much memory, so that a sample has to do."""
    elements = max(prod(case.shape_of(name, batch_size)) for name in tensors_of(case, "both"))
    return multiply_adds(case) * batch_size > MOST_MULTIPLY_ADDS or elements > MOST_ELEMENTS


def sampled_oracle(case: Case, tensors: Tensors, *, seed: int, places: int = PLACES) -> Sample:
    """Right values of a case at about `places` places of each result."""
    return Sample(case, tensors, seed=seed, places=places)


def right_values(case: Case, tensors: Tensors, *, seed: int) -> Reference | Sample:
    """All right values of a case, or where that is too large a sample of them."""
    if too_large(case, len(tensors.x)):
        return sampled_oracle(case, tensors, seed=seed)
    return oracle(case, tensors)


@dataclass(frozen=True, slots=True)
class _Places:
    """The chosen places of one tensor, as index arrays, and what was computed there."""

    indices: tuple[NDArray[np.intp], ...]
    corners: int
    values: Array
    spreads: Array
    magnitudes: Array
    flushed: Array
    terms: Terms


class Sample:
    """Right values at some places; offers what Reference does, with one axis in place of the result's own."""

    def __init__(self, case: Case, tensors: Tensors, *, seed: int, places: int = PLACES) -> None:
        self.case = case
        self.tensors = tensors
        self.batch_size = len(tensors.x)
        self._seed = seed
        self._most = places
        self._places: dict[TensorName, _Places] = {}

    @property
    def names(self) -> tuple[TensorName, ...]:
        """The results that the case has, y first."""
        return tensors_of(self.case, "both")

    def values(self, name: TensorName) -> Array:
        """The right values at the places, float64, one axis."""
        return self._at(name).values

    def bound(self, name: TensorName, sums: Sums = "float32") -> Array:
        """How far a right implementation may be off at the places."""
        return rounding_bound(self, name, sums)

    def select(self, name: TensorName, result: Array) -> Array:
        """The values of a whole result at the places."""
        return result[self._at(name).indices]

    def place(self, name: TensorName, index: Index) -> Index:
        """Where in the result an element of `values` is."""
        return tuple(int(along[index[0]]) for along in self._at(name).indices)

    def describe(self, name: TensorName) -> str:
        """What was sampled, in words."""
        places, shape = self._at(name), self.case.shape_of(name, self.batch_size)
        count = len(places.values)
        if count == prod(shape):
            return f"{name}: all {count:,} elements"
        drawn = count - places.corners
        return f"{name}: {count:,} of {prod(shape):,} elements: {places.corners} corners, {drawn} drawn"

    def terms(self, name: TensorName) -> Terms:
        """K at the places."""
        return self._at(name).terms

    def spread(self, name: TensorName) -> Array:
        """sqrt(sum of squared terms) at the places."""
        return self._at(name).spreads.copy()

    def magnitude(self, name: TensorName) -> Array:
        """Sum of the absolute terms at the places."""
        return self._at(name).magnitudes.copy()

    def flushed(self, name: TensorName) -> Array:
        """Sum of the absolute terms at the places that have a factor below the smallest normal number."""
        return self._at(name).flushed

    def bias(self, name: TensorName) -> Array:
        """|b| at the places where it is added, or 0."""
        if name != "y" or self.tensors.b is None:
            return np.zeros((), np.float32)
        absolute: Array = np.abs(self.tensors.b[self._at("y").indices[1]])
        return absolute

    def is_chosen(self, name: TensorName) -> bool:
        """Whether each element is 0 or copied from an input."""
        return is_chosen(self.case, name)

    def is_random(self, name: TensorName) -> bool:
        """Whether the terms have random signs."""
        return is_random(self.case, name)

    def _at(self, name: TensorName) -> _Places:
        if name not in self._places:
            self._places[name] = self._compute(name)
        return self._places[name]

    def _all_of_db(self) -> _Places:
        reference = oracle(self.case, self.tensors)
        values = reference.values("db")
        sizes = reference.spread("db"), reference.magnitude("db"), reference.flushed("db")
        everything = (np.arange(len(values)),)
        return _Places(everything, 0, values, *sizes, terms_of(self.case, "db", self.batch_size))

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite has its right values, too
    def _compute(self, name: TensorName) -> _Places:
        if name == "db":
            return self._all_of_db()
        shape, terms = self.case.shape_of(name, self.batch_size), terms_of(self.case, name, self.batch_size)
        most = max(16, min(self._most, MOST_TERMS // max(1, int(np.max(terms)))))
        chosen, corners = choose_places(shape, most, np.random.default_rng([self._seed, *name.encode()]))
        factors, normal = factors_of(self.case, self.tensors, name), smallest_normal(self.case.dtype)
        values, spreads, magnitudes, flushed = (np.zeros(len(chosen)) for _ in range(4))
        for number, place in enumerate(chosen):
            a, b = (np.ravel(each).astype(np.float64) for each in factors(place))
            values[number] = precise.bilinear(_dot, a, b, max(1, a.size))[()]
            spreads[number], magnitudes[number] = _spread(a, b), np.dot(np.abs(a), np.abs(b))
            below = (np.abs(a) < normal) | (np.abs(b) < normal)
            flushed[number] = np.dot(np.abs(a[below]), np.abs(b[below]))
        indices = tuple(np.array([place[dim] for place in chosen], np.intp) for dim in range(len(shape)))
        there: Terms = terms if isinstance(terms, int) else np.broadcast_to(terms, shape)[indices]
        return _Places(indices, corners, values, spreads, magnitudes, flushed, there)


def _spread(a: Array, b: Array) -> float:
    """sqrt(sum of (a b)^2), whatever the exponents: the factors are brought near 1 first."""
    exponents = [int(np.frexp(np.max(np.abs(each), initial=0.0))[1]) for each in (a, b)]
    one, other = (np.ldexp(each, -exponent) for each, exponent in zip((a, b), exponents, strict=True))
    return float(np.ldexp(np.sqrt(np.dot(one * one, other * other)), sum(exponents)))


def choose_places(shape: Index, most: int, generator: np.random.Generator) -> tuple[list[Index], int]:
    """Distinct places of an array, all corners first, `most` at most; and how many of them are corners."""
    if 0 in shape:
        return [], 0
    corners = list(dict.fromkeys(product(*[(0, size - 1) for size in shape])))
    if prod(shape) <= most:
        places = list(dict.fromkeys([*corners, *np.ndindex(*shape)]))
        return places, len(corners)
    edges = [_edges(size) for size in shape]
    drawn = dict.fromkeys(corners)
    for _ in range(most - len(corners)):
        place = tuple(
            int(generator.choice(edge) if generator.random() < 0.5 else generator.integers(size))
            for size, edge in zip(shape, edges, strict=True)
        )
        drawn[place] = None
    return list(drawn), len(corners)


def _edges(size: int) -> list[int]:
    """Places at the ends of an axis and on both sides of the limits of blocks, that of each last whole block too."""
    limits = {0, 1, size - 1, *BLOCKS, *(size // block * block for block in BLOCKS)}
    return [place for place in range(size) if place in limits or place + 1 in limits]


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.dot(a, b))
