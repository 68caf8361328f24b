"""Windows by their taps, for what a framework's own pooling cannot do: unusual divisors, and dilation.

Everything here works on arrays of any framework that can be sliced, inside a traced or compiled function too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Pool


def fold_taps(x: Any, axes: Sequence[tuple[int, Axis]], combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the taps of every window of x, padded by (before, behind) along each (dimension, axis).

    The taps of one axis are combined at a time, the last axis first: kernel_height + kernel_width slices, not their
    product. A `combine` that prefers its first argument where two are equal still keeps the first in row-major order:
    first within each row of the window, then the first such row.
    """
    for dimension, axis in reversed(axes):
        lead = (slice(None),) * dimension
        x = reduce(combine, (x[(*lead, tap)] for tap in _tap_slices(axis)))
    return x


def _tap_slices(axis: Axis) -> list[slice]:
    """What each tap reads of the padded axis, over all windows."""
    reach = (axis.output - 1) * axis.stride + 1
    return [slice(t * axis.dilation, t * axis.dilation + reach, axis.stride) for t in range(axis.kernel)]


MOST_OWN_TERMS = 64
"""Terms that a sum of 16 bits takes well: 64 equal ones are 4 % off in bfloat16, and 256 + 1 is 256."""


def needs_wide_sums(case: Case) -> bool:
    """Whether the sums of an average of 16 bits would drift, or stop growing, if they were taken in its own dtype."""
    return case.dtype in ("bfloat16", "float16") and window_area(case) > MOST_OWN_TERMS


def window_area(case: Case) -> int:
    """Taps of a window."""
    return prod(axis.kernel for axis in case.axes)


def divisors(case: Case) -> int | NDArray[np.float64]:
    """What the sum of each window is divided by in an average: one number, or an array over the output axes."""
    operation = case.operation
    assert isinstance(operation, Pool)
    counts = [np.array(axis.taps(count_padding=operation.count_include_pad), np.float64) for axis in case.axes]
    if all(np.all(count == count[0]) for count in counts):
        return prod(int(count[0]) for count in counts)
    return np.asarray(reduce(np.multiply.outer, counts))
