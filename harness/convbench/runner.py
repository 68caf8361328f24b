"""The runner: takes every backend through every item of the plan, checks what comes out, then times it.

- One worker process a backend; only one computes at a time, the others are suspended.
- Each item: every backend computes the same tensors, first small integers, then random numbers; the results are
  checked; then come the rounds, in each of which every backend is timed once, in random order.
- Cells that would take too long are predicted and skipped. Whatever goes wrong becomes the status of its cell.
- Memory is measured afterwards, in workers of its own: the allocator settings that it needs change the timing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from threadpoolctl import threadpool_limits

from convbench.case_text import check_command
from convbench.checking import ItemCheck
from convbench.examination import Examination, Turn
from convbench.feature_maps import MOST_MAPS, picture_row
from convbench.host import Registered
from convbench.journal import CellKey, Journal
from convbench.measure.memory import PINNED_ALLOCATOR
from convbench.observer import Observer
from convbench.plan import Item, Plan
from convbench.report.units import format_seconds
from convbench.scratch import scratch_folder, write_tensors
from convbench.session import BackendSession, NotOk
from convbench.settings import RunSettings
from convbench.verify import MissingImages, make_tensors
from convbench.verify.photos import PHOTOS
from convbench_specs import PassName, Tensors

MIN_SAMPLES = 3
"""Fewer samples have no spread."""
MIN_CALLS = 3 + MIN_SAMPLES
"""Calls that a cell costs at least: three for the checks, then the samples."""
FAULTY = ("wrong", "error", "crashed", "timed out", "out of memory")
"""Statuses of cells that come with a command to see them again."""
SLOW_CALL_S = 0.05
"""A call that takes longer needs no warming up before its memory is read."""


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
        self._random = random.Random(settings.seed)  # noqa: S311  # an order of turns, no secret
        self._seen: dict[tuple[str, ...], tuple[int, float]] = {}
        self._computed: set[CellKey] = set()
        self._told: set[str] = set()
        self._loops: dict[CellKey, int] = {}
        self._scratch = Path()
        sizes = settings.batch_sizes
        self._picture_batch = next((size for size in sizes if size >= len(PHOTOS)), sizes[-1])

    def run(self) -> None:
        """Do it; what was measured is in the journal, whatever ends the run."""
        begin = time.monotonic()
        cells = len(self._plan.items) * len(self._backends) * len(self._settings.passes)
        timed = self._settings.blocks if self._settings.timing else 0
        self._observer.begin(cells * (1 + timed + self._settings.memory))
        interrupted = True
        try:
            # the host's own checks run on one core: a BLAS pool spins on for a while and would disturb the workers
            with threadpool_limits(1, user_api="blas"), scratch_folder() as self._scratch:
                for block in range(max(1, timed)):
                    self._run_block(block)
                if self._settings.memory:
                    self._measure_memory()
            interrupted = False
        finally:
            self._journal.write("finished", duration_s=time.monotonic() - begin, interrupted=interrupted)
            self._observer.end()

    def _run_block(self, block: int) -> None:
        """Time every item in fresh workers; the first block checks it before."""
        with self._sessions({}) as sessions:
            for item in self._plan.items:
                turns = self._prepared_again(item, sessions) if block else self._check(item, sessions)
                if self._settings.timing:
                    for pass_name in self._settings.passes:
                        self._time(item, pass_name, [turn for turn in turns if pass_name in turn.call_s], block)
                        self._observer.advance(len(sessions))
                for session in sessions:
                    session.release()
                    session.suspend()
                self._journal.sync()

    @contextmanager
    def _sessions(self, extra: Mapping[str, str]) -> Iterator[list[BackendSession]]:
        # empty at first, so the first worker's compile times are honest; later workers of this run need not wait again
        caches = {
            "NUMBA_CACHE_DIR": str(self._scratch / "numba"),
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
                sessions.append(session)
            yield sessions

    # -- checking

    def _check(self, item: Item, sessions: Sequence[BackendSession]) -> list[Turn]:
        """Examine the item; returns the backends whose passes can be timed."""
        turns = []
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
            self._seen[_family(key)] = (key.batch_size, self._settings.timeout_s)

    def _reproduction(self, item: Item, backend: str) -> str:
        """The command that does it again."""
        plugins = [entry.plugin for entry in self._backends if entry.backend.name == backend]
        settings = self._settings
        return check_command(
            item.case, item.batch_size, [backend], seed=settings.seed, device=settings.device, plugins=plugins
        )

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
            reason = self._over_budget(seconds) if seconds is not None else self._over_budget_from_smaller(key)
            self._journal.cell(key, predicted_s=seconds, **({"status": "skipped", "reason": reason} if reason else {}))
            if not reason:
                allowed.append(pass_name)
        return allowed

    def _over_budget(self, call_s: float) -> str:
        """Why a cell is skipped whose call will take so long by the backend's own prediction; empty if it is not."""
        budget = self._settings.budget_s
        if call_s * MIN_CALLS <= budget:
            return ""
        return f"predicted {format_seconds(call_s)} a call; {MIN_CALLS} calls are over the budget of {budget:g} s"

    def _over_budget_from_smaller(self, key: CellKey) -> str:
        """The same by what a smaller batch took, as if time grew in proportion; a guess, so one call must be over."""
        batch_size, seconds = self._seen.get(_family(key), (1, 0.0))
        guess = seconds * key.batch_size / batch_size
        if guess <= self._settings.budget_s:
            return ""
        return f"predicted {format_seconds(guess)} a call, from {format_seconds(seconds)} at batch size {batch_size}"

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

    def _prepared_again(self, item: Item, sessions: Sequence[BackendSession]) -> list[Turn]:
        """The item in fresh workers, for the passes that an earlier block computed."""
        wanted = self._computed_by(item, sessions)
        if not any(wanted.values()):
            return []
        paths = write_tensors(self._scratch, make_tensors(item.case, item.batch_size, seed=self._settings.seed))
        turns = []
        for session, passes in wanted.items():
            self._observer.step(f"{item.label}: preparing {session.name}")
            if passes and not isinstance(session.prepare(item, paths), NotOk):
                seconds = {name: self._seen[_family(item.key(session.name, name))][1] for name in passes}
                turns.append(Turn(session, seconds))
            session.suspend()
        return turns

    def _time(self, item: Item, pass_name: PassName, turns: Sequence[Turn], block: int) -> None:
        """Rounds in random order; a slow backend takes part in as many as its budget allows."""
        racing = [turn for turn in turns if self._warm_up(item, pass_name, turn)]
        rounds = {turn.session.name: self._affordable_rounds(turn.call_s[pass_name]) for turn in racing}
        for number in range(self._settings.rounds):
            self._observer.step(f"{item.label} {pass_name}: round {number + 1} of {self._settings.rounds}")
            order = [turn for turn in racing if number < rounds[turn.session.name]]
            self._random.shuffle(order)
            for turn in order:
                if not self._sample(item, pass_name, turn, block, number):
                    racing.remove(turn)

    def _warm_up(self, item: Item, pass_name: PassName, turn: Turn) -> bool:
        """Fill a sample with calls; the first block learns how many that takes, the others keep the number."""
        self._observer.step(f"{item.label} {pass_name}: warming up {turn.session.name}")
        key = item.key(turn.session.name, pass_name)
        call_s, budget = turn.call_s[pass_name], self._settings.budget_s
        if call_s * MIN_SAMPLES > budget:
            reason = f"a call takes {format_seconds(call_s)}; {MIN_SAMPLES} samples are over the budget of {budget:g} s"
            self._journal.cell(key, status="skipped", reason=reason)
            self._computed.discard(key)
            return False
        if call_s >= self._settings.sample_s:
            self._loops.setdefault(key, 1)
            return True
        reply = turn.session.ask("calibrate", pass_name, target_s=self._settings.sample_s)
        turn.session.suspend()
        if isinstance(reply, NotOk):
            self._fail(item, turn.session.name, pass_name, reply)
            return False
        self._loops.setdefault(key, reply["loops"])
        return True

    def _affordable_rounds(self, call_s: float) -> int:
        """Rounds that the budget of a cell allows, spread over the blocks."""
        affordable = int(self._settings.budget_s / self._settings.blocks / max(call_s, self._settings.sample_s))
        return max(MIN_SAMPLES, min(self._settings.rounds, affordable))

    def _sample(self, item: Item, pass_name: PassName, turn: Turn, block: int, number: int) -> bool:
        key = item.key(turn.session.name, pass_name)
        loops = self._loops[key]
        reply = turn.session.ask("sample", pass_name, loops=loops)
        turn.session.suspend()
        if isinstance(reply, NotOk):
            self._fail(item, turn.session.name, pass_name, reply)
            self._computed.discard(key)
            return False
        self._journal.write("sample", **key.as_columns(), block=block, round=number, **reply)
        self._remember(key, reply["elapsed_s"] / loops)
        return True

    def _remember(self, key: CellKey, seconds: float) -> None:
        """Keep the fastest call of a family at its largest batch size: noise only adds."""
        batch_size, fastest = self._seen.get(_family(key), (0, 0.0))
        if key.batch_size == batch_size:
            seconds = min(seconds, fastest)
        self._seen[_family(key)] = (key.batch_size, seconds)

    # -- memory

    def _measure_memory(self) -> None:
        """Peak memory of every cell that has a result, in fresh workers with the pinned allocator."""
        with self._sessions(PINNED_ALLOCATOR) as sessions:
            for item in self._plan.items:
                wanted = self._computed_by(item, sessions)
                if any(wanted.values()):
                    tensors = make_tensors(item.case, item.batch_size, seed=self._settings.seed)
                    paths = write_tensors(self._scratch, tensors)
                    for session, passes in wanted.items():
                        self._observer.step(f"{item.label}: memory of {session.name}")
                        self._memory_of(item, session, passes, paths)
                self._observer.advance(len(sessions) * len(self._settings.passes))

    def _computed_by(self, item: Item, sessions: Sequence[BackendSession]) -> dict[BackendSession, list[PassName]]:
        """The passes of an item that each backend has computed."""
        passes = self._settings.passes
        return {s: [name for name in passes if item.key(s.name, name) in self._computed] for s in sessions}

    def _memory_of(
        self, item: Item, session: BackendSession, passes: Sequence[PassName], paths: Mapping[str, str]
    ) -> None:
        if passes:
            session.prepare(item, paths)
        for pass_name in passes:
            key = item.key(session.name, pass_name)
            slow = self._seen.get(_family(key), (0, 0.0))[1] > SLOW_CALL_S
            reply = session.ask("memory", pass_name, warm_calls=1 if slow else 2, repeats=1 if slow else 3)
            if isinstance(reply, NotOk):
                self._journal.cell(key, memory_source=f"{reply.status}: {reply.reason}")
            elif reply["peaks"]:
                peaks = [peak["peak_bytes"] for peak in reply["peaks"]]
                self._journal.cell(
                    key,
                    peak_memory_bytes=int(median(peaks)),
                    peak_memory_min_bytes=min(peaks),
                    peak_memory_max_bytes=max(peaks),
                    memory_source=reply["peaks"][0]["source"],
                )
        session.release()
        session.suspend()


def _caption(item: Item, backend: str) -> str:
    maps = min(MOST_MAPS, item.case.output_shape[0])
    filters = " of a vertical and a horizontal line filter" if item.case.w_data == "lines" else ""
    return f"The photograph, then the first {maps} feature maps{filters}, as {backend} computed them."


def _family(key: CellKey) -> tuple[str, ...]:
    """What cells that differ in batch size only have in common."""
    return (key.workload, key.case, key.dtype, key.backend, key.pass_name)
