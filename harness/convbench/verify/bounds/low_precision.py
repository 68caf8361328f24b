"""When a bfloat16 or float16 result may have taken its sums in its own dtype: what is honest, and what says nothing.

The bound of such sums is wide, and with many terms zeros are within it. So a result that needs it is judged as a whole,
too. Added up in turn, terms of random sign make an error whose root mean square is u sqrt(K / 6) hypot(r, T) or less;
with some room

    e = min(u sqrt(K) / 2, 1 / 8) hypot(r, T) + u |r| + (K + 1) tiny

is the standard deviation that is granted, and for equal terms a drift of

    d = min(u sqrt(K) r^2 / (2 T), |r| / 4)

besides. The limits say that a sum which has lost its first digits is no result: one that stops growing, as bfloat16
does at 256 + 1 = 256, is wrong, and so is one of more terms than the dtype can tell apart. Where T does not tell how
large partial sums get, as of line filters on photos, S / 2 does, in place of hypot(r, T). The root mean square of
max(0, |error| - d) / e over n elements must be at most 1.5 + 2 / sqrt(n): a normal distribution exceeds that once in
thousands of results for one element, and never for many.

If zeros in place of the result would pass the same test, it tells nothing, however few the elements are.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from convbench.verify.bounds.blocks import in_blocks
from convbench.verify.bounds.dtypes import SMALLEST, unit_roundoff
from convbench.verify.bounds.tolerance import Array, Sizes
from convbench_specs import Case, TensorName

LARGEST_DRIFT = 0.25
"""Of a value, how much equal terms may make it drift."""
LARGEST_DEVIATION = 0.125
"""Of the size of partial sums, the largest standard deviation that is granted."""


def is_honest(sizes: Sizes, name: TensorName, actual: Array) -> bool:
    """Whether a result as a whole is as near to the right one as sums in the dtype itself are."""
    values = sizes.values(name)
    if not values.size:
        return True
    squares, scaled, terms = 0.0, _scales(sizes, name), np.asarray(sizes.terms(name))
    with np.errstate(invalid="ignore", over="ignore"), in_blocks(values, actual, scaled, terms) as blocks:
        for r, result, size, k in blocks:
            deviation, drift = _granted(sizes.case, np.abs(r), size, k)
            squares += float(np.sum(np.square(np.maximum(np.abs(result - r) - drift, 0) / deviation)))
    return sqrt(squares / values.size) <= 1.5 + 2 / sqrt(values.size)  # not for NaN


def are_telling(sizes: Sizes, name: TensorName, bound: Array) -> bool:
    """Whether zeros are called wrong, by the bound or by this test: else nothing that needs it can be called right."""
    values = sizes.values(name)
    return bool(np.any(np.abs(values) > bound)) or not is_honest(
        sizes, name, np.broadcast_to(np.zeros((), np.float32), values.shape)
    )


def _scales(sizes: Sizes, name: TensorName) -> Array:
    """How large partial sums get."""
    return sizes.spread(name) if sizes.is_random(name) or _is_average(sizes.case) else sizes.magnitude(name) / 2


def _is_average(case: Case) -> bool:
    return case.operation_name == "pool"


def _granted(case: Case, r: Array, size: Array, terms: Array) -> tuple[Array, Array]:
    """The deviation e and the drift d of the module's docstring, of |r|, T or S / 2, and K."""
    unit, tiny = unit_roundoff(case.dtype), SMALLEST[case.dtype]
    share = unit * np.sqrt(terms) / 2
    deviation = np.minimum(share, LARGEST_DEVIATION) * np.hypot(r, size) + unit * r + (terms + 1) * tiny
    return deviation, np.minimum(share * np.divide(r, size, out=np.zeros_like(r), where=size > 0), LARGEST_DRIFT) * r
