"""Limits of this machine that runs need not measure: on a busy one each run would, with seconds and gigabytes."""

from __future__ import annotations

from typing import get_args

from convbench.machine.facts import usable_cores
from convbench.results.roofline import Bandwidth, Limits, Peak
from convbench.run.limits.cache import cache_file, fingerprint, keep_limits
from convbench.workers.plugins import find_backends
from convbench_specs import DType


def keep_known_limits() -> None:
    """Keep in the cache folder what `convbench limits` would, for bundled backends; the numbers are made up."""
    registry = find_backends()
    facts = fingerprint(registry.packages)
    names = tuple(registry.backends)
    peaks = tuple(
        Peak(dtype=dtype, gflops_per_s=100.0, backend=names[0], case="none", considered=names)
        for dtype in get_args(DType)
    )
    bandwidth = Bandwidth(gbytes_per_s=20.0, way="copy", array_bytes=2**30)
    for threads in range(1, len(usable_cores()) + 1):
        limits = Limits(device="cpu", threads=threads, bandwidth=bandwidth, peaks=peaks, measured="2026-01-01")
        assert keep_limits(cache_file(facts), facts, limits) == ""
