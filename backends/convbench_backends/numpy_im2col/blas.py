"""The matrix product under NumPy: which kernels it has, and which it should have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CORETYPE = "OPENBLAS_CORETYPE"
AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
"""What OpenBLAS's SkylakeX kernels need."""


def coretype() -> Mapping[str, str]:
    """The environment that makes OpenBLAS use AVX-512 on an AMD processor that has it; nothing where a user has chosen.

    An OpenBLAS that is older than such a processor may take it for a Haswell, whose kernels reach half the speed. Those
    of Intel are told apart well, and may have better kernels than SkylakeX's.
    """
    if CORETYPE in os.environ:
        return {}
    vendor, flags = _processor()
    return {CORETYPE: "SkylakeX"} if vendor == "AuthenticAMD" and flags >= AVX512 else {}


def libraries() -> list[Any]:
    """Controllers, as threadpoolctl has them, of the BLAS libraries that this process has loaded."""
    import threadpoolctl  # noqa: PLC0415  # needed in a worker only

    return [lib for lib in threadpoolctl.ThreadpoolController().lib_controllers if lib.user_api == "blas"]


def facts(libraries: list[Any]) -> dict[str, str]:
    """What is worth recording: each library with its version and kernels."""
    described = []
    for library in libraries:
        info = library.info()
        kernels = f", {info['architecture']} kernels" if info.get("architecture") else ""
        described.append(f"{info['internal_api']} {info['version']}{kernels}")
    return {"blas": "; ".join(described) or "unknown to threadpoolctl"}


def _processor() -> tuple[str, frozenset[str]]:
    """Vendor and feature flags of the first processor; empty where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "", frozenset()
    found: dict[str, str] = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        found[key.strip()] = value.strip()
    return found.get("vendor_id", ""), frozenset(found.get("flags", "").split())
