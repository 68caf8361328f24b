"""What the numbers depend on: processor, memory, system, and versions of packages. Read, never guessed."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = (
    "convbench",
    "numpy",
    "torch",
    "tensorflow-cpu",
    "tensorflow",
    "jax",
    "jaxlib",
    "numba",
    "numba-cuda",
    "llvmlite",
    "pluggy",
    "pandas",
    "scipy",
)


def machine_facts() -> dict[str, str]:
    """Facts by name, as text for a reader."""
    memory = psutil.virtual_memory().total
    return {
        "processor": _processor(),
        "cores": f"{psutil.cpu_count(logical=False) or '?'} cores, {psutil.cpu_count()} hardware threads, "
        f"{len(os.sched_getaffinity(0))} usable",
        "vector units": _vector_units(),
        "memory": f"{memory / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load at start": f"{os.getloadavg()[0]:.2f}",
    }


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that matter to a run, without importing them."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpuinfo(key: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _vector_units() -> str:
    flags = _cpuinfo("flags").split() or _cpuinfo("Features").split()
    named = {
        "avx512f": "AVX-512",
        "avx512_bf16": "AVX-512 BF16",
        "avx2": "AVX2",
        "fma": "FMA",
        "asimd": "NEON",
        "sve": "SVE",
    }
    return ", ".join(text for flag, text in named.items() if flag in flags) or "unknown"
