"""float64 sums of products without their rounding errors, for judging what computed in float64 itself.

A tensor is cut into a high part of few bits and an exact rest. Products of high parts, and sums of K of them, fit into
53 bits, so that any order of summation is exact; what involves a rest is smaller by 2^-bits, and so is its error. With
K up to 2^20 the result is 2^16 times better than plain float64 before it is rounded to float64 itself. The idea is the
error-free transformation of Ozaki, Ogita, Oishi and Rump (2012), with two parts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST_EXPONENT = -1074
"""Of the smallest number of float64, 2^-1074: every float64 is a multiple of it."""


def bilinear(product: Callable[[Array, Array], Array], a: Array, b: Array, terms: int) -> Array:
    """product(a, b), bilinear and with sums of at most `terms` products, as if summed without error."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        finite = bilinear(product, _numbers(a), _numbers(b), terms)
        return _reached(product(a, b), finite)
    bits = (53 - _log2(terms)) // 2
    (high_a, rest_a), (high_b, rest_b) = split(a, bits), split(b, bits)
    small = product(high_a, rest_b)
    small += product(rest_a, b)
    small += product(high_a, high_b)
    return small


def linear(total: Callable[[Array], Array], a: Array, terms: int) -> Array:
    """total(a), linear and with sums of at most `terms` elements, as if summed without error."""
    if not np.isfinite(a).all():
        return _reached(total(a), linear(total, _numbers(a), terms))
    high, rest = split(a, 53 - _log2(terms))
    result = total(rest)
    result += total(high)
    return result


def quotient(a: Array, divisor: Array) -> tuple[Array, Array]:
    """Cut a / divisor into the rounded quotient and what rounding took away; divisors are integers below 2^26.

    Half of the quotient's bits at a time (Veltkamp's split) times such an integer is exact.
    """
    rounded = a / divisor
    shifted = rounded * (2.0**27 + 1)
    with np.errstate(invalid="ignore"):
        high = shifted - (shifted - rounded)
        rest = ((a - high * divisor) - (rounded - high) * divisor) / divisor
    return rounded, np.where(np.isfinite(rounded), rest, 0.0)


def split(a: Array, bits: int) -> tuple[Array, Array]:
    """Cut a into high + rest, exactly: high has multiples of one power of two, with integers of at most `bits` bits."""
    largest = float(np.max(np.abs(a), initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return a, np.zeros_like(a)
    step = 2.0 ** max(int(np.frexp(largest)[1]) - bits, SMALLEST_EXPONENT)
    high = np.round(a / step) * step
    return high, a - high


def _numbers(a: Array) -> Array:
    """The tensor with 0 for what is not finite, which cannot be cut in two."""
    return np.where(np.isfinite(a), a, 0.0)


def _reached(plain: Array, finite: Array) -> Array:
    """Sums that NaN and infinity have reached as they are, the others free of rounding errors."""
    return np.where(np.isfinite(plain), finite, plain)


def _log2(terms: int) -> int:
    """The least n with 2^n >= terms."""
    return max(0, int(terms) - 1).bit_length()
