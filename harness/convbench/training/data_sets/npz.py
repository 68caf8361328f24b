"""An archive of NumPy arrays as Keras keeps MNIST: mnist.npz with x_train, y_train, x_test and y_test."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.text.foreign import clean
from convbench.training.data_sets.data_set import LONGEST_REASON, DataSet, Part, data_set_of_parts

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
LARGEST_BYTES = 2**31


def read_npz(path: Path) -> DataSet:
    """The data set of an archive; UsageError for what is missing, cut or foreign. Objects are never unpickled."""
    expected = f"an archive of {', '.join(ARRAYS)} is expected"
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ARRAYS if name not in archive]
            if missing:
                raise UsageError(f"{path}: lacks {', '.join(missing)}; {expected}")
            arrays = {name: archive[name] for name in ARRAYS}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError) as error:
        raise UsageError(f"{path}: cannot be read ({clean(str(error), LONGEST_REASON)}); {expected}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    return data_set_of_parts(path.stem, str(path), _part(path, arrays, "train"), _part(path, arrays, "test"))


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_BYTES:
        raise UsageError(f"{path}: holds {size:,} bytes; {LARGEST_BYTES:,} are the most that is read")


def _part(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> Part:
    pixels, labels = arrays[f"x_{name}"], arrays[f"y_{name}"]
    if pixels.dtype != np.uint8:
        raise UsageError(f"{path}: x_{name} holds {pixels.dtype}; bytes (uint8) are expected")
    if labels.ndim == 2 and labels.shape[1] == 1:  # as Keras keeps the labels of CIFAR-10
        labels = labels[:, 0]
    return Part(pixels=pixels, labels=labels, origin=f"{path}, {name}")
