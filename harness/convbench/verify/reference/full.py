"""The right answer: y, dx, dw and db of a case in float64, and the sizes that a bound on rounding errors needs.

Independent of every backend: products.py and pooling.py follow the definitions of convbench_specs.operations by taps.
For float32 and below, float64 sums are far better than what they judge; for float64, precise.py takes the rounding
errors out. Everything is computed when it is asked for; beside the results only a working part of the batch is held.

    reference = oracle(case, make_tensors(case, 2, seed=0))
    reference.y, reference.dx         # right values, float64
    reference.bound("dx")             # how far a right implementation may be off, element by element
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.ranges import Range, below_normal, factor_names, range_of, smallest_normal
from convbench.verify.bounds.terms import Terms, is_chosen, is_random, most_terms, terms_of
from convbench.verify.bounds.tolerance import Sums, rounding_bound
from convbench.verify.reference import pooling, precise, products
from convbench.verify.reference.windows import parts
from convbench_specs import Case, Conv, Flatten, Pool, TensorName, Tensors, tensors_of

Array = NDArray[Any]


def oracle(case: Case, tensors: Tensors) -> Reference:
    """The right results of a case on the given tensors, whatever their dtype."""
    return Reference(case, tensors)


class Reference:
    """Right results, computed on first use and kept.

    An element of a result is r = sum of a_i b_i over K `terms`, a bias being one of them. `values` holds r, `spread`
    sqrt(sum of (a_i b_i)^2), `magnitude` sum of |a_i b_i|.
    """

    def __init__(self, case: Case, tensors: Tensors) -> None:
        self.case = case
        self.tensors = tensors
        self.batch_size = len(tensors.x)
        self._values: dict[TensorName, Array] = {}
        self._bounds: dict[tuple[TensorName, Sums], Array] = {}
        self._ranges: dict[str, Range] = {}

    @property
    def names(self) -> tuple[TensorName, ...]:
        """The results that the case has, y first."""
        return tensors_of(self.case, "both")

    @property
    def y(self) -> Array:
        """The forward pass."""
        return self.values("y")

    @property
    def dx(self) -> Array:
        """The gradient of sum(y * dy) by x."""
        return self.values("dx")

    @property
    def dw(self) -> Array:
        """The gradient of sum(y * dy) by w; SpecError where the case has no weights."""
        return self.values("dw")

    @property
    def db(self) -> Array:
        """The gradient of sum(y * dy) by b; SpecError where the case has no bias."""
        return self.values("db")

    def values(self, name: TensorName) -> Array:
        """A right result, float64, canonical shape; SpecError where the case has no such result."""
        if name not in self._values:
            self._values[name] = self._compute(name, _Arithmetic(np.float64, precise=self.case.dtype == "float64"))
        return self._values[name]

    def bound(self, name: TensorName, sums: Sums = "float32") -> Array:
        """How far a right implementation in the case's dtype may be off, in the shape of the result."""
        if (name, sums) not in self._bounds:
            self._bounds[name, sums] = rounding_bound(self, name, sums)
        return self._bounds[name, sums]

    def select(self, name: TensorName, result: Array) -> Array:  # noqa: ARG002 - a sample needs the name
        """The part of a result that `values` holds: all of it."""
        return result

    def place(self, name: TensorName, index: tuple[int, ...]) -> tuple[int, ...]:  # noqa: ARG002 - the same
        """Where in the result an element of `values` is."""
        return index

    def terms(self, name: TensorName) -> Terms:
        """K, how many terms an element sums up: a number, or an array that broadcasts against the result."""
        return terms_of(self.case, name, self.batch_size)

    def is_chosen(self, name: TensorName) -> bool:
        """Whether each element is 0 or copied from an input, so that any rounding at all is an error."""
        return is_chosen(self.case, name)

    def is_random(self, name: TensorName) -> bool:
        """Whether the terms have random signs; averages and lines of photos have not."""
        return is_random(self.case, name)

    def bias(self, name: TensorName) -> Array:
        """|b| where it is added, broadcasting against the result, or 0; in the dtype of b."""
        if name != "y" or self.tensors.b is None:
            return np.zeros((), np.float32)
        absolute: Array = np.abs(self.tensors.b)
        return absolute.reshape(-1, *(1,) * len(self.case.axes))

    def spread(self, name: TensorName) -> Array:
        """sqrt(sum of squared terms): the size that sums of random terms have."""
        if self._is_within_float32(name):
            squares = self._compute(name, _Arithmetic(np.float32, each=np.square))
            return np.sqrt(squares, out=squares)
        tensors, exponent = self._scaled(name)
        squares = self._compute(name, _Arithmetic(np.float64, each=np.square), tensors)
        scaled = np.ldexp(np.sqrt(squares, out=squares), exponent, out=squares)
        return np.hypot(scaled, self.bias(name), out=scaled)

    def magnitude(self, name: TensorName) -> Array:
        """Sum of the absolute terms: no partial sum, in whatever order, can be larger."""
        if self._is_within_float32(name):
            return self._compute(name, _Arithmetic(np.float32, each=np.abs))
        tensors, exponent = self._scaled(name)
        sums = self._compute(name, _Arithmetic(np.float64, each=np.abs), tensors)
        scaled: Array = np.ldexp(sums, exponent, out=sums)
        return np.add(scaled, self.bias(name), out=scaled)

    def flushed(self, name: TensorName) -> Array:
        """Sum of the absolute terms that have a factor below the smallest normal number; 0 where there is none."""
        total = np.zeros(())
        for factor in factor_names(self.case, name):
            if self._range(factor).smallest < smallest_normal(self.case.dtype):
                tensors = below_normal(self.case, self.tensors, factor)
                total = total + Reference(self.case, tensors).magnitude(name)
        return total

    def _is_within_float32(self, name: TensorName) -> bool:
        """Whether squares of factors, and their products, are far from the limits of float32."""
        factors = [*factor_names(self.case, name), *("b" if name == "y" else "")]
        return all(self._range(factor).is_moderate for factor in factors)

    def _range(self, factor: str) -> Range:
        if factor not in self._ranges:
            self._ranges[factor] = range_of(getattr(self.tensors, factor))
        return self._ranges[factor]

    def _scaled(self, name: TensorName) -> tuple[Tensors, int]:
        """The tensors without a bias, with factors of a result brought near 1; the exponent of 2 that was taken out."""
        exponents = {factor: self._range(factor).exponent for factor in factor_names(self.case, name)}
        scaled = {
            factor: np.ldexp(getattr(self.tensors, factor).astype(np.float64), -exponent)
            for factor, exponent in exponents.items()
        }
        return replace(self.tensors, **scaled, b=None), sum(exponents.values())

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite has its right values, too
    def _compute(self, name: TensorName, arithmetic: _Arithmetic, tensors: Tensors | None = None) -> Array:
        self.case.shape_of(name, self.batch_size)
        operation, given = self.case.operation, tensors or self.tensors
        if isinstance(operation, Conv):
            return _convolved(self.case, given, name, arithmetic)
        if isinstance(operation, Pool):
            return _pooled(self.case, given, name, arithmetic)
        return arithmetic.read(_flattened(self.case, given, name)).astype(arithmetic.dtype)


