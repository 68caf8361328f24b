"""Reads a .npy file that a plug-in's process has written, which may have put anything in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def open_array(path: str | Path) -> NDArray[Any]:
    """The numbers of a file, mapped and read-only; OSError or ValueError where it is no plain .npy file of numbers.

    `numpy.load` raises more than that, takes other formats, and waits for ever where a pipe is in the file's place.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise ValueError(f"{path} is no file")
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path} holds no numbers")
    return array
