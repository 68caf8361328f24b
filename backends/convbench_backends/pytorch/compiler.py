"""What torch.compile needs of the machine and of the environment, found without importing torch."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from convbench_backends.shared.installed import installed_version
from convbench_specs import Device, Settings, Unavailable


def no_compiler(device: Device) -> Unavailable | None:
    """Why torch.compile cannot work here, None where it can.

    TorchInductor makes C++ for a processor, compiled against Python's headers, and Triton for a GPU. The compiler is
    the one that it looks for itself, torch._inductor.config.cpp.cxx: $CXX, else g++, and clang++ on macOS.
    """
    if shutil.which(_cxx()) is None:
        return Unavailable(f"mode=compile needs a C++ compiler and finds no {_cxx()}: install one, or name one by $CXX")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return Unavailable("mode=compile needs Python.h, which is not here: install Python's headers (python3-dev)")
    if device == "cuda" and installed_version("triton", "triton") is None:
        return Unavailable("mode=compile needs Triton on a GPU: pip install triton")
    return None


def compile_environment(settings: Settings) -> Mapping[str, str]:
    """One process that compiles, as a pool of them would stay beside the timed calls; caches that end with the run."""
    environment = {"CXX": _cxx(), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if settings.scratch_folder:
        environment |= {
            "TORCHINDUCTOR_CACHE_DIR": str(Path(settings.scratch_folder, "torchinductor")),
            "TRITON_CACHE_DIR": str(Path(settings.scratch_folder, "triton")),
        }
    return environment


def _cxx() -> str:
    return os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
