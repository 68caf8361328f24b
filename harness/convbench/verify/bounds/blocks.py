"""Arrays of any size, computed on as float64 a block at a time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**14
"""Elements that are computed at once."""


def in_blocks(whole: NDArray[Any], *others: NDArray[Any], use: Literal["readonly", "readwrite"] = "readonly") -> Any:
    """A context and an iterator: blocks of the first array, and of the others broadcast to it, as float64.

    With `use` "readwrite" what is written into a block of the first array is kept, in that array's dtype.
    """
    kinds: Any = [[use], *[["readonly"]] * len(others)]
    return np.nditer(
        [whole, *others],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=kinds,
        op_dtypes=[np.dtype(np.float64)] * len(kinds),
        casting="same_kind",
        buffersize=BLOCK,
    )
