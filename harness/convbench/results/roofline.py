"""The roofline of a machine and each cell's share of it (Williams, Waterman and Patterson, "Roofline", CACM 52, 2009).

    intensity  = FLOPs / compulsory bytes
    attainable = min(P, intensity x B)
    share      = (FLOPs / seconds) / attainable = max(FLOPs / P, bytes / B) / seconds

- P is the best GFLOP/s that any backend reached on large dense cases of the dtype, B the best GB/s of plain copies.
- FLOPs are the dense count, taps on padding included; bytes are each tensor once. Both are those of cost.py.
- Without FLOPs (flatten) the share is that of the bandwidth, and a view, which moves nothing, has none.
- A share over 1 is real and stays: Winograd and skipped padding do fewer FLOPs than are counted, data that stay in a
  cache are faster than memory. It is labelled "effective", and never clipped.
Pure functions; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

CONFIRMS = 0.9
"""Share of a limit found in contention that an undisturbed measurement must reach to confirm it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """The best of the ways to move memory: GB/s, decimal, over the bytes that are read and written, each once.

    A cache line that is fetched only to be overwritten (write-allocate) is not counted. `way` is "copy" (2 bytes moved
    a byte of the result), "add" (3), or on a device a backend's name and case. `array_bytes` is the size of an array.
    """

    gbytes_per_s: float
    way: str
    array_bytes: int
    contended: bool = False

    def or_better(self, other: Bandwidth) -> Bandwidth:
        """The higher of two measured bandwidths."""
        lower, higher = sorted((self, other), key=lambda bandwidth: bandwidth.gbytes_per_s)
        confirmed = not lower.contended and lower.gbytes_per_s >= CONFIRMS * higher.gbytes_per_s
        return replace(higher, contended=higher.contended and not confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The best GFLOP/s of a dtype, on which case and by which backend; None where no backend got that far.

    `considered` are the backends that were asked. `contended` says that others used the machine during the best sample.
    """

    dtype: str
    gflops_per_s: float | None
    backend: str = ""
    case: str = ""
    considered: tuple[str, ...] = ()
    contended: bool = False

    def or_better(self, other: Peak) -> Peak:
        """The higher of two measured peaks of a dtype, by the backends of both."""
        lower, higher = sorted((self, other), key=lambda peak: peak.gflops_per_s or 0.0)
        names = tuple(dict.fromkeys([*self.considered, *other.considered]))
        confirmed = not lower.contended and (lower.gflops_per_s or 0.0) >= CONFIRMS * (higher.gflops_per_s or 0.0)
        return replace(higher, considered=names, contended=higher.contended and not confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a machine reaches with so many threads on a device. `measured` is an ISO 8601 time, the latest one."""

    device: str
    threads: int
    bandwidth: Bandwidth | None = None
    peaks: tuple[Peak, ...] = ()
    measured: str = ""

    def peak(self, dtype: str) -> Peak | None:
        """The peak of a dtype, if it was measured."""
        return next((peak for peak in self.peaks if peak.dtype == dtype), None)

    @property
    def gbytes_per_s(self) -> float:
        """The bandwidth; NaN where it is not known."""
        return self.bandwidth.gbytes_per_s if self.bandwidth else float("nan")

    def gflops_per_s(self, dtype: str) -> float:
        """The peak of a dtype; NaN where it is not known."""
        peak = self.peak(dtype)
        return float("nan") if peak is None or peak.gflops_per_s is None else peak.gflops_per_s

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Limits:
        """The reverse of as_dict; TypeError, KeyError or ValueError for what as_dict cannot have written."""
        bandwidth = table["bandwidth"]
        return cls(
            device=str(table["device"]),
            threads=int(table["threads"]),
            bandwidth=None if bandwidth is None else _bandwidth(bandwidth),
            peaks=tuple(_peak(peak) for peak in table["peaks"]),
            measured=str(table["measured"]),
        )


def _bandwidth(table: Mapping[str, Any]) -> Bandwidth:
    found = Bandwidth(**table)
    if not found.gbytes_per_s > 0:
        raise ValueError(f"a bandwidth must be more than 0, not {found.gbytes_per_s}")
    return found


def _peak(table: Mapping[str, Any]) -> Peak:
    found = Peak(**{**table, "considered": tuple(table["considered"])})
    if found.gflops_per_s is not None and not found.gflops_per_s > 0:
        raise ValueError(f"a peak must be more than 0, not {found.gflops_per_s}")
    return found


def attainable_gflops_per_s(intensity: Any, peak: Any, bandwidth: Any) -> Any:
    """min(P, intensity x B), element by element; NaN where a limit is not known.

    >>> float(attainable_gflops_per_s(0.5, 200.0, 40.0)), float(attainable_gflops_per_s(50.0, 200.0, 40.0))
    (20.0, 200.0)
    """
    return np.minimum(peak, np.multiply(intensity, bandwidth))


def roofline_share(flops: Any, moved_bytes: Any, seconds: Any, peak: Any, bandwidth: Any) -> Any:
    """max(FLOPs / P, bytes / B) / seconds, element by element: 1 is the roof. P in GFLOP/s, B in GB/s.

    NaN where nothing is computed nor moved, and where a limit that matters is not known: P does not without FLOPs.

    >>> float(roofline_share(2e9, 1e9, 0.1, 200.0, 40.0))  # 10 ms of arithmetic, 25 ms of memory, in 100 ms
    0.25
    """
    computing = np.where(np.asarray(flops) == 0, 0.0, np.divide(flops, peak) / 1e9)
    least = np.maximum(computing, np.divide(moved_bytes, bandwidth) / 1e9)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(least > 0, least / seconds, np.nan)
