"""The examination of one item: every backend computes the same tensors, and what comes out is checked.

First small integers, then random numbers (photographs only once, as they are); on the second every pass runs twice, for
what a single result does not show. Then come, where they are asked for, the identities that need more calls; workers
lose the case that they hold by them. What becomes known is told to a Record as it happens: the runner keeps it in its
journal, a test asserts on it. The first fault of a cell stays its status.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from convbench.plan.items import Item
from convbench.run.identity_calls import MOST_SECONDS, Asking, is_small
from convbench.run.observer import Silent
from convbench.run.stopwatch import Phases
from convbench.verify import Fill, Untrusted, make_tensors
from convbench.verify.item import ItemCheck, Returned
from convbench.workers.arrays import write_tensors
from convbench.workers.session import BackendSession, NotOk
from convbench_specs import PassName, Tensors

PREPARED = ("prepare_s", "algorithm", "recomputes_forward", "cold_copies")
"""What a worker says of its preparation; the last one only where caches are cold."""
FAULT = ("verdict", "status", "reason", "tensor", "finding")
"""Columns that say what is wrong with a cell."""


class Record(Protocol):
    """Where an examination tells what it finds."""

    def cell(self, item: Item, backend: str, pass_name: PassName, **columns: Any) -> None:
        """Columns of one cell; later ones replace earlier ones."""

    def agreement(self, item: Item, row: Mapping[str, Any]) -> None:
        """A row of the agreement table."""


@dataclass(slots=True)
class Turn:
    """One backend at one item: seconds of a call by pass, for the passes that still take part."""

    session: BackendSession
    call_s: dict[PassName, float]


@dataclass(slots=True)
class Examination:
    """Examines one item; `turns` loses every pass that fails. `step` is told what is running.

    `identities` asks for those that need further calls.
    """

    item: Item
    turns: list[Turn]
    record: Record
    scratch: Path
    seed: int = 0
    step: Callable[[str], None] = Silent().step
    identities: bool = False
    phases: Phases = field(default_factory=Phases)
    _faults: dict[tuple[str, PassName], dict[str, Any]] = field(default_factory=dict)

    def run(self) -> tuple[Tensors, ItemCheck]:
        """Do it; returns the last tensors and their check. Raises MissingImages where photographs are not installed."""
        case = self.item.case
        fills: tuple[Fill, ...] = ("random",) if case.x_data != "random" else ("integers", "random")
        check: ItemCheck | None = None
        for fill in fills:
            check = None  # else two sets of right values would be held at once
            with self.phases.spending("verifying"):
                tensors = make_tensors(case, self.item.batch_size, seed=self.seed, fill=fill)
                check = self._check(tensors, fill)
        assert check is not None
        return tensors, check

    def _check(self, tensors: Tensors, fill: Fill) -> ItemCheck:
        paths = write_tensors(self.scratch, tensors)
        check = ItemCheck(self.item.case, tensors, fill, seed=self.seed)
        for turn in self.turns:
            self.step(f"checking {turn.session.name}")
            begin = time.monotonic()
            check.add(turn.session.name, self._results(turn, paths, scrutinise=fill == "random"))
            if self.identities and time.monotonic() - begin <= MOST_SECONDS:
                self._ask_further(turn.session, check, tensors)
            turn.session.suspend()
        self.step("comparing results")
        self._tell(check)
        return check

    def _ask_further(self, session: BackendSession, check: ItemCheck, tensors: Tensors) -> None:
        """Hold a backend to the identities that need further calls."""
        if check.takes_identities(session.name) and is_small(self.item.case, len(tensors.x)):
            results = check.results(session.name)
            asking = Asking(session, self.item, tensors, results, scratch=self.scratch, seed=self.seed)
            check.hold(session.name, asking.held())

    def _results(self, turn: Turn, paths: Mapping[str, str], *, scrutinise: bool) -> Returned:
        """Prepare, then call every pass; one that fails is struck off the turn and its cell gets the status."""
        returned = Returned()
        if not turn.call_s:
            return returned
        with self.phases.spending("preparing"):
            ready = turn.session.prepare(self.item, paths)
        if isinstance(ready, NotOk):
            self._strike(turn, list(turn.call_s), ready)
            return returned
        folder = self.scratch / turn.session.name
        folder.mkdir(exist_ok=True)
        for pass_name in list(turn.call_s):
            with self.phases.spending("calling"):
                reply = turn.session.ask("run", pass_name, folder=str(folder), scrutinise=scrutinise)
            if isinstance(reply, NotOk):
                self._strike(turn, [pass_name], reply)
                continue
            returned.outputs[pass_name] = reply["outputs"]
            returned.again[pass_name] = reply["again"]
            returned.findings[pass_name] = [Untrusted(**finding) for finding in reply["findings"]]
            which = "second_call_s" if turn.call_s[pass_name] else "first_call_s"
            turn.call_s[pass_name] = reply["call_s"]
            self.record.cell(
                self.item,
                turn.session.name,
                pass_name,
                status="ok",
                **{which: reply["first_call_s"]},
                **{name: ready[name] for name in PREPARED if name in ready},
                **{f"{name}_s": seconds for name, seconds in ready["phases_s"].items()},
            )
        return returned

    def _tell(self, check: ItemCheck) -> None:
        for row in check.rows():
            self.record.agreement(self.item, row)
        sampled = {"sampled": check.sampled} if check.sampled else {}
        for (backend, pass_name), columns in check.verdicts().items():
            fault = self._faults.setdefault((backend, pass_name), {})
            if not fault and columns["verdict"] != "agrees":
                fault |= {name: columns[name] for name in FAULT if name in columns}
            told = {name: value for name, value in columns.items() if name not in FAULT} | fault if fault else columns
            self.record.cell(self.item, backend, pass_name, **told | sampled)

    def _strike(self, turn: Turn, passes: Iterable[PassName], why: NotOk) -> None:
        for pass_name in passes:
            del turn.call_s[pass_name]
            columns = {"status": why.status, "reason": why.reason, "traceback": why.traceback}
            self.record.cell(self.item, turn.session.name, pass_name, **columns)
