"""What verification must know of a dtype: how NumPy holds it, its precision and its range.

NumPy has no bfloat16 and nothing here installs one: such a case holds float32 arrays whose values are bfloat16 numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import DType

MANTISSA_BITS: dict[DType, int] = {"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11}
"""Bits of the significand, the hidden one included."""

LOW_PRECISION: tuple[DType, ...] = ("bfloat16", "float16")
"""Dtypes whose sums most libraries take in float32, and some in the dtype itself."""

SMALLEST: dict[DType, float] = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 2.0**-24}
"""What one operation may lose near zero: below the normal numbers some libraries flush to zero (semantics of JAX and
TensorFlow on a CPU). float16 is not flushed, as it is computed in float32; it is rounded to multiples of 2^-24."""

LARGEST: dict[DType, float] = {
    "float64": float(np.finfo(np.float64).max),
    "float32": float(np.finfo(np.float32).max),
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float16": 65504.0,
}
"""The largest finite number."""


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """Dtype of the NumPy arrays of a case, its results included; float32 for bfloat16."""
    return np.dtype(np.float32 if dtype == "bfloat16" else dtype)


def unit_roundoff(dtype: DType) -> float:
    """u, the largest relative error of one rounding to nearest: 2^-24 for float32."""
    return float(2.0 ** -MANTISSA_BITS[dtype])


def exact_limit(dtype: DType) -> int:
    """Up to this integer, 2^mantissa, every integer is a number of the dtype."""
    return int(2 ** MANTISSA_BITS[dtype])


def round_to(values: NDArray[Any], dtype: DType) -> NDArray[Any]:
    """The values rounded to the nearest numbers of a dtype, ties to even, in its `numpy_dtype`; a new array.

    NaN is not expected for bfloat16.
    """
    if dtype != "bfloat16":
        return values.astype(numpy_dtype(dtype))
    bits = values.astype(np.float32).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded: NDArray[Any] = ((bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)).view(np.float32)
    return rounded
