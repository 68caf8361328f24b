"""What this machine reaches: from the cache, and measured where the cache does not know.

A limit is the best of the bundled backends that were asked: a stranger's is not taken at its word for what a machine
can do. One that was never asked, a dtype or a number of threads that are new, and a limit that was measured while
others used the machine, are measured and merged with what is known. What a wrong backend reached is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from pathlib import Path

from convbench.results.roofline import Limits, Peak
from convbench.run.limits.bandwidth import measure_bandwidth
from convbench.run.limits.cache import cache_file, fingerprint, keep_limits, merge, read_limits
from convbench.run.limits.peak import measure_device_bandwidth, measure_peak
from convbench.run.progress import Doing
from convbench.workers.session import BackendSession
from convbench_specs import Device, DType

LATE = "the time of the run was too short to measure all limits of this machine: convbench limits measures them"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The limits, and what a user should be warned of."""

    limits: Limits
    warnings: tuple[str, ...] = ()


def attainable(
    sessions: Sequence[BackendSession],
    dtypes: Sequence[DType],
    *,
    device: Device,
    threads: int,
    scratch: Path,
    packages: Iterable[str] = (),
    wrong: Collection[str] = (),
    again: bool = False,
    left_s: Callable[[], float] = lambda: inf,
) -> Generator[Doing, None, Outcome]:
    """The limits for these dtypes, with the backends of the sessions; `again` measures even what is known.

    `wrong` are backends in which the checks have found a fault: they are not asked, and their limits are dropped.
    Limits hold for the versions of `packages`, those that the backends declare. Yields what it is doing. Sessions are
    left without a case and suspended. Raises nothing of a backend's. Where `left_s` seconds are over, what was not yet
    found is left out, and a warning says so.
    """
    facts = fingerprint(packages)
    path = cache_file(facts)
    known = Limits(device=device, threads=threads) if again else read_limits(path, device, threads)
    trusted = [session for session in sessions if session.is_reference and session.name not in wrong]
    found = yield from _measured(without(known, wrong), trusted, dtypes, scratch=scratch, left_s=left_s)
    late = (LATE,) if left_s() <= 0 else ()
    if found == known:
        return Outcome(known, late)
    not_kept = keep_limits(path, facts, found)
    told = f"the machine's limits are not kept for later runs: {not_kept}"
    return Outcome(found, (*late, told) if not_kept else late)


def without(known: Limits, wrong: Collection[str]) -> Limits:
    """The limits that were not reached by one of these backends."""
    return replace(known, peaks=tuple(peak for peak in known.peaks if peak.backend not in wrong))


def _measured(
    known: Limits,
    sessions: Sequence[BackendSession],
    dtypes: Sequence[DType],
    *,
    scratch: Path,
    left_s: Callable[[], float],
) -> Generator[Doing, None, Limits]:
    """With what is not known measured; `known` itself where that is nothing."""
    device: Device = "cuda" if known.device == "cuda" else "cpu"
    found = known
    for dtype in dict.fromkeys(dtypes):
        asked = _to_ask(known.peak(dtype), sessions)
        if asked:
            peak = yield from measure_peak(asked, dtype, known, scratch=scratch, left_s=left_s)
            if peak is None:
                return found
            found = merge(found, Limits(device=device, threads=known.threads, peaks=(peak,)))
    if known.bandwidth is None or known.bandwidth.contended:
        yield Doing("the machine's limit: bandwidth of memory")
        if device == "cpu":
            bandwidth = measure_bandwidth(known.threads, left_s())
        else:
            bandwidth = yield from measure_device_bandwidth(sessions, scratch=scratch)
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
