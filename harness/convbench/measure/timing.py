"""Time of a call, measured inside the worker.

- perf_counter_ns around an inner loop that is long enough for the timer; the warm-up finds the count, once, for all.
- Garbage collection is off in the loop; every backend's outputs are dropped alike, before the next call.
- `wait` runs after every call: an asynchronous framework must have finished before the clock stops. Where calls queue
  on a device and end in order, `once_a_loop` waits for the last one alone: so does a user who trains.
- Nothing is subtracted; `harness_overhead_s` states what the loop itself costs a call.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat

from convbench.machine.pressure import waited_s
from convbench.machine.processor_time import spent_s, thread_times
from convbench_specs import Native

Call = Callable[[], Native]
Wait = Callable[[Native], None]
Loop = Callable[[Call, Wait, int], float]
"""Seconds that so many calls took."""

MAX_LOOPS = 100_000
"""No sample needs more calls than this: even 100 ns a call give 10 ms."""
WINDOW_S = 0.001
"""The least that the timer resolves to a thousandth, with its own cost of some 50 ns."""
STEADY_WINDOWS = 3
WOKEN_S = 0.005
"""Calls are made for so long before a sample, untimed, where the worker was stopped: in the first millisecond they were
seen to take 1.2 to 3 times as long, in the third 0.9 to 1.5, in the fifth 0.9 to 1.3."""
SWITCHED_S = 0.001
"""And where another pass was called just before: 1.0 to 1.6 in the first millisecond, 0.9 to 1.2 in the second."""
LONG_CALL_S = 0.02
"""A call that takes longer is slowed down too little by its beginning to be made twice."""
GAIN = 0.02
"""What a further window must bring to show that the warm-up goes on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed inner loop: `loops` calls took `elapsed_s` of wall time and `cpu_s` of processor time, all threads.

    In `waited_s` of it some task of the machine waited for a processor; None where the system does not tell. Calls for
    `settled_s` seconds came before it.
    """

    loops: int
    elapsed_s: float
    cpu_s: float
    minor_faults: int
    involuntary_switches: int
    waited_s: float | None
    settled_s: float


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Calls that fill a sample, calls that the warm-up made in elapsed_s, and whether it got no faster in the end."""

    loops: int
    warm_up_calls: int
    steady: bool
    elapsed_s: float


def once(call: Call, wait: Wait) -> tuple[Native, float]:
    """Result and seconds of a single call."""
    start = time.perf_counter_ns()
    result = call()
    wait(result)
    return result, (time.perf_counter_ns() - start) * 1e-9


def settling_s(call_s: float, *, woken: bool) -> float:
    """How long to call before a sample of calls that take so long.

    >>> settling_s(0.000_9, woken=True), settling_s(0.000_9, woken=False), settling_s(0.2, woken=True)
    (0.005, 0.001, 0.0)
    """
    if call_s > LONG_CALL_S:
        return 0.0
    return WOKEN_S if woken else SWITCHED_S


def sample(call: Call, wait: Wait, loops: int, settle_s: float = 0.0, *, once_a_loop: bool = False) -> Sample:
    """Time one inner loop, after calls for `settle_s` seconds that are not timed.

    Other backends had the caches since this one's last turn, and its threads were just woken up.
    """
    loop = _queued_loop if once_a_loop else _loop
    return _measured(loops, lambda: loop(call, wait, loops), settle=lambda: _settle(call, wait, settle_s))


def sample_turns(turns: Sequence[tuple[Call, Wait]]) -> Sample:
    """Time one inner loop in which each of the calls has one turn."""
    return _measured(len(turns), lambda: _turns(turns), settle=lambda: 0.0)


