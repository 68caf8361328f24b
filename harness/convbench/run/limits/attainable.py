"""What this machine reaches: from the cache, and measured where the cache does not know.

A limit is the best of the backends that were asked. One that was never asked, a dtype or a number of threads that are
new, and a limit that was measured while others used the machine, are measured and merged with what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from convbench.results.roofline import Limits, Peak
from convbench.run.limits.bandwidth import measure_bandwidth
from convbench.run.limits.cache import cache_file, fingerprint, keep_limits, merge, read_limits
from convbench.run.limits.peak import Step, measure_device_bandwidth, measure_peak
from convbench.workers.session import BackendSession
from convbench_specs import Device, DType


@dataclass(frozen=True, slots=True)
class Outcome:
    """The limits, and what a user should be warned of; empty where there is nothing."""

    limits: Limits
    warning: str = ""


def attainable(
    sessions: Sequence[BackendSession],
    dtypes: Sequence[DType],
    *,
    device: Device,
    threads: int,
    scratch: Path,
    step: Step,
    again: bool = False,
) -> Outcome:
    """The limits for these dtypes, with the backends of the sessions; `again` measures even what is known.

    Sessions are left without a case and suspended. Raises nothing of a backend's.
    """
    facts = fingerprint()
    path = cache_file(facts)
    known = Limits(device=device, threads=threads) if again else read_limits(path, device, threads)
    found = _measured(known, sessions, dtypes, scratch=scratch, step=step)
    if found is known:
        return Outcome(known)
    not_kept = keep_limits(path, facts, found)
    return Outcome(found, f"the machine's limits are not kept for later runs: {not_kept}" if not_kept else "")


def _measured(
    known: Limits, sessions: Sequence[BackendSession], dtypes: Sequence[DType], *, scratch: Path, step: Step
) -> Limits:
    """With what is not known measured; `known` itself where that is nothing."""
    device: Device = "cuda" if known.device == "cuda" else "cpu"
    found = known
    for dtype in dict.fromkeys(dtypes):
        asked = _to_ask(known.peak(dtype), sessions)
        if asked:
            peak = measure_peak(asked, dtype, device, scratch=scratch, step=step)
            found = merge(found, Limits(device=device, threads=known.threads, peaks=(peak,)))
    if known.bandwidth is None or known.bandwidth.contended:
        step("the machine's limit: bandwidth of memory")
        bandwidth = (
            measure_bandwidth(known.threads)
            if device == "cpu"
            else measure_device_bandwidth(sessions, scratch=scratch, step=step)
        )
        found = merge(found, Limits(device=device, threads=known.threads, bandwidth=bandwidth))
    if found is known:
        return known
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return merge(found, Limits(device=device, threads=known.threads, measured=now))


def _to_ask(peak: Peak | None, sessions: Sequence[BackendSession]) -> list[BackendSession]:
    """The backends that may know better: those never asked, and all where others disturbed the one that was best."""
    if peak is None or (peak.contended and peak.backend in {session.name for session in sessions}):
        return list(sessions)
    return [session for session in sessions if session.name not in peak.considered]
