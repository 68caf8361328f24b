"""Measuring for kernels.py, by the project's own workers: one process a backend, one at a time, turns in rounds."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import numpy as np

from convbench.plan.entrants import Entrant
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.results.statistics.estimate import estimate
from convbench.verify import make_tensors
from convbench.workers import protocol
from convbench.workers.arrays import scratch_folder, write_tensors
from convbench.workers.entrants import Entry
from convbench.workers.environment import PINNED_ALLOCATOR, allocator_environment
from convbench.workers.failure import Failure
from convbench.workers.plugins import find_backends
from convbench.workers.protocol import R
from convbench.workers.session import BackendSession
from convbench_specs import Case, PassName, cost, load_workload

ENTRANTS = {
    "pytorch": Entrant("pytorch", "pytorch"),
    "pytorch-tuned": Entrant("pytorch-tuned", "pytorch", {"allocator": "tuned"}),
    "pytorch-nhwc": Entrant("pytorch-nhwc", "pytorch", {"layout": "channels_last"}),
    "pytorch-nhwc-tuned": Entrant("pytorch-nhwc-tuned", "pytorch", {"layout": "channels_last", "allocator": "tuned"}),
    "tensorflow": Entrant("tensorflow", "tensorflow"),
    "jax": Entrant("jax", "jax"),
    "numpy-im2col": Entrant("numpy-im2col", "numpy-im2col"),
    "numpy-im2col-tuned": Entrant("numpy-im2col-tuned", "numpy-im2col", {"allocator": "tuned"}),
    "numba-cpu": Entrant("numba-cpu", "numba-cpu"),
}
"""By name. The allocator is tuned beside the default, with which each large result costs page faults, see
docs/measurement.md, and for some rows most of the time."""
ENVIRONMENT = {"pytorch": {"OMP_PROC_BIND": "TRUE"}}
"""By backend. Bound threads never share a core; PyTorch's times scatter less with it."""
SAMPLE_S = 0.04
"""Seconds of a sample: ten time slices of the scheduler."""
WARM_UP_S = 0.4
"""The longest warm-up."""
PASSES: tuple[PassName, ...] = ("forward", "backward")
TOLERANCE = 1e-4
"""Largest difference, over the largest element, at which results are taken for the same: a look, no verification."""
BOOK_BATCH, BOOK_BATCHES = 60, 1000
"""One epoch of the course's network: 60,000 images in batches of 60."""
COPIED_BYTES = 128 << 20
"""Bytes of the copy that stands for the memory's speed: more than any cache."""


