"""Where arrays pass between the host and its workers: .npy files, in shared memory where there is room.

The folder is removed when the run ends. What a killed host left behind is removed by the next run.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.machine.aligned_memory import aligned_zeros
from convbench.machine.array_file import open_array
from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.verify.data_sets import DATA_SETS, tensors_of_set
from convbench_specs import Case, TensorName, Tensors

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made inside, readable by this user only
PREFIX = "convbench-"
DataSetFiles = Sequence[Mapping[str, str]]
"""Names of .npy files by tensor, for each of verify.data_sets."""
ROOM_BYTES = 4 * 2**30
"""Shared memory with less free space (containers often have 64 MB) is passed over for the disk."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for arrays, removed at the end."""
    parent = SHARED_MEMORY if _has_room(SHARED_MEMORY) else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def made_folder(folder: Path) -> Path:
    """The folder, which is made where it is not there: a plug-in may have removed it, or put a link in its place."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        folder.mkdir(parents=True)
    return folder


def write_tensors(folder: Path, tensors: Tensors) -> dict[str, str]:
    """Write what a pass reads to .npy files; returns their paths by tensor."""
    made_folder(folder)
    paths = {}
    for name in ("x", "dy", "w", "b"):
        array = getattr(tensors, name)
        if array is not None:
            path = folder / f"{name}.npy"
            path.unlink(missing_ok=True)  # whoever still maps the old file keeps it; writing into it would be a fault
            np.save(path, _native(array))  # behind a header of a multiple of 64 bytes: the data are aligned
            paths[name] = str(path)
    return paths


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """The array in row-major order and the byte order of the machine; itself where it is so."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def write_one_set(folder: Path, tensors: Tensors) -> DataSetFiles:
    """Write the tensors in the first of verify.data_sets alone."""
    return [write_tensors(folder, tensors)]


def write_data_sets(folder: Path, tensors: Tensors) -> DataSetFiles:
    """Write the tensors in each of verify.data_sets; what is the same in several is written once."""
    written = [write_tensors(folder, tensors)]
    for number in DATA_SETS[1:]:
        inner = made_folder(folder / f"set-{number}")
        others = tensors_of_set(tensors, number)
        written.append({**written[0], **write_tensors(inner, replace(others, w=None))})
    return written


def damaged(files: DataSetFiles, tensors: Tensors) -> str:
    """A tensor whose file of the first set has not its numbers any more, or one of any set is gone; empty for none."""
    for number, paths in enumerate(files):
        for name, path in paths.items():
            try:
                found = open_array(path)
                if not number and not _same_bytes(found, getattr(tensors, name)):
                    return name
            except (OSError, ValueError):
                return name
    return ""


def _same_bytes(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether they are the same in every bit: NaN is the same as itself, 0.0 and -0.0 differ."""
    plain = _native(other)
    if one.dtype != plain.dtype or one.shape != plain.shape:
        return False
    return np.array_equal(np.ascontiguousarray(one).reshape(-1).view(np.uint8), plain.reshape(-1).view(np.uint8))


def read_tensors(paths: Mapping[str, str]) -> Tensors:
    """The tensors of files, read-only for NumPy; a kernel that writes nevertheless changes a private copy."""
    return Tensors(**{name: _private(path) for name, path in paths.items()})


def zero_tensors(case: Case, batch_size: int) -> Tensors:
    """Tensors of a case that take no memory until they are written: the system maps one page of zeros for all."""

    def zeros(shape: tuple[int, ...]) -> NDArray[Any]:
        array = aligned_zeros(shape, numpy_dtype(case.dtype))
        array.flags.writeable = False
        return array

    return Tensors(
        x=zeros(case.x_shape(batch_size)),
        dy=zeros(case.y_shape(batch_size)),
        w=None if case.w_shape is None else zeros(case.w_shape),
        b=None if case.b_shape is None else zeros(case.b_shape),
    )


def write_results(arrays: Mapping[TensorName, NDArray[Any]], folder: str, stem: str) -> dict[TensorName, str]:
    """Write results to .npy files; returns their names by tensor."""
    paths: dict[TensorName, str] = {}
    for name, array in arrays.items():
        path = Path(folder) / f"{stem}-{name}.npy"
        path.unlink(missing_ok=True)  # the host may still map the file of the item before
        np.save(path, array)
        paths[name] = str(path)
    return paths


def read_results(paths: Mapping[TensorName, str]) -> dict[TensorName, NDArray[Any]]:
    """The results of files, in memory; OSError or ValueError where one cannot be read any more."""
    return {name: np.array(open_array(path)) for name, path in paths.items()}


def unreadable(paths: Mapping[TensorName, str], folder: str) -> str:
    """Why files that a worker names are not taken as its results; empty where they are: plain .npy files of numbers.

    A worker may name any path, and a pipe would be read for ever.
    """
    for name, path in paths.items():
        file = Path(path)
        try:
            if file.parent != Path(folder) or not stat.S_ISREG(file.lstat().st_mode):
                return f"{name} is no file in the folder for its results"
            open_array(file)
        except (OSError, ValueError) as error:
            return f"the file of {name} cannot be read: {type(error).__name__}"
    return ""


def holds(path: str, array: NDArray[Any]) -> bool:
    """Whether a file has these numbers in this dtype; never with a NaN."""
    written = np.load(path, mmap_mode="r")
    return written.dtype == array.dtype and np.array_equal(written, array)


def _private(path: str) -> NDArray[Any]:
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    # a plain array: each view of a np.memmap, and of its copies, costs half a microsecond of Python in the timed calls
    array: NDArray[Any] = np.asarray(mapped)
    array.flags.writeable = False
    return array


def _has_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free >= ROOM_BYTES and os.access(folder, os.W_OK)
    except OSError:
        return False


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        with suppress(OSError):
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and folder.owner() == parent_owner():
                shutil.rmtree(folder, ignore_errors=True)


def parent_owner() -> str:
    """Name of the user that this process runs as."""
    import pwd  # noqa: PLC0415  # POSIX only, as are the workers

    return pwd.getpwuid(os.getuid()).pw_name