@dataclass(frozen=True, slots=True)
class _Arithmetic:
    """How sums are taken: in which dtype, of what is made of each factor, and whether free of rounding errors."""

    dtype: Any
    each: Callable[..., Array] | None = None
    precise: bool = False

    def read(self, tensor: Array) -> Array:
        """What is made of each element, in the dtype; the tensor itself where nothing is."""
        return tensor if self.each is None else self.each(tensor, dtype=self.dtype)

    def product(self, function: Callable[..., Array], case: Case, a: Array, b: Array, terms: int) -> Array:
        """function(case, a, b, dtype), one of the products of a convolution."""
        multiply = partial(function, case, dtype=self.dtype)
        return precise.bilinear(multiply, a, b, terms) if self.precise else multiply(a, b, each=self.each)

    def total(self, function: Callable[[Array], Array], a: Array, terms: int) -> Array:
        """function(a), which only adds elements of a."""
        return precise.linear(function, a, terms) if self.precise else function(self.read(a))


def _convolved(case: Case, tensors: Tensors, name: TensorName, arithmetic: _Arithmetic) -> Array:
    x, dy, w, b = tensors.x, tensors.dy, tensors.w, tensors.b
    terms = most_terms(case, name, len(x))
    assert w is not None
    if name == "y":
        y = arithmetic.product(products.forward, case, x, w, terms)
        if b is not None:
            y += arithmetic.read(b).reshape(-1, *(1,) * len(case.axes))
        return y
    if name == "dx":
        return arithmetic.product(products.input_gradient, case, dy, w, terms)
    if name == "dw":
        return arithmetic.product(products.weight_gradient, case, x, dy, terms)
    if arithmetic.precise:
        return precise.linear(partial(_over_places, arithmetic=arithmetic), dy, terms)
    return _over_places(dy, arithmetic)


def _over_places(dy: Array, arithmetic: _Arithmetic) -> Array:
    """Sum over instances and places, some filters at a time."""
    total, places = np.empty(dy.shape[1], arithmetic.dtype), (0, *range(2, dy.ndim))
    for part in parts(dy.shape[1], max(1, products.PART_ELEMENTS * dy.shape[1] // max(1, dy.size))):
        total[part] = arithmetic.read(dy[:, part]).sum(axis=places, dtype=arithmetic.dtype)
    return total


def _pooled(case: Case, tensors: Tensors, name: TensorName, arithmetic: _Arithmetic) -> Array:
    assert isinstance(case.operation, Pool)
    x, dy, dtype = tensors.x, tensors.dy, arithmetic.dtype
    terms = most_terms(case, name, len(x))
    if case.operation.kind == "max":
        if name == "y":
            return arithmetic.read(pooling.maximum(case, x, dtype))
        return arithmetic.total(lambda share: pooling.maximum_gradient(case, x, share, dtype), dy, terms)
    counts = arithmetic.read(pooling.shared_divisors(case))
    if name == "y":
        sums = arithmetic.total(lambda share: pooling.window_sum(case, share, dtype), x, terms)
        sums /= counts
        return sums
    if not arithmetic.precise:
        return pooling.window_spread(case, np.divide(arithmetic.read(dy), counts, dtype=dtype), dtype)
    quotients, rest = precise.quotient(dy, counts)
    dx = precise.linear(lambda share: pooling.window_spread(case, share, dtype), quotients, terms)
    dx += pooling.window_spread(case, rest, dtype)
    return dx


def _flattened(case: Case, tensors: Tensors, name: TensorName) -> Array:
    assert isinstance(case.operation, Flatten)
    batch_size, (channels, *places) = len(tensors.x), case.input_shape
    first = case.operation.order == "channels_first"
    if name == "y":
        x = tensors.x if first else np.moveaxis(tensors.x, 1, -1)
        return x.reshape(case.y_shape(batch_size))
    if first:
        return tensors.dy.reshape(case.x_shape(batch_size))
    return np.moveaxis(tensors.dy.reshape(batch_size, *places, channels), -1, 1)
