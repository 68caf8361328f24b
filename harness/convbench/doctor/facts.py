"""What the doctor reads from a machine before it judges anything. All files are opened here and nowhere else.

A file that does not exist or may not be read is not in `files`. What a system does not have is None. Nothing here
raises.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from convbench.machine.container import ContainerLimits, container_limits, is_container
from convbench.machine.core_speed import CoreSpeeds, CoreTiming
from convbench.machine.core_speed_history import keep_bests, known_bests
from convbench.machine.cores import cores_for
from convbench.machine.facts import usable_cores
from convbench.machine.last_run import load_of_last_run
from convbench.machine.processor_use import ProcessorUse, Snapshot, use_between
from convbench.measure.memory import can_reset_peak
from convbench.plan.settings import Allocator
from convbench_specs import FrameworkVariables

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
    "cpufreq/cpuinfo_min_freq",
    "cpufreq/cpuinfo_max_freq",
    "cpufreq/base_frequency",
    "thermal_throttle/package_throttle_count",
    "topology/thread_siblings_list",
)
BALLOONS = "/sys/bus/virtio/drivers/virtio_balloon"
TOUCHED_PAGES = 2048
"""Whose first touch is timed, in so many STRETCHES: 8 MB."""
STRETCHES = 16
WINDOW_S = 0.5
"""How long other programs are watched. The kernel counts in steps of 10 ms, which are 2 % of it."""


@dataclass(frozen=True, slots=True)
class Blas:
    """A library for linear algebra that NumPy or SciPy has loaded, and the processor whose kernels it chose."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Timer:
    """The smallest step of perf_counter_ns that was seen, and the time that one call of it takes."""

    step_s: float
    cost_s: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory and swap; `swapped_bytes` moved in or out while the doctor watched."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int = 0
    swap_used_bytes: int = 0
    swapped_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SwapUse:
    """Bytes of swap, how many of them are used, and how many have moved in or out since the machine started."""

    total_bytes: int
    used_bytes: int
    moved_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the checks look at.

    `files` holds texts by path. `timings` holds what each core took while it was watched, and `best_timings` the best
    that it has ever reached. `in_container` says that the settings of the system are out of reach,
    and `page_fault_s` is what the first touch of a page takes. `framework_variables` are those that plug-ins declare,
    which every worker gets.
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
    in_container: bool = False
    page_fault_s: float | None = None
    timer: Timer | None = None
    blas: tuple[Blas, ...] = ()
    can_reset_peak: bool = False
    allocator: Allocator = "default"
    framework_variables: FrameworkVariables = field(default_factory=FrameworkVariables)

    def of_core(self, core: int, name: str) -> str | None:
        """The text of a file in the folder of a core, stripped; None if it could not be read."""
        return self.of(f"{CPU}/cpu{core}/{name}")

    def of(self, path: str) -> str | None:
        """The text of a file, stripped; None if it could not be read."""
        text = self.files.get(path)
        return None if text is None else text.strip()

    def cpuinfo(self, *keys: str) -> str:
        """The first value in /proc/cpuinfo that has one of the keys; empty if there is none."""
        for line in self.files.get("/proc/cpuinfo", "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in keys:
                return value.strip()
        return ""


def core_facts(threads: int, *, framework_variables: FrameworkVariables | None = None) -> Facts:
    """Only the threads and the cores for them, which are known at once."""
    usable = usable_cores()
    return Facts(
        threads=threads,
        usable=usable,
        online=os.cpu_count() or len(usable),
        framework_variables=framework_variables or FrameworkVariables(),
    )


def read_facts(
    threads: int,
    *,
    allocator: Allocator = "default",
    framework_variables: FrameworkVariables | None = None,
    window_s: float = WINDOW_S,
) -> Facts:
    """Watch this machine for `window_s` seconds.

    `threads` and `allocator` are what workers will be given, `framework_variables` what the plug-ins declare.
    """
    facts = core_facts(threads, framework_variables=framework_variables)
    before, swap_before = _snapshot(), _swap()
    speeds = CoreSpeeds(cores_for(threads, facts.usable), known_bests())
    timings = speeds.watch(window_s)
    after, swap_after = _snapshot(), _swap()
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
        memory=_memory(swap_before, swap_after),
        container=container_limits(),
        in_container=is_container(),
        page_fault_s=_page_fault_s(),
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
        times = process.info["cpu_times"]  # None if it may not be read
        if times is not None and process.pid != os.getpid():
            processes[process.pid, process.info["name"] or "?"] = times.user + times.system
    return Snapshot(time.monotonic(), tuple(psutil.cpu_times(percpu=True)), own, processes)


def _load() -> float | None:
    """The load average of the last minute, without what the user's own last run has left in it."""
    try:
        load = os.getloadavg()[0]
    except OSError:
        return None
    return max(0.0, load - load_of_last_run())


def _swap() -> SwapUse | None:
    try:
        found = psutil.swap_memory()
    except (OSError, RuntimeError):  # psutil raises one of the two where the system hides its swap
        return None
    return SwapUse(found.total, found.used, found.sin + found.sout)


def _memory(before: SwapUse | None, after: SwapUse | None) -> Memory:
    now = psutil.virtual_memory()
    if before is None or after is None:
        return Memory(now.total, now.available)
    moved = after.moved_bytes - before.moved_bytes
    return Memory(now.total, now.available, after.total_bytes, after.used_bytes, moved)


def _timer(reads: int = 2000) -> Timer:
    """What many readings of the clock in a row show."""
    begin = time.perf_counter_ns()
    ticks = [time.perf_counter_ns() for _ in range(reads)]
    steps = np.diff([begin, *ticks])
    moved = steps[steps > 0]
    return Timer(step_s=float(moved.min(initial=10**9)) * 1e-9, cost_s=(ticks[-1] - begin) * 1e-9 / reads)


def _page_fault_s() -> float | None:
    """Seconds that the first touch of a page takes; None where this system gives no pages.

    The median over short stretches: another program takes the core away for longer than one of them lasts.
    """
    took, stretch = [], TOUCHED_PAGES // STRETCHES * mmap.PAGESIZE
    try:
        with mmap.mmap(-1, STRETCHES * stretch, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as pages:
            pages.madvise(mmap.MADV_NOHUGEPAGE)
            for begin in range(0, len(pages), stretch):
                begin_s = time.perf_counter()
                pages[begin : begin + stretch : mmap.PAGESIZE] = bytes(stretch // mmap.PAGESIZE)
                took.append(time.perf_counter() - begin_s)
    except (OSError, AttributeError):
        return None
    return median(took) * mmap.PAGESIZE / stretch


def _blas() -> tuple[Blas, ...]:
    found = [
        Blas(str(entry["internal_api"]), str(entry.get("version") or ""), str(entry.get("architecture") or ""))
        for entry in threadpool_info()
        if entry["user_api"] == "blas"
    ]
    return tuple(dict.fromkeys(found))
