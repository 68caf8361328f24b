"""How far a right result may be from the right value: every tolerance of convbench, and why it is what it is.

An element of a result is r = sum of a_i b_i over K terms, computed with unit roundoff u. With T = sqrt(sum
(a_i b_i)^2) and S = sum |a_i b_i|:

    float64, float32     min(6 u sqrt(K) (|r| + T) + 2 u |r|, g S) + K tiny      g = (K + 2) u / (1 - (K + 2) u)

- The first is statistical. Each addition errs by at most u times the partial sum that it makes. Terms of random sign
  make partial sums of about T on their way to r, and errors of random sign add up like their root mean square:
  sqrt(K) u (|r| + T) is their size, times a constant near 1. Measured, the constant was 1.6 for the worst element of
  any framework on normal data and 1.8 for a million positive numbers added in turn; docs/verification.md has the table.
- 2 u |r| is the rounding of the result and that of the right value.
- g S is certain: no order of summation can exceed it (Higham, Accuracy and Stability of Numerical Algorithms, section
  4.2), with a rounding for each product and two more, for a reciprocal and its product in an average. It is the sharper
  one for few terms, and computed up to CERTAIN_TERMS of them. It is the only one where terms are not random: averages
  or line filters of photos, whose terms have one sign and often one value.
- tiny is the smallest normal number: JAX and TensorFlow flush to zero what is below.

    bfloat16, float16    u (2 |r| + |b|) + 6 * 2^-24 sqrt(K) (|r| + T) + 2 tiny    where sums are taken in float32
                         the formula above with their own u                        where they are taken in the dtype

The second is loose, and only for what fails the first: see check.py. |b| is a bias that is added to a rounded sum.

Maxima and flatten only choose: their bound is 0, but for dx where windows overlap and gradients are summed. Winograd,
FFT and reduced precision such as TF32 compute other sums of products; they exceed the bound, and are meant to.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import LOW_PRECISION, SMALLEST, unit_roundoff
from convbench.verify.bounds.terms import Terms
from convbench_specs import Case, TensorName

STATISTICAL = 6.0
"""Times u sqrt(K) (|r| + T): more than three times the worst of the table in docs/verification.md."""
CERTAIN_TERMS = 32
"""Up to this many terms of random sign the certain bound is worth its computation."""
SUMS_IN_FLOAT32 = 2.0**-24

Sums = Literal["float32", "own"]
"""Where a low precision takes its sums: in float32, rounding once, or in its own dtype."""


class Sizes(Protocol):
    """What the bound needs of a result: the oracle's Reference, or places of it."""

    case: Case

    def values(self, name: TensorName) -> NDArray[np.float64]:
        """The right values r."""

    def terms(self, name: TensorName) -> Terms:
        """K."""

    def is_chosen(self, name: TensorName) -> bool:
        """Whether no sum is taken at all."""

    def is_random(self, name: TensorName) -> bool:
        """Whether the terms have random signs."""

    def spread(self, name: TensorName) -> NDArray[np.float32]:
        """T; a new array."""

    def magnitude(self, name: TensorName) -> NDArray[np.float32]:
        """S; a new array."""

    def bias(self, name: TensorName) -> NDArray[np.float32]:
        """|b|, broadcasting against the values; 0 where none is added."""


def rounding_bound(sizes: Sizes, name: TensorName, sums: Sums) -> NDArray[np.float32]:
    """The largest error of a right result, element by element, in float32; see the module's docstring.

    `sums` matters to bfloat16 and float16 only.
    """
    if sizes.is_chosen(name):
        return np.zeros(sizes.values(name).shape, np.float32)
    if sums == "float32" and sizes.case.dtype in LOW_PRECISION:
        return _of_rounded_sums(sizes, name)
    return _of_sums(sizes, name)


def _of_sums(sizes: Sizes, name: TensorName) -> NDArray[np.float32]:
    unit, tiny = unit_roundoff(sizes.case.dtype), SMALLEST[sizes.case.dtype]
    terms = np.asarray(sizes.terms(name), np.float32)
    certain: NDArray[np.float32] | None = None
    if not sizes.is_random(name) or np.max(terms, initial=0) <= CERTAIN_TERMS:
        most = np.minimum((terms + 2) * np.float32(unit), np.float32(0.999))  # beyond, nothing is certain at all
        certain = sizes.magnitude(name)
        certain *= most / (1 - most)
    if sizes.is_random(name):
        bound = _statistical(sizes, name, unit, rounding=2 * unit)
        if certain is not None:
            np.minimum(bound, certain, out=bound)
    else:
        assert certain is not None
        bound = certain
    bound += terms * np.float32(tiny)
    return bound


def _of_rounded_sums(sizes: Sizes, name: TensorName) -> NDArray[np.float32]:
    unit, tiny = unit_roundoff(sizes.case.dtype), SMALLEST[sizes.case.dtype]
    bound = _statistical(sizes, name, SUMS_IN_FLOAT32, rounding=2 * unit)
    bound += sizes.bias(name) * np.float32(unit) + np.float32(2 * tiny)
    return bound


def _statistical(sizes: Sizes, name: TensorName, unit: float, rounding: float) -> NDArray[np.float32]:
    """6 u sqrt(K) (|r| + T) + rounding |r|, with one working array beside the result."""
    values = sizes.values(name)  # first: computing it takes more memory than what follows
    bound, absolute = sizes.spread(name), np.abs(values, dtype=np.float32)
    bound += absolute
    bound *= np.float32(STATISTICAL * unit) * np.sqrt(np.asarray(sizes.terms(name), np.float32))
    absolute *= np.float32(rounding)
    bound += absolute
    return bound
