"""Time of a call, measured inside the worker.

- perf_counter_ns around an inner loop that is long enough for the timer; the count is calibrated once and kept.
- Garbage collection is off in the loop; every backend's outputs are dropped alike, one call later.
- `wait` runs after every call: an asynchronous framework must have finished before the clock stops.
- Nothing is subtracted; `harness_overhead_s` states what the loop itself costs a call.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from convbench_specs import Native

Call = Callable[[], Native]
Wait = Callable[[Native], None]

MAX_LOOPS = 100_000
"""No sample needs more calls than this: even 100 ns a call give 10 ms."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed inner loop: `loops` calls took `elapsed_s` of wall time and `cpu_s` of processor time, all threads."""

    loops: int
    elapsed_s: float
    cpu_s: float
    minor_faults: int
    involuntary_switches: int


def once(call: Call, wait: Wait) -> tuple[Native, float]:
    """Result and seconds of a single call."""
    start = time.perf_counter_ns()
    result = call()
    wait(result)
    return result, (time.perf_counter_ns() - start) * 1e-9


def sample(call: Call, wait: Wait, loops: int) -> Sample:
    """Time one inner loop."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        before = resource.getrusage(resource.RUSAGE_SELF)
        elapsed = _loop(call, wait, loops)
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        if collecting:
            gc.enable()
    return Sample(
        loops=loops,
        elapsed_s=elapsed,
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        minor_faults=after.ru_minflt - before.ru_minflt,
        involuntary_switches=after.ru_nivcsw - before.ru_nivcsw,
    )


def calibrate(call: Call, wait: Wait, target_s: float) -> int:
    """How many calls fill target_s, found by doubling; the calls warm up caches and clocks on the way."""
    gc.collect()  # once before the samples: a framework's many objects make it take longer than most samples
    loops = 1
    while True:
        elapsed = _loop(call, wait, loops)
        if elapsed >= target_s / 2 or loops >= MAX_LOOPS:
            return max(1, min(MAX_LOOPS, round(loops * target_s / max(elapsed, 1e-9))))
        loops = min(MAX_LOOPS, loops * max(2, min(16, int(target_s / max(elapsed, 1e-9)))))


def harness_overhead_s(loops: int = 20_000) -> float:
    """Seconds that the loop costs a call: the best of five loops over a call that does nothing."""
    return min(_loop(_nothing, _no_wait, loops) for _ in range(5)) / loops


def _loop(call: Call, wait: Wait, loops: int) -> float:
    start = time.perf_counter_ns()
    for _ in repeat(None, loops):
        result = call()
        wait(result)
    elapsed = (time.perf_counter_ns() - start) * 1e-9
    del result
    return elapsed


def _nothing() -> Native:
    return None


def _no_wait(native: Native) -> None:
    pass
