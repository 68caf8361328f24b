"""The backend numba-cuda: for machines with an NVIDIA GPU, and on tiny cases for Numba's simulator of one.

Nothing of Numba is imported before `start`, which runs in a worker: neither listing the backend nor asking whether it
is available makes a context on a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convbench_backends.numba_cuda.simulation import SIMULATOR, is_simulated, simulated_s, start_simulator
from convbench_backends.shared.cuda_driver import cuda_device_count
from convbench_backends.shared.installed import installed_version
from convbench_specs import (
    APPROACH,
    Available,
    Backend,
    Case,
    Conv,
    Device,
    Flatten,
    FrameworkVariables,
    MemoryCounter,
    PassName,
    Prepared,
    Settings,
    Tensors,
    Unavailable,
    Unsupported,
    hookimpl,
)

if TYPE_CHECKING:
    from convbench_backends.numba_cuda.device import Device as CudaDevice

LARGEST_INDEX = 2**31 - 1
"""Elements of a tensor that the index of a maximum can count."""


class NumbaCuda(Backend):
    """Kernels with tiles in shared memory; nothing is atomic, so results are the same bits from run to run."""

    name = "numba-cuda"
    short_name = "nbcuda"
    summary = "CUDA kernels in Python, compiled by Numba"
    contract = (1, 2)
    devices = ("cpu", "cuda")
    display_order = 3
    packages = ("numba", "numba-cuda", "llvmlite")
    framework_variables = FrameworkVariables(threads=("NUMBA_NUM_THREADS",), passed_prefixes=("NUMBA_",))

    def __init__(self) -> None:
        self._device: CudaDevice | None = None

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether there is a GPU, for "cuda"; on "cpu" it is the simulator that can be there."""
        version = installed_version("numba", "numba-cuda", "numba")
        if version is None:
            return Unavailable("Numba is not installed: pip install 'convbench[cuda]'")
        if is_simulated():
            return (
                Available(f"{version}, simulated")
                if device == "cpu"
                else Unavailable(f"{SIMULATOR} is set, which keeps Numba from the GPU: unset it")
            )
        if cuda_device_count():
            return Available(version) if device == "cuda" else Unavailable("it computes on the GPU: --device cuda")
        return Unavailable(
            "no CUDA device: the NVIDIA driver reports none; to check it on tiny cases in a simulator: "
            f"{SIMULATOR}=1 convbench check --backends {self.name}"
        )

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """The simulator where it is asked for; and no warnings that small cases leave a GPU idle, as they must.

        The folder for compiled kernels may be the user's own, who then asks that they be kept from run to run.
        """
        environment = {"NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}
        if is_simulated():
            environment[SIMULATOR] = "1"
        if settings.scratch_folder:
            own = str(Path(settings.scratch_folder, "numba"))
            environment["NUMBA_CACHE_DIR"] = os.environ.get("NUMBA_CACHE_DIR") or own
        return environment

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Make a context on the first device, or find the simulator."""
        from convbench_backends.numba_cuda.device import current_device  # noqa: PLC0415  # imports Numba

        if is_simulated():
            start_simulator()
        self._device = current_device()
        return {
            APPROACH: "compiled kernels",
            "cuda_device": self._device.name,
            "multiprocessors": str(self._device.multiprocessors),
        }

    def predict_s(self, case: Case, batch_size: int, pass_name: PassName) -> float | None:
        """None on a GPU; in the simulator, where a kernel's threads are Python's, what they will take, about."""
        return simulated_s(case, batch_size, pass_name) if is_simulated() else None

    def memory_counter(self) -> MemoryCounter | None:
        """What the passes allocate on the GPU; in the simulator it is memory of the process."""
        if self._device is None or is_simulated():
            return None
        from convbench_backends.numba_cuda.device import AllocationCounter  # noqa: PLC0415  # imports Numba

        return AllocationCounter(self._device)

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Copy the tensors to the device. Kernels are compiled when they are first launched."""
        from convbench_backends.numba_cuda import passes  # noqa: PLC0415  # imports Numba

        if case.dtype == "bfloat16":
            return Unsupported("NumPy, from which arrays come to the device, has no bfloat16")
        if max(tensors.x.size, tensors.dy.size) > LARGEST_INDEX:
            return Unsupported(f"its kernels count to {LARGEST_INDEX} elements a tensor")
        assert self._device is not None
        if isinstance(case.operation, Conv):
            prepared = passes.prepare_conv(case, tensors, self._device)
        elif isinstance(case.operation, Flatten):
            prepared = passes.prepare_flatten(case, tensors, self._device)
        else:
            prepared = passes.prepare_pool(case, tensors, self._device)
        # All launches go to one stream, which takes them in order; in the simulator a launch returns when it has ended.
        return replace(prepared, runs_in_order=not is_simulated())


@hookimpl
def convbench_backends() -> Iterable[type[Backend]]:
    """The hook by which convbench finds this backend."""
    return [NumbaCuda]