class Bench:
    """The workers of some entrants, and the folder through which they get their tensors."""

    def __init__(
        self, names: Sequence[str], *, threads: int, log: Path, pinned: bool = False, cache: Path | None = None
    ) -> None:
        self.settings = RunSettings(threads=threads, timeout_s=120)
        self._registered = Entry(find_backends()).entered([], [ENTRANTS[name] for name in names], "", "cpu")
        self._log, self._pinned = log, pinned
        self._cache = cache
        self._stack = ExitStack()
        self.sessions: list[BackendSession] = []
        self.scratch = Path()

    def __enter__(self) -> Self:
        self.scratch = self._stack.enter_context(scratch_folder())
        for registered in self._registered:
            allocator = registered.allocator or self.settings.allocator
            purpose = ENVIRONMENT.get(registered.known_as, {}) | (
                PINNED_ALLOCATOR if self._pinned else allocator_environment(allocator)
            )
            scratch = self._cache or self.scratch
            session = BackendSession(registered, self.settings, log=self._log, scratch=scratch, purpose=purpose)
            self._stack.callback(session.stop)
            self.sessions.append(session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def facts(self) -> dict[str, dict[str, str]]:
        """What each worker tells of itself, those that have started."""
        return {session.name: dict(session.started.facts) if session.started else {} for session in self.sessions}

    def prepare(self, case: Case, batch_size: int) -> Iterator[tuple[BackendSession, protocol.Ready]]:
        """Every backend with the case prepared, and what it said; what cannot is told on the terminal and left out."""
        paths = write_tensors(self.scratch, make_tensors(case, batch_size, seed=0))
        for session in self.sessions:
            reply = session.prepare(Item("kernels", case, batch_size), paths)
            session.suspend()
            if isinstance(reply, Failure):
                print(f"{case.name} {session.name}: {reply.status}: {reply.reason}", file=sys.stderr)
            else:
                yield session, reply


def measure_times(bench: Bench, items: Sequence[tuple[Case, int]], rounds: int) -> list[dict[str, Any]]:
    """A row for each case, pass and backend: median seconds of a call and their quartiles."""
    rows = []
    for case, batch_size in items:
        prepared = dict(bench.prepare(case, batch_size))
        for pass_name in PASSES:
            racing = {s: reply for s, reply in prepared.items() if _agrees(bench, s, pass_name, next(iter(prepared)))}
            samples = race(list(racing), pass_name, rounds)
            for session, values in samples.items():
                spread = estimate([value.elapsed_s / value.loops for value in values])
                rows.append({
                    "row": case.name, "pass": pass_name, "backend": session.name, "batch_size": batch_size,
                    "median_s": spread.median, "p25_s": spread.p25, "p75_s": spread.p75, "minimum_s": spread.minimum,
                    "rounds": rounds, "loops": values[0].loops,
                    "minor_faults": sum(v.minor_faults for v in values) / sum(v.loops for v in values),
                    "flops": cost(case, batch_size, pass_name).flops, "bytes": cost(case, batch_size, pass_name).bytes,
                    "algorithm": racing[session].algorithm,
                })  # fmt: skip
            best = min(rows[-len(samples) :], key=lambda row: row["median_s"])
            print(f"{case.name} {pass_name}: {best['backend']} {best['median_s'] * 1e3:.3f} ms", file=sys.stderr)
        for session in bench.sessions:
            session.release()
            session.suspend()
    return rows


def race(
    sessions: Sequence[BackendSession], pass_name: PassName, rounds: int, sample_s: float = SAMPLE_S
) -> dict[BackendSession, list[protocol.Sampled]]:
    """`rounds` samples of each session, all once a round, in random order."""
    loops: dict[BackendSession, int] = {}
    for session in sessions:
        reply = session.ask(protocol.WarmUp(pass_name=pass_name, sample_s=sample_s, limit_s=1.0))
        session.suspend()
        loops[session] = _ok(reply).loops
    samples: dict[BackendSession, list[protocol.Sampled]] = {session: [] for session in sessions}
    order, chance = list(sessions), random.Random(0)
    for _ in range(rounds):
        chance.shuffle(order)
        for session in order:
            samples[session].append(_ok(session.ask(protocol.Sample(pass_name=pass_name, loops=loops[session]))))
            session.suspend()
    return samples


def measure_memory(bench: Bench, items: Sequence[tuple[Case, int]]) -> list[dict[str, Any]]:
    """Peak memory of a call beyond what was there before, outputs included, against all inputs and outputs."""
    rows = []
    for case, batch_size in items:
        for session, _ in bench.prepare(case, batch_size):
            for pass_name in PASSES:
                peaks = _ok(session.ask(protocol.ReadPeaks(pass_name=pass_name, repeats=3))).peaks
                session.suspend()
                rows.append({
                    "row": case.name, "pass": pass_name, "backend": session.name,
                    "peak_memory_bytes": int(median(peak.peak_bytes for peak in peaks)),
                    "tensors_bytes": cost(case, batch_size, pass_name).bytes,
                })  # fmt: skip
            session.release()
            session.suspend()
    return rows


def measure_book(bench: Bench) -> list[dict[str, Any]]:
    """One epoch of the convolution of the course's network: 1,000 times forward and backward, one after the other."""
    case = load_workload("book_mnist").cases[0]
    prepared = dict(bench.prepare(case, BOOK_BATCH))
    rows = []
    for session in prepared:
        _ok(session.ask(protocol.WarmUp(pass_name="both", sample_s=SAMPLE_S, limit_s=WARM_UP_S)))
        epoch = _ok(session.ask(protocol.Sample(pass_name="both", loops=BOOK_BATCHES)))
        session.release()
        session.suspend()
        rows.append({"row": "book", "pass": "both", "backend": session.name, "epoch_s": epoch.elapsed_s})
    return rows


def measure_compile(threads: int, log: Path) -> dict[str, Any]:
    """Seconds in which a fresh worker of numba-cpu starts, then prepares all of `quick`; again with what is cached."""
    seconds: dict[str, Any] = {"backend": "numba-cpu"}
    with tempfile.TemporaryDirectory() as cache:
        for state in ("empty cache", "filled cache"):
            with Bench(["numba-cpu"], threads=threads, log=log, cache=Path(cache)) as bench:
                begin, compiled = time.perf_counter(), 0.0
                for case in load_workload("quick").cases:
                    for _, reply in bench.prepare(case, 1):
                        compiled += reply.prepare_s
                started = bench.sessions[0].started.start_s
                seconds |= {f"{state}: start": started, f"{state}: all cases": compiled}
                seconds[f"{state}: wall"] = time.perf_counter() - begin
    return seconds


def ceilings(bench: Bench, product: Any) -> dict[str, Any]:
    """The machine's limits: float32 operations a second of the fastest matrix product, bytes a second of a copy."""
    flops = {}
    for session, _ in bench.prepare(product, 1):
        best = min(_ok(session.ask(protocol.Sample(pass_name="forward", loops=1))).elapsed_s for _ in range(7))
        session.release()
        session.suspend()
        flops[session.name] = cost(product, 1, "forward").flops / best
    fastest = max(flops, key=lambda name: flops[name])
    return {"peak_flops": flops[fastest], "peak_by": fastest, "bandwidth_bytes": copy_speed(bench.settings.threads)}


def copy_speed(threads: int) -> float:
    """Bytes read and written a second by np.copyto, all threads at once; the best of nine."""
    source, target = (
        np.ones((threads, COPIED_BYTES // threads), np.uint8),
        np.ones((threads, COPIED_BYTES // threads), np.uint8),
    )
    with ThreadPoolExecutor(threads) as pool:
        seconds = []
        for _ in range(9):
            begin = time.perf_counter()
            list(pool.map(np.copyto, target, source))
            seconds.append(time.perf_counter() - begin)
    return 2 * source.nbytes / min(seconds)


def _agrees(bench: Bench, session: BackendSession, pass_name: PassName, first: BackendSession) -> bool:
    """Whether results are near those of the first backend, which writes its own at its turn."""
    folder = bench.scratch / session.name
    folder.mkdir(exist_ok=True)
    outputs = _ok(session.ask(protocol.Run(pass_name=pass_name, folder=str(folder)))).outputs
    session.suspend()
    for name in outputs if session is not first else ():
        mine, right = np.load(outputs[name]), np.load(bench.scratch / first.name / Path(outputs[name]).name)
        error = float(np.abs(mine - right).max() / np.abs(right).max())
        if not error <= TOLERANCE:
            print(f"{session.name} {pass_name} {name}: differs by {error:.1e}, left out", file=sys.stderr)
            return False
    return True


def _ok(reply: R | Failure) -> R:
    if isinstance(reply, Failure):
        raise SystemExit(f"{reply.status}: {reply.reason}\n{reply.traceback}")
    return reply