def _measured(loops: int, timed: Callable[[], float], *, settle: Callable[[], float]) -> Sample:
    collecting = gc.isenabled()
    gc.disable()
    try:
        settled = settle()
        waited_before = waited_s()
        before = resource.getrusage(resource.RUSAGE_SELF)
        threads_before = thread_times()
        elapsed = timed()
        threads_after = thread_times()
        after = resource.getrusage(resource.RUSAGE_SELF)
        waited_after = waited_s()
    finally:
        if collecting:
            gc.enable()
    return Sample(
        loops=loops,
        elapsed_s=elapsed,
        cpu_s=spent_s(threads_before, threads_after),
        minor_faults=after.ru_minflt - before.ru_minflt,
        involuntary_switches=after.ru_nivcsw - before.ru_nivcsw,
        waited_s=None if waited_before is None or waited_after is None else waited_after - waited_before,
        settled_s=settled,
    )


def warm_up(call: Call, wait: Wait, *, sample_s: float, limit_s: float, once_a_loop: bool = False) -> WarmUp:
    """Call until it gets no faster, at most limit_s seconds, and find how many calls fill a sample.

    Windows of calls are timed; it is steady once STEADY_WINDOWS in a row bring no best that is GAIN better than the one
    before. Minima are compared, as noise only adds.
    """
    gc.collect()  # once before the samples: a framework's many objects make it take longer than most samples
    begin = time.perf_counter()
    loop = _queued_loop if once_a_loop else _loop
    window, calls = _window(loop, call, wait, min(sample_s, WINDOW_S))
    best, unchanged = float("inf"), 0
    while unchanged < STEADY_WINDOWS and time.perf_counter() - begin < limit_s:
        seconds = loop(call, wait, window) / window
        calls += window
        unchanged = 0 if seconds < best * (1 - GAIN) else unchanged + 1
        best = min(best, seconds)
    if best == float("inf"):
        best = _loop(call, wait, 1)
        calls += 1
    loops = max(1, min(MAX_LOOPS, round(sample_s / best)))
    elapsed = time.perf_counter() - begin
    return WarmUp(loops=loops, warm_up_calls=calls, steady=unchanged >= STEADY_WINDOWS, elapsed_s=elapsed)


def _window(loop: Loop, call: Call, wait: Wait, target_s: float) -> tuple[int, int]:
    """How many calls take about target_s, and how many were made to find out."""
    loops, calls = 1, 0
    while True:
        elapsed = loop(call, wait, loops)
        calls += loops
        if elapsed >= target_s / 2 or loops >= MAX_LOOPS:
            return max(1, min(MAX_LOOPS, round(loops * target_s / max(elapsed, 1e-9)))), calls
        loops = min(MAX_LOOPS, loops * max(2, min(16, int(target_s / max(elapsed, 1e-9)))))


def harness_overhead_s(loops: int = 20_000) -> float:
    """Seconds that the loop costs a call: the best of five loops over a call that does nothing."""
    return min(_loop(_nothing, _no_wait, loops) for _ in range(5)) / loops


def _loop(call: Call, wait: Wait, loops: int) -> float:
    start = time.perf_counter_ns()
    for _ in repeat(None, loops):
        wait(call())
    return (time.perf_counter_ns() - start) * 1e-9


def _queued_loop(call: Call, wait: Wait, loops: int) -> float:
    """As _loop, for calls that end in the order in which they were made: the last one's end is that of all."""
    result = None
    start = time.perf_counter_ns()
    for _ in repeat(None, loops):
        result = call()
    wait(result)
    return (time.perf_counter_ns() - start) * 1e-9


def _settle(call: Call, wait: Wait, seconds: float) -> float:
    """How long it took: the last call may end later."""
    begin, elapsed = time.perf_counter(), 0.0
    while elapsed < seconds:
        wait(call())
        elapsed = time.perf_counter() - begin
    return elapsed


def _turns(turns: Sequence[tuple[Call, Wait]]) -> float:
    start = time.perf_counter_ns()
    for call, wait in turns:
        wait(call())
    return (time.perf_counter_ns() - start) * 1e-9


def _nothing() -> Native:
    return None


def _no_wait(native: Native) -> None:
    pass
