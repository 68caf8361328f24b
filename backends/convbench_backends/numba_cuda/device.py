"""The device: how much of it there is, how a launch fills it, and the arrays on it.

Under the simulator a thread of a kernel is a thread of Python: blocks are as small as the kernels allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cuda.jit import cuda
from convbench_backends.numba_cuda.simulation import is_simulated

DeviceArray = Any
"""An array in the device's memory; flat, where nothing else is said."""

BLOCKS_A_MULTIPROCESSOR = 16
"""Blocks of small kernels that are launched for each multiprocessor: enough to hide the latency of memory; what is left
over is taken in further rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """How a block of threads computes a part of a matrix product, `rows` x `columns` sums.

    Each thread holds down x across of the sums in registers; `inner` terms of all are in shared memory at a time.
    """

    rows: int
    columns: int
    inner: int
    down: int
    across: int

    @property
    def threads(self) -> int:
        """Threads of the block."""
        return self.rows // self.down * (self.columns // self.across)


@dataclass(slots=True, kw_only=True)
class Device:
    """One device, and what launches on it look like.

    `threads` a block for kernels without tiles, a power of two; `square` is the side of what `flattening` transposes.
    `places_a_split` is how many places a split of dw has at least, so that adding the splits costs little;
    `allocated_bytes` counts what `empty` has given out since it was last set to 0.
    """

    name: str
    multiprocessors: int
    threads: int
    tile: Tile
    square: int
    places_a_split: int
    allocated_bytes: int = 0

    def blocks(self, items: int) -> int:
        """Blocks of `threads` threads for so many items, one a thread and round."""
        return max(1, min(-(-items // self.threads), self.multiprocessors * BLOCKS_A_MULTIPROCESSOR))

    def empty(self, size: int, dtype: np.dtype[Any]) -> DeviceArray:
        """An array of undefined content."""
        self.allocated_bytes += size * dtype.itemsize
        return cuda.device_array(size, dtype)


class AllocationCounter:
    """Memory of a pass: all that it allocates, for it frees nothing before it ends."""

    source = "device arrays that the pass allocates"

    def __init__(self, device: Device) -> None:
        self._device = device

    def reset(self) -> None:
        """Count from 0."""
        self._device.allocated_bytes = 0

    def peak_bytes(self) -> int:
        """Bytes allocated since `reset`."""
        return self._device.allocated_bytes


def current_device() -> Device:
    """The device that kernels run on; makes a context on it."""
    if is_simulated():
        tile = Tile(rows=4, columns=8, inner=4, down=2, across=2)
        return Device(name="Numba's simulator", multiprocessors=1, threads=8, tile=tile, square=4, places_a_split=8)
    device = cuda.get_current_device()
    # 256 threads with 16 sums each: two loads from shared memory for four multiply-adds, and room for several blocks
    tile = Tile(rows=64, columns=64, inner=16, down=4, across=4)
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return Device(
        name=name,
        multiprocessors=device.MULTIPROCESSOR_COUNT,
        threads=256,
        tile=tile,
        square=device.WARP_SIZE,
        places_a_split=512,
    )


def to_device(array: NDArray[Any]) -> DeviceArray:
    """A copy on the device, in the same shape."""
    return cuda.to_device(np.array(array))


def flat_on_device(array: NDArray[Any]) -> DeviceArray:
    """A flat copy on the device."""
    return cuda.to_device(np.array(array).reshape(array.size))


def write_flat(own: DeviceArray, array: NDArray[Any]) -> None:
    """Write an array's numbers into a flat array of as many on the device; returns when they are there."""
    own.copy_to_device(np.array(array).reshape(array.size))
