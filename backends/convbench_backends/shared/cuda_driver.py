"""Ask the NVIDIA driver how many GPUs there are, without importing any framework.

Rules: raises nothing; no context is made on a device, so the asking process takes no GPU memory. CUDA_VISIBLE_DEVICES
is honoured, for the driver does so.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from convbench_specs import Unavailable

DRIVER_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
SUCCESS = 0  # CUresult CUDA_SUCCESS


@cache
def cuda_device_count() -> int:
    """Number of CUDA devices that this process may use; 0 where there is no driver or it does not answer."""
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != SUCCESS or driver.cuDeviceGetCount(ctypes.byref(count)) != SUCCESS:
        return 0
    return count.value


def no_cuda_device() -> Unavailable | None:
    """Why no CUDA device can be used and what would help, or None where there is one."""
    if cuda_device_count():
        return None
    return Unavailable(
        "no CUDA device: the NVIDIA driver reports none; see what nvidia-smi lists and unset CUDA_VISIBLE_DEVICES, "
        "or use --device cpu"
    )
