"""How far a right result may be from the right value: every tolerance of convbench, and why it is what it is.

An element of a result is r = sum of a_i b_i over K terms, computed with unit roundoff u. With T = sqrt(sum
(a_i b_i)^2) and S = sum |a_i b_i|:

    float64, float32     min(u sqrt(K) (6 (|r| + T) + r^2 / T) + 2 u |r|, g S) + K tiny

with g = (K + 2) u / (1 - (K + 2) u):

- 6 u sqrt(K) (|r| + T) is statistical. Each addition errs by at most u times the partial sum that it makes. Terms of
  random sign make partial sums of about T on their way to r, and errors of random sign add up like their root mean
  square: sqrt(K) u (|r| + T) is their size, times a constant near 1. Measured, the constant was 1.6 for the worst
  element of any framework on normal data and 1.8 for a million positive numbers added in turn; docs/verification.md has
  the table.
- u sqrt(K) r^2 / T is drift. The errors of terms that are equal are equal, too, and add up to u K |r| / 2 where they
  are added in turn. Then T = |r| / sqrt(K), and the term is u K |r|. Among terms of random sign r is of the size of T,
  and the term of that of the first one: nobody has to know what the data are.
- 2 u |r| is the rounding of the result and that of the right value.
- g S is certain: no order of summation can exceed it (Higham, Accuracy and Stability of Numerical Algorithms, section
  4.2), with a rounding for each product and two more, for a reciprocal and its product in an average. It is the sharper
  one for few terms, and computed up to CERTAIN_TERMS of them. It is the only one where terms are not random: averages
  or line filters of photos.
- tiny is the smallest normal number: JAX and TensorFlow flush to zero what is below. They read numbers below it as
  zero, too: terms that have such a factor may be missing, and are added to the bound as they are.

    bfloat16, float16    u (2 |r| + |b|) + the above with u = 2^-24                where sums are taken in float32
                         the formula above with their own u                        where they are taken in the dtype

The second is loose, and only for what fails the first: low_precision.py says when it is granted. |b| is a bias that is
added to a rounded sum.

Everything is computed in float64 and, but for float64 cases, kept in float32, so that no bound is lost to overflow or
underflow: squares are beyond float32 for data of 1e19 and of 1e-22 already.

Maxima and flatten only choose: their bound is 0, but for dx where windows overlap and gradients are summed. Winograd,
FFT and reduced precision such as TF32 compute other sums of products; they exceed the bound, and are meant to.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.blocks import in_blocks
from convbench.verify.bounds.dtypes import LOW_PRECISION, SMALLEST, numpy_dtype, unit_roundoff
from convbench.verify.bounds.terms import Terms
from convbench_specs import Case, TensorName

STATISTICAL = 6.0
"""Times u sqrt(K) (|r| + T): more than three times the worst of the table in docs/verification.md."""
CERTAIN_TERMS = 32
"""Up to this many terms of random sign the certain bound is worth its computation."""
SUMS_IN_FLOAT32 = 2.0**-24
Array = NDArray[Any]
Sums = Literal["float32", "own"]
"""Where a low precision takes its sums: in float32, rounding once, or in its own dtype."""


class Sizes(Protocol):
    """What the bound needs of a result: the oracle's Reference, or places of it.

    Sizes are float32 where every one of them is far from the limits of float32, else float64.
    """

    case: Case

    def values(self, name: TensorName) -> NDArray[np.float64]:
        """The right values r."""

    def terms(self, name: TensorName) -> Terms:
        """K."""

    def is_chosen(self, name: TensorName) -> bool:
        """Whether no sum is taken at all."""

    def is_random(self, name: TensorName) -> bool:
        """Whether the terms have random signs."""

    def spread(self, name: TensorName) -> Array:
        """T; a new array."""

    def magnitude(self, name: TensorName) -> Array:
        """S; a new array."""

    def flushed(self, name: TensorName) -> Array:
        """The part of S that has a factor below the smallest normal number; 0 without axes where no factor is."""

    def bias(self, name: TensorName) -> Array:
        """|b|, broadcasting against the values; 0 where none is added."""


def rounding_bound(sizes: Sizes, name: TensorName, sums: Sums) -> Array:
    """The largest error of a right result, element by element; see the module's docstring.

    In float64 for a float64 case, in float32 for others. `sums` matters to bfloat16 and float16 only.
    """
    if sizes.is_chosen(name):
        return np.zeros(sizes.values(name).shape, _kept(sizes.case))
    return _of_sums(sizes, name, is_rounded=sums == "float32" and sizes.case.dtype in LOW_PRECISION)


def _of_sums(sizes: Sizes, name: TensorName, *, is_rounded: bool) -> Array:
    """The bound of sums in the case's dtype, or of float32 sums that are rounded to it."""
    case, values = sizes.case, sizes.values(name)  # first: computing the values takes more memory than what follows
    unit, terms = (SUMS_IN_FLOAT32 if is_rounded else unit_roundoff(case.dtype)), sizes.terms(name)
    own, tiny = unit_roundoff(case.dtype), SMALLEST["float32" if is_rounded else case.dtype]
    rounding, last = 2 * own, 2 * SMALLEST[case.dtype] if is_rounded else 0.0
    bias = sizes.bias(name) if is_rounded else np.zeros(())
    is_random, few = sizes.is_random(name) or is_rounded, np.max(terms, initial=0) <= CERTAIN_TERMS
    certain = sizes.magnitude(name) if not is_random or (few and not is_rounded) else None
    bound, largest = _room(sizes.spread(name), case), float(np.finfo(_kept(case)).max)
    sized = [] if certain is None else [certain]
    operands = [values, np.asarray(terms), bias, sizes.flushed(name), *sized]
    # what is not finite has no bound, and takes none
    with np.errstate(invalid="ignore", over="ignore"), in_blocks(bound, *operands, use="readwrite") as blocks:
        for here, r, k, b, missing, *magnitude in blocks:
            absolute = np.abs(r)
            error = statistical(absolute, here, k, unit) + rounding * absolute if is_random else np.inf
            if magnitude:
                most = np.minimum((k + 2) * unit, 0.999)  # beyond, nothing is certain at all
                error = np.minimum(error, most / (1 - most) * magnitude[0])
            here[...] = np.minimum(error + own * b + missing + k * tiny + last, largest)
    return bound.astype(_kept(case), copy=False)


def statistical(r: Array, spread: Array, terms: Array, unit: float) -> Array:
    """Return u sqrt(K) (6 (|r| + T) + r^2 / T), of |r| and T, all float64."""
    drift = np.divide(r, spread, out=np.zeros_like(r), where=spread > 0)
    drift *= r
    return unit * np.sqrt(terms) * (STATISTICAL * (r + spread) + drift)


def _kept(case: Case) -> np.dtype[Any]:
    """The dtype of a bound: a float64 case has bounds that float32 cannot hold."""
    return np.dtype(np.float64 if numpy_dtype(case.dtype) == np.float64 else np.float32)


def _room(spread: Array, case: Case) -> Array:
    """The spread in an array that can hold the bound, in place where that is possible."""
    return spread if spread.dtype == _kept(case) else spread.astype(np.float64, copy=False)
