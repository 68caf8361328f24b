"""A digest of a result, to see at a glance whether it has the bits of an earlier one.

It is several times as fast as a checksum of all bytes: 64-bit words are added up in columns, and only the sums of the
columns go into the checksum. It is done twice, with two primes as numbers of columns, so that words that changed places
land in other columns at least once.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

COLUMNS = (4093, 4099)


def digest(values: NDArray[Any]) -> int:
    """A number that two arrays share where they have the same dtype, shape and bits, and else hardly ever.

    >>> import numpy as np
    >>> digest(np.zeros(3)) == digest(np.zeros(3)), digest(np.zeros(3)) == digest(np.array([0.0, 0.0, -0.0]))
    (True, False)
    """
    form = crc32(f"{values.dtype.str} {values.shape}".encode())
    octets = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    found = form
    for columns in COLUMNS:
        whole = octets.size - octets.size % (8 * columns)
        sums = octets[:whole].view(np.uint64).reshape(-1, columns).sum(axis=0)
        found = crc32(octets[whole:].data, crc32(sums.data, found) if whole else found)
    return found
