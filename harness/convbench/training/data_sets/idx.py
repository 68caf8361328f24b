"""IDX files, the format of MNIST and Fashion-MNIST, plain or compressed by gzip.

    2 bytes of 0, the type of an element (8: unsigned bytes), the number of axes,
    the length of each axis as a big-endian number of 4 bytes, and the elements in row-major order.

The source of the format is LeCun, Cortes and Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.training.data_sets.data_set import Part

NAME = re.compile(r"(train|t10k)[-.]?(images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
UNSIGNED_BYTES = 8
LARGEST_BYTES = 2**31
"""No file is read that holds more."""


class _Readable(Protocol):
    """A file, compressed or not."""

    def read(self, size: int, /) -> bytes: ...


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """The IDX files of a folder by part ("train" or "t10k") and content ("images" or "labels"); plain ones first."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # name.gz stands before name, which takes its place
        if (match := NAME.fullmatch(path.name)) and path.is_file():
            found[match[1].lower(), match[2].lower()] = path
    return found


def read_idx_part(files: dict[tuple[str, str], Path], part: str, folder: Path) -> Part:
    """One part of a folder; UsageError for what is missing, cut or foreign."""
    for content in ("images", "labels"):
        if (part, content) not in files:
            expected = f"{part}-{content}-idx{3 if content == 'images' else 1}-ubyte"
            raise UsageError(f"{folder}: {expected} is missing, plain or as .gz")
    images, labels = files[part, "images"], files[part, "labels"]
    return Part(pixels=read_idx(images, axes=3), labels=read_idx(labels, axes=1), origin=str(images))


def read_idx(path: Path, *, axes: int) -> NDArray[np.uint8]:
    """The bytes of an IDX file, in its shape; UsageError names the file, what is wrong, and what was expected."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return _read(file, path, axes)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: is not a whole gzip file: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _read(file: _Readable, path: Path, axes: int) -> NDArray[np.uint8]:
    head = file.read(4)
    expected = f"an IDX file of unsigned bytes with {axes} {'axis' if axes == 1 else 'axes'} is expected"
    if len(head) < 4 or head[:2] != b"\0\0":
        raise UsageError(f"{path}: does not begin as an IDX file; {expected}")
    if head[2] != UNSIGNED_BYTES or head[3] != axes:
        raise UsageError(f"{path}: has elements of type {head[2]} on {head[3]} axes; {expected}")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise UsageError(f"{path}: is cut within its head; {expected}")
    shape = struct.unpack(f">{axes}I", lengths)
    size = prod(shape)
    if size > LARGEST_BYTES:
        raise UsageError(f"{path}: says that it holds {size:,} bytes; {LARGEST_BYTES:,} are the most that is read")
    content = file.read(size + 1)
    if len(content) != size:
        there = "more" if len(content) > size else f"{len(content):,}"
        raise UsageError(f"{path}: {size:,} bytes are expected behind its head ({_by(shape)}), and there are {there}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{length:,}" for length in shape)
