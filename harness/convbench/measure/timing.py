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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from convbench.machine.pressure import waited_s
from convbench.machine.processor_time import spent_s, thread_times
from convbench.measure.clock import now_ns, seconds_since
from convbench_specs import Native

Call = Callable[[], Native]
Wait = Callable[[Native], None]


class Timed(NamedTuple):
    """Seconds that a loop took, and what its last call returned."""

    seconds: float
    last: Native


Loop = Callable[[Call, Wait, int], Timed]
"""So many calls in a row."""

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
    start = now_ns()
    result = call()
    wait(result)
    return result, seconds_since(start)


def settling_s(call_s: float, *, woken: bool) -> float:
    """How long to call before a sample of calls that take so long.

    >>> settling_s(0.000_9, woken=True), settling_s(0.000_9, woken=False), settling_s(0.2, woken=True)
    (0.005, 0.001, 0.0)
    """
    if call_s > LONG_CALL_S:
        return 0.0
    return WOKEN_S if woken else SWITCHED_S


def sample(
    call: Call, wait: Wait, loops: int, settle_s: float = 0.0, *, once_a_loop: bool = False
) -> tuple[Sample, Native]:
    """Time one inner loop, after calls for `settle_s` seconds that are not timed; and what its last call returned.

    Other backends had the caches since this one's last turn, and its threads were just woken up.
    """
    loop = _queued_loop if once_a_loop else _loop
    return _measured(loops, lambda: loop(call, wait, loops), settle=lambda: _settle(call, wait, settle_s))


def sample_turns(turns: Sequence[tuple[Call, Wait]]) -> tuple[Sample, Native]:
    """Time one inner loop in which each of the calls has one turn; and what the last one returned."""
    return _measured(len(turns), lambda: _turns(turns), settle=lambda: 0.0)


def _measured(loops: int, timed: Callable[[], Timed], *, settle: Callable[[], float]) -> tuple[Sample, Native]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        settled = settle()
        waited_before = waited_s()
        before = resource.getrusage(resource.RUSAGE_SELF)
        threads_before = thread_times()
        elapsed, last = timed()
        threads_after = thread_times()
        after = resource.getrusage(resource.RUSAGE_SELF)
        waited_after = waited_s()
    finally:
        if collecting:
            gc.enable()
    found = Sample(
        loops=loops,
        elapsed_s=elapsed,
        cpu_s=spent_s(threads_before, threads_after),
        minor_faults=after.ru_minflt - before.ru_minflt,
        involuntary_switches=after.ru_nivcsw - before.ru_nivcsw,
        waited_s=None if waited_before is None or waited_after is None else waited_after - waited_before,
        settled_s=settled,
    )
    return found, last


def warm_up(call: Call, wait: Wait, *, sample_s: float, limit_s: float, once_a_loop: bool = False) -> WarmUp:
    """Call until it gets no faster, at most limit_s seconds, and find how many calls fill a sample.

    Windows of calls are timed; it is steady once STEADY_WINDOWS in a row bring no best that is GAIN better than the one
    before. Minima are compared, as noise only adds.
    """
    gc.collect()  # once before the samples: a framework's many objects make it take longer than most samples
    begin = now_ns()
    loop = _queued_loop if once_a_loop else _loop
    window, calls = _window(loop, call, wait, min(sample_s, WINDOW_S))
    best, unchanged = float("inf"), 0
    while unchanged < STEADY_WINDOWS and seconds_since(begin) < limit_s:
        seconds = loop(call, wait, window).seconds / window
        calls += window
        unchanged = 0 if seconds < best * (1 - GAIN) else unchanged + 1
        best = min(best, seconds)
    if best == float("inf"):
        best = _loop(call, wait, 1).seconds
        calls += 1
    loops = max(1, min(MAX_LOOPS, round(sample_s / best)))
    elapsed = seconds_since(begin)
    return WarmUp(loops=loops, warm_up_calls=calls, steady=unchanged >= STEADY_WINDOWS, elapsed_s=elapsed)


def _window(loop: Loop, call: Call, wait: Wait, target_s: float) -> tuple[int, int]:
    """How many calls take about target_s, and how many were made to find out."""
    loops, calls = 1, 0
    while True:
        elapsed = loop(call, wait, loops).seconds
        calls += loops
        if elapsed >= target_s / 2 or loops >= MAX_LOOPS:
            return max(1, min(MAX_LOOPS, round(loops * target_s / max(elapsed, 1e-9)))), calls
        loops = min(MAX_LOOPS, loops * max(2, min(16, int(target_s / max(elapsed, 1e-9)))))


def harness_overhead_s(loops: int = 20_000) -> float:
    """Seconds that the loop costs a call: the best of five loops over a call that does nothing."""
    return min(_loop(_nothing, _no_wait, loops).seconds for _ in range(5)) / loops


def _loop(call: Call, wait: Wait, loops: int) -> Timed:
    """Only the last result is kept: each one is dropped before the next call, so that its memory can be used again."""
    start = now_ns()
    for _ in repeat(None, loops - 1):
        wait(call())
    last = call()
    wait(last)
    return Timed(seconds_since(start), last)


def _queued_loop(call: Call, wait: Wait, loops: int) -> Timed:
    """As _loop, for calls that end in the order in which they were made: the last one's end is that of all."""
    last = None
    start = now_ns()
    for _ in repeat(None, loops):
        last = call()
    wait(last)
    return Timed(seconds_since(start), last)


def _settle(call: Call, wait: Wait, seconds: float) -> float:
    """How long it took: the last call may end later."""
    begin, elapsed = now_ns(), 0.0
    while elapsed < seconds:
        wait(call())
        elapsed = seconds_since(begin)
    return elapsed


def _turns(turns: Sequence[tuple[Call, Wait]]) -> Timed:
    *others, (last_call, last_wait) = turns
    start = now_ns()
    for call, wait in others:
        wait(call())
    last = last_call()
    last_wait(last)
    return Timed(seconds_since(start), last)


def _nothing() -> Native:
    return None


def _no_wait(native: Native) -> None:
    pass
