"""The backend numba-cuda: for machines with an NVIDIA GPU, and on tiny cases for Numba's simulator of one.

Nothing of Numba is imported before `start`, which runs in a worker: neither listing the backend nor asking whether it
is available makes a context on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from convbench_backends.numba_cuda.simulation import SIMULATOR, is_simulated, simulated_s, start_simulator
from convbench_backends.shared.cuda_driver import cuda_device_count
from convbench_backends.shared.installed import installed_version
from convbench_specs import (
    Available,
    Backend,
    Case,
    Conv,
    Device,
    Flatten,
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
    summary = "CUDA kernels in Python, compiled by Numba"
    devices = ("cpu", "cuda")

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
        """The simulator where it is asked for; and no warnings that small cases leave a GPU idle, as they must."""
        asked = {SIMULATOR: "1"} if is_simulated() else {}
        return {**asked, "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Make a context on the first device, or find the simulator."""
        from convbench_backends.numba_cuda.device import current_device  # noqa: PLC0415  # imports Numba

        if is_simulated():
            start_simulator()
        self._device = current_device()
        return {"cuda_device": self._device.name, "multiprocessors": str(self._device.multiprocessors)}

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
            return passes.prepare_conv(case, tensors, self._device)
        if isinstance(case.operation, Flatten):
            return passes.prepare_flatten(case, tensors, self._device)
        return passes.prepare_pool(case, tensors, self._device)


@hookimpl
def convbench_backends() -> Iterable[type[Backend]]:
    """The hook by which convbench finds this backend."""
    return [NumbaCuda]
