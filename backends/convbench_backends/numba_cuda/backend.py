"""The backend numba-cuda: present where there is an NVIDIA GPU, or in Numba's simulator for checking on tiny cases.

Nothing of Numba is imported before `start`, which runs in a worker: neither listing the backend nor asking whether it
is available makes a context on a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from math import prod
from typing import TYPE_CHECKING

from convbench_backends.cuda_driver import no_cuda_device
from convbench_specs import (
    Available,
    Backend,
    Case,
    Conv,
    Device,
    Flatten,
    MemoryCounter,
    PassName,
    Pool,
    Prepared,
    Settings,
    Tensors,
    Unavailable,
    Unsupported,
    hookimpl,
    multiply_adds,
)

if TYPE_CHECKING:
    from convbench_backends.numba_cuda.device import Device as CudaDevice

SIMULATOR = "NUMBA_ENABLE_CUDASIM"
HOW_TO_SIMULATE = f"check it on tiny cases without a GPU: {SIMULATOR}=1 convbench check --backends numba-cuda"
LARGEST_INDEX = 2**31 - 1
"""Elements of a tensor that a 32-bit index, as the maximum of a pool notes it, can count."""
SIMULATED_STEP_S = 10e-6
"""What a step of a simulated thread takes, about; and"""
SIMULATED_CALL_S = 0.05
"""a launch of a few blocks."""


class NumbaCuda(Backend):
    """Kernels with tiles in shared memory; deterministic, for nothing is atomic."""

    name = "numba-cuda"
    summary = "CUDA kernels in Python, compiled by Numba"
    devices = ("cpu", "cuda")

    def __init__(self) -> None:
        self._device: CudaDevice | None = None

    def availability(self, device: Device) -> Available | Unavailable:
        """On "cuda" where there is a GPU; on "cpu" in the simulator alone."""
        installed = _installed()
        if not installed:
            return Unavailable("Numba is not installed: pip install 'convbench[cuda]'")
        if device == "cpu":
            if is_simulated():
                return Available(version=f"{installed}, simulated")
            return Unavailable(f"computes on a GPU: --device cuda; {HOW_TO_SIMULATE}")
        if is_simulated():
            return Unavailable(f"{SIMULATOR} is set, which keeps Numba from the GPU: unset it")
        missing = no_cuda_device()
        return Unavailable(f"{missing.reason}; {HOW_TO_SIMULATE}") if missing else Available(version=installed)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Pass the simulator on, and keep Numba from warnings about small grids, which small cases have."""
        passed = {SIMULATOR: os.environ[SIMULATOR]} if is_simulated() else {}
        return {**passed, "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}
