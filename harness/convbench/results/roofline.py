"""The roofline of a machine and each cell's share of it (Williams, Waterman and Patterson, "Roofline", CACM 52, 2009).

    intensity  = FLOPs / compulsory bytes
    attainable = min(P, intensity x B)
    share      = (FLOPs / seconds) / attainable = max(FLOPs / P, bytes / B) / seconds

- P is the best GFLOP/s that any backend reached on large dense cases of the dtype. B is the best GB/s of plain copies.
- FLOPs are the dense count, with taps on padding included. Bytes count each tensor once. Both come from cost.py.
- Without FLOPs (flatten) the share is that of the bandwidth. A view moves nothing and has no share.
- A share over 1 is real and is never clipped: Winograd and skipped padding do fewer FLOPs than are counted, and a cache
  is faster than memory. Such a share is labelled "effective".
Pure functions; nothing is measured here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import numpy as np

CONFIRMS = 0.9
"""An undisturbed measurement confirms a disturbed one if it reaches this share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """The best of several ways to move memory, in decimal GB/s over the bytes that are read and written, each once.

    A cache line that is fetched only to be overwritten (write-allocate) is not counted. `way` is "copy" (2 bytes move
    for each byte of the result), "add" (3 bytes), or on a device the name of a backend and its case. `array_bytes` is
    the size of one array. `contended` says that other programs used the machine meanwhile.
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
    """The best GFLOP/s of a dtype, and the case and the backend that reached it; None if no backend computed any.

    `considered` are the backends that were tried. `contended` says that other programs used the machine during the best
    sample.
    """

    dtype: str
    gflops_per_s: float | None
    backend: str = ""
    case: str = ""
    considered: tuple[str, ...] = ()
    contended: bool = False

    def or_better(self, other: Peak) -> Peak:
        """The higher of two measured peaks of a dtype, with the backends that were considered for either."""
        lower, higher = sorted((self, other), key=lambda peak: peak.gflops_per_s or 0.0)
        names = tuple(dict.fromkeys([*self.considered, *other.considered]))
        confirmed = not lower.contended and (lower.gflops_per_s or 0.0) >= CONFIRMS * (higher.gflops_per_s or 0.0)
        return replace(higher, considered=names, contended=higher.contended and not confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a machine reaches on a device with so many threads. `measured` is an ISO 8601 time, the latest one."""

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
        """The bandwidth; NaN if it is not known."""
        return self.bandwidth.gbytes_per_s if self.bandwidth else float("nan")

    def gflops_per_s(self, dtype: str) -> float:
        """The peak of a dtype; NaN if it is not known."""
        peak = self.peak(dtype)
        return float("nan") if peak is None or peak.gflops_per_s is None else peak.gflops_per_s

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: object) -> Limits:
        """The reverse of as_dict; ValueError for anything that as_dict cannot have written."""
        try:
            found = msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        if found.bandwidth is not None and not found.bandwidth.gbytes_per_s > 0:
            raise ValueError(f"a bandwidth must be more than 0, not {found.bandwidth.gbytes_per_s}")
        for peak in found.peaks:
            if peak.gflops_per_s is not None and not peak.gflops_per_s > 0:
                raise ValueError(f"a peak must be more than 0, not {peak.gflops_per_s}")
        return found


def attainable_gflops_per_s(intensity: Any, peak: Any, bandwidth: Any) -> Any:
    """min(P, intensity x B), element by element; NaN if a limit is not known.

    >>> float(attainable_gflops_per_s(0.5, 200.0, 40.0)), float(attainable_gflops_per_s(50.0, 200.0, 40.0))
    (20.0, 200.0)
    """
    return np.minimum(peak, np.multiply(intensity, bandwidth))


def roofline_share(flops: Any, moved_bytes: Any, seconds: Any, peak: Any, bandwidth: Any) -> Any:
    """max(FLOPs / P, bytes / B) / seconds, element by element: 1 is the roof. P in GFLOP/s, B in GB/s.

    NaN if nothing is computed or moved, and if a limit that matters is not known. Without FLOPs, P does not matter.

    >>> float(roofline_share(2e9, 1e9, 0.1, 200.0, 40.0))  # 10 ms of arithmetic, 25 ms of memory, in 100 ms
    0.25
    """
    computing = np.where(np.asarray(flops) == 0, 0.0, np.divide(flops, peak) / 1e9)
    least = np.maximum(computing, np.divide(moved_bytes, bandwidth) / 1e9)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(least > 0, least / seconds, np.nan)
