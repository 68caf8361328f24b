"""Images as lines of numbers, plain or compressed by gzip: the pixels of a square image from 0 to 255, and its label.

The label is the first or the last number of a line; it is the column that is not 0 everywhere, as the corners of a
digit are. A line of names before them is passed over.
"""

from __future__ import annotations

import gzip
import io
import zlib
from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.text.foreign import clean
from convbench.training.data_sets.data_set import (
    LARGEST_VALUE,
    LONGEST_REASON,
    DataSet,
    Part,
    data_set_of_one_part,
)

LARGEST_BYTES = 2**30
EXPECTED = "a line of pixels from 0 to 255 with a label before or behind them is expected for each image"


def read_csv_rows(path: Path) -> DataSet:
    """The data set of a CSV file, of which every fifth image is held out; UsageError for what is no such file."""
    table = _table(path)
    side = isqrt(table.shape[1] - 1)
    if side < 2 or side * side != table.shape[1] - 1:
        raise UsageError(f"{path}: has {table.shape[1]} numbers a line; {EXPECTED}, such as 28 x 28 + 1 = 785")
    labels_first, labels_last = table[:, 0].any(), table[:, -1].any()
    if labels_first == labels_last:
        which = "both" if labels_first else "neither"
        raise UsageError(f"{path}: {which} of the first and last column could be labels; {EXPECTED}")
    pixels, labels = (table[:, 1:], table[:, 0]) if labels_first else (table[:, :-1], table[:, -1])
    if pixels.min() < 0 or pixels.max() > LARGEST_VALUE:
        raise UsageError(f"{path}: has pixels from {pixels.min()} to {pixels.max()}; {EXPECTED}")
    part = Part(pixels=pixels.astype(np.uint8).reshape(-1, side, side), labels=labels, origin=str(path))
    return data_set_of_one_part(path.name.split(".")[0], str(path), part)


def _table(path: Path) -> NDArray[np.int64]:
    """All numbers of the file, a row a line."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise UsageError(f"{path}: is larger than {LARGEST_BYTES:,} bytes; {EXPECTED}")
        text = content.decode("ascii")
        if not text.strip():
            raise UsageError(f"{path}: is empty; {EXPECTED}")
        table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=int(_begins_with_names(text)), ndmin=2)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: is not a whole gzip file: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is no table of numbers ({clean(str(error), LONGEST_REASON)}); {EXPECTED}") from error
    whole = table.astype(np.int64)
    if not np.array_equal(whole, table):
        raise UsageError(f"{path}: has numbers that are not whole; {EXPECTED}")
    return whole


def _begins_with_names(text: str) -> bool:
    """Whether the first line is one of names."""
    first = text.split(",", 1)[0]
    try:
        float(first)
    except ValueError:
        return True
    return False
