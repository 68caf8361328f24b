"""CIFAR-10 in its batches for Python: pickles of 10,000 images each, read without running what a pickle may ask for.

A batch is a dictionary with b"data", bytes of (N, 3072) that are (3, 32, 32) an image, and b"labels", a list of N
numbers (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009). The pickle names what rebuilds an
array of NumPy. Here these names are harmless stand-ins, and every other name is refused.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from convbench.errors import UsageError
from convbench.text.foreign import clean
from convbench.training.data_sets.data_set import LONGEST_REASON, DataSet, Part, data_set_of_parts

TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
CHANNELS, SIZE = 3, 32
LARGEST_BYTES = 2**28


def is_cifar(folder: Path) -> bool:
    """Whether a folder holds batches of CIFAR-10."""
    return any((folder / name).is_file() for name in (*TRAIN, TEST))


def read_cifar(folder: Path) -> DataSet:
    """All batches of a folder; UsageError for one that is missing, cut or foreign."""
    parts = [_read(folder / name) for name in TRAIN]
    train = Part(
        pixels=np.concatenate([part.pixels for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        origin=str(folder),
    )
    return data_set_of_parts("cifar10", f"CIFAR-10 in {folder}", train, _read(folder / TEST))


def _read(path: Path) -> Part:
    expected = "a pickle of CIFAR-10 with data and labels is expected"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; {expected}") from error
    if len(content) > LARGEST_BYTES:
        raise UsageError(f"{path}: is larger than {LARGEST_BYTES:,} bytes; {expected}")
    try:
        batch = _Restricted(BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a foreign pickle fails in any way it likes
        found = clean(f"{type(error).__name__}: {error}", LONGEST_REASON)
        raise UsageError(f"{path}: cannot be read ({found}); {expected}") from error
    data, labels = (batch.get(b"data"), batch.get(b"labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(data, _Array) or not isinstance(labels, list) or not all(type(each) is int for each in labels):
        raise UsageError(f"{path}: has no data or no labels; {expected}")
    length, pixels = CHANNELS * SIZE * SIZE, data.content
    if data.element != "u1" or data.shape[1:] != (length,) or len(pixels) != len(labels) * length:
        raise UsageError(
            f"{path}: holds {len(pixels):,} bytes for {len(labels):,} labels; {length:,} an image are expected"
        )
    images = np.frombuffer(pixels, np.uint8).reshape(-1, CHANNELS, SIZE, SIZE)
    return Part(pixels=images, labels=np.array(labels, np.int64), origin=str(path))


class _Array:
    """Stands in for numpy.ndarray: keeps the state that the pickle gives it, and does nothing with it."""

    shape: tuple[int, ...] = ()
    element: str = ""
    content: bytes = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, element, by_columns, content = state
        if not isinstance(element, _Element) or not isinstance(content, bytes) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("its array is not one of bytes")
        if by_columns:  # what NumPy calls Fortran order
            content = np.frombuffer(content, np.uint8).reshape(shape, order="F").tobytes()
        self.shape, self.element, self.content = shape, element.code, content


class _Element:
    """Stands in for numpy.dtype."""

    def __init__(self, code: bytes | str, *_: object) -> None:
        self.code = code.decode("latin-1") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """The byte order of single bytes, which has no meaning."""


def _new_array(*_: object) -> _Array:
    """Stands in for numpy.core.multiarray._reconstruct."""
    return _Array()


def _bytes(text: object, *_: object) -> bytes:
    """Stands in for codecs.encode, by which Python 3 writes bytes in the older forms of a pickle."""
    if not isinstance(text, str):
        raise pickle.UnpicklingError("it encodes what is no text")
    return text.encode("latin-1")


class _Restricted(pickle.Unpickler):
    """An unpickler for which only the names below exist, each as its stand-in."""

    NAMES = {  # noqa: RUF012  # a table
        ("numpy.core.multiarray", "_reconstruct"): _new_array,
        ("numpy._core.multiarray", "_reconstruct"): _new_array,
        ("_codecs", "encode"): _bytes,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Element,
    }

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The stand-in of a name; an error for any other."""
        found = self.NAMES.get((module_name, global_name))
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which no image needs")
        return found
