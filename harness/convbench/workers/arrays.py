"""Where arrays pass between the host and its workers: .npy files, in shared memory where there is room.

The folder goes when the run ends. What a killed host left behind is removed by the next run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from convbench_specs import Tensors

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made inside, readable by this user only
PREFIX = "convbench-"
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


def write_tensors(folder: Path, tensors: Tensors) -> dict[str, str]:
    """Write what a pass reads to .npy files; returns their paths by tensor."""
    paths = {}
    for name in ("x", "dy", "w", "b"):
        array = getattr(tensors, name)
        if array is not None:
            path = folder / f"{name}.npy"
            path.unlink(missing_ok=True)  # whoever still maps the old file keeps it; writing into it would be a fault
            np.save(path, array)
            paths[name] = str(path)
    return paths


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
