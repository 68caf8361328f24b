"""What is read of a machine before anything is judged: the edge of the doctor, where all files are opened.

A file that is not there or may not be read is not in `files`; whatever a system lacks is None. Nothing here raises.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from convbench.machine.container import ContainerLimits, container_limits
from convbench.machine.core_speed import CoreSpeeds, CoreTiming
from convbench.machine.core_speed_history import keep_bests, known_bests
from convbench.machine.cores import cores_for
from convbench.machine.facts import usable_cores
from convbench.machine.processor_use import ProcessorUse, Snapshot, use_between
from convbench.measure.memory import can_reset_peak
from convbench.plan.settings import Allocator

CPU = "/sys/devices/system/cpu"
FILES = (
    "/proc/cpuinfo",
    "/proc/sys/kernel/perf_event_paranoid",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    f"{CPU}/cpufreq/boost",
    f"{CPU}/intel_pstate/no_turbo",
)
FILES_OF_A_CORE = (
    "cpufreq/scaling_governor",
    "thermal_throttle/package_throttle_count",
    "topology/thread_siblings_list",
)
BALLOONS = "/sys/bus/virtio/drivers/virtio_balloon"
WINDOW_S = 0.5
"""How long is looked at what others do: the kernel counts in ticks of 10 ms, 2 % of it."""


@dataclass(frozen=True, slots=True)
class Blas:
    """A library of linear algebra that NumPy or SciPy have loaded, and whose kernels it chose."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Timer:
    """The smallest step of perf_counter_ns that was seen, and what a call of it costs."""

    step_s: float
    cost_s: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory and swap; swapped_bytes moved in or out while the doctor looked."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int = 0
    swap_used_bytes: int = 0
    swapped_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the checks look at.

    `files` goes from path to text, `timings` and `best_timings` from core to how fast it is, and was at its best.
    """

    threads: int
    usable: tuple[int, ...]
    online: int
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    load: float | None = None
    use: ProcessorUse | None = None
    timings: Mapping[int, Sequence[CoreTiming]] = field(default_factory=dict)
    best_timings: Mapping[int, CoreTiming] = field(default_factory=dict)
    memory: Memory | None = None
    container: ContainerLimits = field(default_factory=ContainerLimits)
    timer: Timer | None = None
    blas: tuple[Blas, ...] = ()
    can_reset_peak: bool = False
    allocator: Allocator = "default"

    def of_core(self, core: int, name: str) -> str | None:
        """The text of a file below the core's folder, stripped."""
        return self.of(f"{CPU}/cpu{core}/{name}")

    def of(self, path: str) -> str | None:
        """The text of a file, stripped; None where it could not be read."""
        text = self.files.get(path)
        return None if text is None else text.strip()

    def cpuinfo(self, *keys: str) -> str:
        """The first value in /proc/cpuinfo of any of the keys; empty without."""
        for line in self.files.get("/proc/cpuinfo", "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in keys:
                return value.strip()
        return ""


def core_facts(threads: int) -> Facts:
    """Only the threads and the cores for them: known at once."""
    usable = usable_cores()
    return Facts(threads=threads, usable=usable, online=os.cpu_count() or len(usable))


def read_facts(threads: int, *, allocator: Allocator = "default", window_s: float = WINDOW_S) -> Facts:
    """Look at this machine for `window_s` seconds; `threads` and `allocator` are what workers will be given."""
    facts = core_facts(threads)
    before, swapped = _snapshot(), _swap()
    speeds = CoreSpeeds(cores_for(threads, facts.usable), known_bests())
    timings = speeds.watch(window_s)
    after, swap = _snapshot(), _swap()
    keep_bests(speeds.best)
    return replace(
        facts,
        files=_read_all(
            [
                *FILES,
                *(f"{CPU}/cpu{core}/{name}" for core in facts.usable for name in FILES_OF_A_CORE),
                *map(str, Path(BALLOONS).glob("*/features")),
            ]
        ),
        environment=dict(os.environ),
        load=_load(),
        use=use_between(before, after, facts.usable),
        timings=timings,
        best_timings=speeds.best,
        memory=_memory(swapped, swap),
        container=container_limits(),
        timer=_timer(),
        blas=_blas(),
        can_reset_peak=can_reset_peak(),
        allocator=allocator,
    )


def _read_all(paths: Iterable[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        try:
            found[path] = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return found


def _snapshot() -> Snapshot:
    own = time.process_time()
    processes = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]  # None where it may not be read
        if times is not None and process.pid != os.getpid():
            processes[process.pid, process.info["name"] or "?"] = times.user + times.system
    return Snapshot(time.monotonic(), tuple(psutil.cpu_times(percpu=True)), own, processes)


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _swap() -> Any:
    try:
        return psutil.swap_memory()
    except (OSError, RuntimeError):  # psutil raises either where the system hides it
        return None


def _memory(before: Any, after: Any) -> Memory:
    now = psutil.virtual_memory()
    if before is None or after is None:
        return Memory(now.total, now.available)
    moved = after.sin + after.sout - before.sin - before.sout
    return Memory(now.total, now.available, after.total, after.used, moved)


def _timer(reads: int = 2000) -> Timer:
    """Read the clock many times in a row."""
    begin = time.perf_counter_ns()
    ticks = [time.perf_counter_ns() for _ in range(reads)]
    steps = np.diff([begin, *ticks])
    moved = steps[steps > 0]
    return Timer(step_s=float(moved.min(initial=10**9)) * 1e-9, cost_s=(ticks[-1] - begin) * 1e-9 / reads)


def _blas() -> tuple[Blas, ...]:
    found = [
        Blas(str(entry["internal_api"]), str(entry.get("version") or ""), str(entry.get("architecture") or ""))
        for entry in threadpool_info()
        if entry["user_api"] == "blas"
    ]
    return tuple(dict.fromkeys(found))
