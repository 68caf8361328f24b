"""The runner: takes every backend through every item of the plan, checks what comes out, then times it.

- One worker process a backend; only one computes at a time, the others are suspended.
- Each item: every backend computes the same tensors, first small integers, then random numbers; the results are
  checked; then come the rounds, in each of which every backend has one turn, in random order.
- Cells that would take too long are predicted and skipped. Whatever goes wrong becomes the status of its cell.
- Memory is measured after the first block, in workers of its own: the allocator settings that it needs change the
  timing.
- The other blocks only time: see further_blocks.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from convbench.machine.core_speed import CoreSpeeds
from convbench.machine.core_speed_history import keep_bests, known_bests
from convbench.machine.cores import cores_for
from convbench.machine.facts import free_bytes, usable_cores
from convbench.machine.other_load import OtherLoad
from convbench.measure.memory import PINNED_ALLOCATOR
from convbench.plan.items import Item, Plan
from convbench.plan.memory_fit import too_large
from convbench.plan.settings import RunSettings
from convbench.report.inputs import FAILED
from convbench.results.journal import CellKey, Journal
from convbench.run.budget import Pace
from convbench.run.check_item import Examination, Turn
from convbench.run.largest_batch.search import safe_limit, search_backend
from convbench.run.limits.attainable import attainable
from convbench.run.memory import measure_memory, warning
from convbench.run.observer import Observer
from convbench.run.pictures import MOST_MAPS, picture_row
from convbench.run.sampler import Timekeeper
from convbench.run.schedule import BlockCost, blocks_that_fit, rounds_of_block
from convbench.run.stopwatch import Phases
from convbench.text.cases import check_command
from convbench.verify import MissingImages, make_tensors
from convbench.verify.item import ItemCheck
from convbench.verify.photos import PHOTOS
from convbench.workers.arrays import scratch_folder, write_tensors
from convbench.workers.environment import allocator_environment
from convbench.workers.plugins import Registered
from convbench.workers.session import BackendSession, NotOk
from convbench_specs import PassName, Tensors

FAULTY = ("wrong", *FAILED, "out of memory")
"""Statuses of cells that come with a command to see them again."""


class Runner:
    """One run, from the first worker's start to the last one's end."""

    def __init__(
        self, plan: Plan, settings: RunSettings, backends: Sequence[Registered], journal: Journal, observer: Observer
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._backends = backends
        self._journal = journal
        self._observer = observer
        self._pace = Pace(settings)
        self._working: Sequence[BackendSession] = ()
        self._speeds = CoreSpeeds(cores_for(settings.threads, usable_cores()), known_bests())
        self._timekeeper = Timekeeper(
            settings,
            journal,
            self._pace,
            OtherLoad(self._own_s),
            self._speeds,
            step=observer.step,
            fail=self._fail,
        )
        self._computed: set[CellKey] = set()
        self._told: set[str] = set()
        self._scratch = Path()
        self._begin = 0.0
        self._phases = Phases()
        self._timed: dict[str, float] = {}
        self._too_large: dict[Item, str] = {}
        sizes = settings.batch_sizes
        self._picture_batch = next((size for size in sizes if size >= len(PHOTOS)), sizes[-1])

    def run(self) -> None:
        """Do it; what was measured is in the journal, whatever ends the run."""
        begin = self._begin = time.monotonic()
        settings = self._settings
        self._observer.begin(self._steps(settings.blocks), self._steps(settings.most_blocks), settings.within_s)
        interrupted = True
        self._look_at_memory()
        try:
            # the host's own checks run on one core: a BLAS pool spins on for a while and would disturb the workers
            with threadpool_limits(1, user_api="blas"), scratch_folder() as self._scratch:
                self._run_block(0, settings.rounds)
                if settings.memory:
                    with self._phases.spending("memory"):
                        self._measure_memory()
                if settings.timing:
                    self._run_further_blocks()
                if settings.find_largest_batch:
                    with self._phases.spending("memory"):
                        self._find_largest_batches()
            interrupted = False
        finally:
            spent = {
                "duration_s": time.monotonic() - begin,
                "phases_s": self._phases.seconds,
                "timed_s": self._timed,
            }
            self._journal.write("finished", interrupted=interrupted, **spent)
            keep_bests(self._speeds.best)
            self._observer.end()

    def _steps(self, blocks: int) -> int:
        """What a run of so many blocks counts as steps: cells, once for each thing that is done with them."""
        cells = len(self._plan.items) * len(self._backends) * len(self._settings.passes)
        return cells * (1 + self._settings.timing * blocks + self._settings.memory)

    def _run_further_blocks(self) -> None:
        """Those that were asked for, then those that still fit into the run's time."""
        settings, block, cost = self._settings, 1, None
        while block < settings.most_blocks and self._timekeeper.is_wanted(block):
            left = settings.within_s - (time.monotonic() - self._begin)
            rounds = rounds_of_block(block, left, cost, settings)
            if not rounds:
                break
            if cost is not None:
                fitting = block + blocks_that_fit(left, cost, settings.rounds)
                self._observer.expect(self._steps(min(settings.most_blocks, max(settings.blocks, fitting))))
            begin, rounds_s = time.monotonic(), self._timekeeper.later_rounds_s
            self._run_block(block, rounds)
            round_s = (self._timekeeper.later_rounds_s - rounds_s) / max(1, rounds - 1)
            taken = BlockCost(time.monotonic() - begin, round_s)
            cost = taken if cost is None or taken.seconds > cost.seconds else cost
            block += 1

    def _run_block(self, block: int, rounds: int) -> None:
        """Time every item in fresh workers; the first block checks it before."""
        with self._sessions(allocator_environment(self._settings.allocator)) as sessions:
            if block:  # the first block's workers start one by one, so that the time of each start is its own
                self._observer.step(f"block {block + 1}: starting fresh workers")
                with self._phases.spending("preparing"):
                    self._launch(sessions)
            for item in self._plan.items:
                with self._phases.spending("preparing"):
                    turns = self._prepared_again(item, sessions, block) if block else self._check(item, sessions)
                if self._settings.timing:
                    with self._phases.spending("timing"):
                        self._timekeeper.time(item, turns, block, rounds)
                    self._observer.advance(len(sessions) * len(self._settings.passes))
                for session in sessions:
                    session.release()
                    session.suspend()
                self._journal.sync()
            if self._settings.timing and not block:
                with self._phases.spending("preparing"):
                    self._measure_limits(sessions)

    def _measure_limits(self, sessions: Sequence[BackendSession]) -> None:
        """What the machine reaches at most. After the cells: it would warm up their first calls."""
        outcome = attainable(
            sessions,
            list(dict.fromkeys(item.case.dtype for item in self._plan.items)),
            device=self._settings.device,
            threads=self._settings.threads,
            scratch=self._scratch,
            step=self._observer.step,
        )
        self._journal.write("limits", **outcome.limits.as_dict())
        if outcome.warning:
            self._warn(outcome.warning)

    @contextmanager
    def _sessions(self, extra: Mapping[str, str]) -> Iterator[list[BackendSession]]:
        # empty at first, so the first worker's compile times are honest; later workers of this run need not wait again.
        # Numba's folder may be the user's own, who then asks that compiled kernels be kept from run to run.
        caches = {
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR") or str(self._scratch / "numba"),
            "JAX_COMPILATION_CACHE_DIR": str(self._scratch / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        with ExitStack() as stack:
            sessions = []
            for registered in self._backends:
                log = self._journal.folder / "logs" / f"{registered.backend.name}.log"
                session = BackendSession(registered, self._settings, log=log, extra={**caches, **extra})
                stack.callback(session.stop)
                stack.callback(self._add_timed, session)
                sessions.append(session)
            self._working = sessions
            yield sessions
            self._working = ()

    def _add_timed(self, session: BackendSession) -> None:
        for request, seconds in session.timed_s.items():
            self._timed[request] = self._timed.get(request, 0.0) + seconds

    def _own_s(self) -> float:
        """Processor seconds of this process and its present workers."""
        return time.process_time() + sum(session.cpu_s() for session in self._working)

    def _launch(self, sessions: Sequence[BackendSession]) -> None:
        """Start all workers at once and wait for them."""
        for session in sessions:
            session.launch()
        for session in sessions:
            session.wait()
            session.suspend()

    def _look_at_memory(self) -> None:
        """Before anything runs: say what does not fit, and whether memory can be measured."""
        self._too_large = too_large(self._plan.items, len(self._backends), free_bytes())
        for item, reason in self._too_large.items():
            self._warn(f"{item.label} is skipped: {reason}")
        text = warning(self._settings.device) if self._settings.memory else None
        if text:
            self._warn(text)

    def _warn(self, text: str) -> None:
        self._journal.write("warning", text=text)
        self._observer.note(f"warning: {text}")

    # -- checking

    def _check(self, item: Item, sessions: Sequence[BackendSession]) -> list[Turn]:
        """Examine the item; returns the backends whose passes can be timed."""
        turns: list[Turn] = []
        if item in self._too_large:
            for session in sessions:
                for pass_name in self._settings.passes:
                    key = item.key(session.name, pass_name)
                    self._journal.cell(key, status="skipped", reason=self._too_large[item])
            self._observer.advance(len(sessions) * len(self._settings.passes))
            return turns
        for session in sessions:
            self._observer.step(f"{item.label}: predicting {session.name}")
            allowed = self._allowed(item, session)
            if allowed:
                turns.append(Turn(session, dict.fromkeys(allowed, 0.0)))
        examination = Examination(
            item,
            turns,
            record=self,
            scratch=self._scratch,
            seed=self._settings.seed,
            step=lambda what: self._observer.step(f"{item.label}: {what}"),
            identities=not self._settings.timing,  # timing needs the case that they would cost the workers
            phases=self._phases,
        )
        try:
            tensors, check = examination.run()
        except MissingImages as error:
            self._skip_all(item, turns, str(error))
            turns = []
        else:
            if item.case.x_data == "photos" and item.batch_size == self._picture_batch:
                self._journal_pictures(item, tensors, check)
        self._observer.advance(len(sessions) * len(self._settings.passes))
        self._computed.update(item.key(turn.session.name, pass_name) for turn in turns for pass_name in turn.call_s)
        return [turn for turn in turns if turn.call_s]

    def cell(self, item: Item, backend: str, pass_name: PassName, **columns: Any) -> None:
        """Keep what the examination says of a cell."""
        key = item.key(backend, pass_name)
        if columns.get("status", "ok") in FAULTY:
            columns["reproduce"] = self._reproduction(item, backend)
        self._journal.cell(key, **columns)
        if columns.get("status") == "timed out":
            self._pace.remember(key, self._settings.timeout_s)

    def _reproduction(self, item: Item, backend: str) -> str:
        """The command that does it again."""
        plugins = [entry.plugin for entry in self._backends if entry.backend.name == backend]
        return check_command(item.case, item.batch_size, [backend], self._settings, plugins)

    def agreement(self, item: Item, row: Mapping[str, Any]) -> None:
        """Keep a row of the agreement table."""
        key = {"workload": item.workload, "case": item.case.name, "dtype": item.case.dtype}
        self._journal.write("agreement", **key, batch_size=item.batch_size, **row)

    def _allowed(self, item: Item, session: BackendSession) -> list[PassName]:
        """Passes that fit into the budget, by the backend's prediction or by what a smaller batch took."""
        predicted = session.predict(item, self._settings.passes)
        self._tell_started(session)
        if isinstance(predicted, NotOk):
            for pass_name in self._settings.passes:
                self._fail(item, session.name, pass_name, predicted)
            return []
        allowed: list[PassName] = []
        for pass_name in self._settings.passes:
            key = item.key(session.name, pass_name)
            seconds = predicted[pass_name]
            reason = self._pace.over_budget(key, item.case, seconds)
            self._journal.cell(key, predicted_s=seconds, **({"status": "skipped", "reason": reason} if reason else {}))
            if not reason:
                allowed.append(pass_name)
        return allowed

    def _journal_pictures(self, item: Item, tensors: Tensors, check: ItemCheck) -> None:
        """What the case made of the photographs, as a right backend computed it."""
        right = check.right_output("y")
        if right is None or right[1].ndim != 4 or right[1].shape[-1] < 2:
            return  # nothing is right, or there is no map to look at
        backend, maps = right
        for number, name in enumerate(PHOTOS[: item.batch_size]):
            file = f"{item.workload}-{item.case.name}-{name}.png"
            png = picture_row(tensors.x[number], maps[number])
            self._journal.picture(file, png, title=f"{item.case.name}: {name}", caption=_caption(item, backend))

    def _fail(self, item: Item, backend: str, pass_name: PassName, why: NotOk) -> None:
        self.cell(item, backend, pass_name, status=why.status, reason=why.reason, traceback=why.traceback)

    def _skip_all(self, item: Item, turns: Sequence[Turn], reason: str) -> None:
        for turn in turns:
            for pass_name in turn.call_s:
                self._journal.cell(item.key(turn.session.name, pass_name), status="skipped", reason=reason)

    def _tell_started(self, session: BackendSession) -> None:
        if session.started and session.name not in self._told:
            self._told.add(session.name)
            self._journal.write("backend", name=session.name, **session.started)

    # -- timing

    def _prepared_again(self, item: Item, sessions: Sequence[BackendSession], block: int) -> list[Turn]:
        """The item in fresh workers, for the passes that take part in this block."""
        wanted = self._wanted(item, sessions, block)
        if not any(wanted.values()):
            return []
        paths = write_tensors(self._scratch, make_tensors(item.case, item.batch_size, seed=self._settings.seed))
        turns = []
        for session, passes in wanted.items():
            self._observer.step(f"{item.label}: preparing {session.name}")
            if passes and not isinstance(session.prepare(item, paths), NotOk):
                turns.append(Turn(session, {name: self._pace.seconds(item.key(session.name, name)) for name in passes}))
            session.suspend()
        return turns

    # -- memory

    def _measure_memory(self) -> None:
        """Peak memory of every cell that has a result, in fresh workers with the pinned allocator."""
        with self._sessions(PINNED_ALLOCATOR) as sessions:
            self._observer.step("memory: starting fresh workers")
            self._launch(sessions)
            for item in self._plan.items:
                wanted = self._wanted(item, sessions)
                if any(wanted.values()):
                    tensors = make_tensors(item.case, item.batch_size, seed=self._settings.seed)
                    paths = write_tensors(self._scratch, tensors)
                    self._observer.step(f"{item.label}: memory")
                    for key, columns in measure_memory(item, wanted, paths):
                        self._journal.cell(key, **columns)
                self._observer.advance(len(sessions) * len(self._settings.passes))

    def _wanted(
        self, item: Item, sessions: Sequence[BackendSession], block: int = 0
    ) -> dict[BackendSession, list[PassName]]:
        """The passes of an item that each backend has computed, in time."""
        return {
            session: [name for name in self._settings.passes if self._is_wanted(item.key(session.name, name), block)]
            for session in sessions
        }

    def _is_wanted(self, key: CellKey, block: int) -> bool:
        return key in self._computed and self._timekeeper.takes_part(key, block)

    def _find_largest_batches(self) -> None:
        """A search for every case, backend and pass that computed at some batch size."""
        limit, told = safe_limit(self._settings.memory_limit_bytes)
        if told:
            self._warn(told)
        for registered in self._backends:
            name = registered.backend.name
            wanted = dict.fromkeys(
                (item.workload, item.case, pass_name)
                for item in self._plan.items
                for pass_name in self._settings.passes
                if item.key(name, pass_name) in self._computed
            )
            log = self._journal.folder / "logs" / f"{name}.log"
            for row in search_backend(registered, wanted, self._settings, limit, log, step=self._observer.step):
                self._journal.write("largest_batch", **row)


def _caption(item: Item, backend: str) -> str:
    maps = min(MOST_MAPS, item.case.output_shape[0])
    filters = " of a vertical and a horizontal line filter" if item.case.w_data == "lines" else ""
    return f"The photograph, then the first {maps} feature maps{filters}, as {backend} computed them."
