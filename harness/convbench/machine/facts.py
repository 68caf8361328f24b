"""What measured times depend on: processor, memory, system, and versions of packages. It is read, not guessed."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from convbench.machine.container import container_limits

HOST_PACKAGES = ("convbench", "numpy", "scipy", "pandas", "pluggy")
"""Distributions of the host itself that every run records."""
FALLBACK_CACHE_BYTES = 32 * 2**20
CACHE_UNITS = {"K": 2**10, "M": 2**20}


def machine_facts() -> dict[str, str]:
    """Facts by name, as text for people."""
    memory = psutil.virtual_memory().total
    return {
        "processor": _processor(),
        "cores": f"{psutil.cpu_count(logical=False) or '?'} cores, {psutil.cpu_count()} hardware threads, "
        f"{len(usable_cores())} usable",
        "vector units": _vector_units(),
        "memory": f"{memory / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load at start": f"{os.getloadavg()[0]:.2f}",
    }


def usable_cores() -> tuple[int, ...]:
    """Numbers of the cores that this process may use: its affinity mask, or all cores on systems that have none."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def last_level_caches_bytes() -> int:
    """Size of the last-level caches of all usable cores together, each counted once."""
    by_sharers = {sharers: size for size, sharers in map(_last_level_cache, usable_cores())}
    return sum(by_sharers.values())


def _last_level_cache(core: int) -> tuple[int, str]:
    """Bytes of the last-level cache of a core, and which cores share it, as the system writes it."""
    found = []
    for folder in Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*"):
        try:
            level, size = (folder / "level").read_text().strip(), (folder / "size").read_text().strip()
            sharers = (folder / "shared_cpu_list").read_text().strip()
        except OSError:
            continue
        if level.isdecimal() and size[:-1].isdecimal() and size[-1] in CACHE_UNITS:
            found.append((int(level), int(size[:-1]) * CACHE_UNITS[size[-1]], sharers))
    return max(found, default=(0, FALLBACK_CACHE_BYTES, ""))[1:]


def free_bytes() -> int:
    """Free memory, which is the smaller of what the machine and the container have left."""
    left = container_limits().memory_left_bytes
    free = int(psutil.virtual_memory().available)
    return free if left is None else min(free, left)


def package_versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of HOST_PACKAGES and of the given distributions, as far as they are installed; none is imported."""
    return versions_of((*HOST_PACKAGES, *packages))


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of distributions, as far as they are installed."""
    found = {}
    for name in packages:
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


def processor_flags() -> frozenset[str]:
    """What the processor says that it can do, in the system's words; empty where the system does not tell."""
    return frozenset(_cpuinfo("flags").split() or _cpuinfo("Features").split())


def _vector_units() -> str:
    flags = processor_flags()
    named = {
        "avx512f": "AVX-512",
        "avx512_bf16": "AVX-512 BF16",
        "avx2": "AVX2",
        "fma": "FMA",
        "asimd": "NEON",
        "sve": "SVE",
    }
    return ", ".join(text for flag, text in named.items() if flag in flags) or "unknown"
