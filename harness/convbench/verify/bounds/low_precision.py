"""When a bfloat16 or float16 result may have taken its sums in its own dtype: what is honest, and what says nothing.

The bound of such sums is wide, and with many terms zeros are within it. So a result that needs it is judged as a whole,
too. Added up in turn, terms of random sign make an error whose root mean square is u sqrt(K / 6) hypot(r, T) or less;
with some room, and with the drift of equal terms,

    e = u (sqrt(K) hypot(r, T) / 2 + |r|) + min(u sqrt(K) r^2 / (2 T), |r| / 4) + K tiny

is what one element may be off, as a standard deviation. Drift is granted up to a quarter of the value: sums that stop
growing, as 256 + 1 = 256 in bfloat16, are wrong. Where T does not tell how large partial sums get, as of line filters
on photos, S / 2 does, in place of hypot(r, T). The root mean square of error / e over n elements must be at most
1.5 + 2 / sqrt(n): a normal distribution exceeds that once in thousands of results for one element, and never for many.

If zeros in place of the result would pass the same test, it tells nothing, however few the elements are.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from convbench.verify.bounds.dtypes import SMALLEST, unit_roundoff
from convbench.verify.bounds.tolerance import BLOCK, Array, Sizes
from convbench_specs import Case, TensorName

LARGEST_DRIFT = 0.25
"""Of a value, how much equal terms may make it drift."""


def is_honest(sizes: Sizes, name: TensorName, actual: Array) -> bool:
    """Whether a result as a whole is as near to the right one as sums in the dtype itself are."""
    values = sizes.values(name)
    if not values.size:
        return True
    squares, scaled = 0.0, _scales(sizes, name)
    with (
        np.errstate(invalid="ignore", over="ignore"),
        np.nditer(
            [values, actual, scaled, np.asarray(sizes.terms(name))],
            flags=["external_loop", "buffered"],
            op_dtypes=[np.float64] * 4,
            casting="same_kind",
            buffersize=BLOCK,
        ) as blocks,
    ):
        for r, result, size, k in blocks:
            squares += float(np.sum(np.square((result - r) / _deviation(sizes.case, np.abs(r), size, k))))
    return bool(sqrt(squares / values.size) <= 1.5 + 2 / sqrt(values.size)) if np.isfinite(squares) else False


def are_telling(sizes: Sizes, name: TensorName, bound: Array) -> bool:
    """Whether zeros are called wrong, by the bound or by this test: else nothing that needs it can be called right."""
    values = sizes.values(name)
    return bool(np.any(np.abs(values) > bound)) or not is_honest(sizes, name, np.broadcast_to(np.zeros((), np.float32), values.shape))


def _scales(sizes: Sizes, name: TensorName) -> Array:
    """How large partial sums get."""
    return sizes.spread(name) if sizes.is_random(name) or _is_average(sizes.case) else sizes.magnitude(name) / 2


def _is_average(case: Case) -> bool:
    return case.operation_name == "pool"


def _deviation(case: Case, r: Array, size: Array, terms: Array) -> Array:
    """e of the module's docstring, of |r|, T or S / 2, and K."""
    unit, root = unit_roundoff(case.dtype), np.sqrt(terms)
    drift = np.minimum(unit * root * r * np.divide(r, size, out=np.zeros_like(r), where=size > 0) / 2, LARGEST_DRIFT * r)
    return unit * (root * np.hypot(r, size) / 2 + r) + drift + terms * SMALLEST[case.dtype]
