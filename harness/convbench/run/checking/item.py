"""The check of one item: every backend computes the same tensors, and what comes out is judged.

First small integers, then random numbers (photographs only once, as they are); on the second every pass runs twice, for
what a single result does not show. A backend that has `update` gets the second tensors by it, so that what it keeps
from the first is found out. Then come, where they are asked for, the identities that need more calls; workers lose the
case that they hold by them. What becomes known is an event as soon as it happens.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from convbench.plan.items import Item
from convbench.results.events.schema import (
    AgreementFound,
    CellComputed,
    CellFailed,
    CellJudged,
    Recorded,
    fields_of,
)
from convbench.run.checking.identity_calls import MOST_SECONDS, IdentityCalls, is_small
from convbench.run.progress import Doing, Progress
from convbench.run.sessions import Entrant, failed
from convbench.run.stopwatch import Stopwatch
from convbench.verify import Fill, Untrusted, make_tensors
from convbench.verify.item import ItemCheck, Returned
from convbench.verify.judgement import Judgement
from convbench.workers import protocol
from convbench.workers.arrays import write_tensors
from convbench.workers.process import Failure
from convbench.workers.session import BackendSession
from convbench_specs import PassName, Tensors


@dataclass(frozen=True, slots=True)
class Checked:
    """The last tensors of an item and their check, for what wants to look at results."""

    tensors: Tensors
    check: ItemCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChecker:
    """How items are checked: where arrays pass, on which numbers, and whether by all identities."""

    scratch: Path
    seed: int
    identities: bool = False
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def events(self, item: Item, entrants: Sequence[Entrant]) -> Generator[Recorded | Progress, None, Checked]:
        """Check the item on all entrants. Raises MissingImages where photographs are not installed."""
        fills: tuple[Fill, ...] = ("random",) if item.case.x_data != "random" else ("integers", "random")
        alive = {entrant.session.name: entrant.passes for entrant in entrants}
        checked: Checked | None = None
        for fill in fills:
            checked = None  # else two sets of right values would be held at once
            with self.stopwatch.spending("verifying"):
                tensors = make_tensors(item.case, item.batch_size, seed=self.seed, fill=fill)
                check = ItemCheck(item.case, tensors, fill, seed=self.seed)
                yield from self._compute(item, entrants, alive, check, tensors, first=fill == fills[0])
                yield Doing(f"{item.label}: comparing results")
                yield from _judged(item, check.judge())
                checked = Checked(tensors, check)
        assert checked is not None
        return checked

    def _compute(
        self,
        item: Item,
        entrants: Sequence[Entrant],
        alive: dict[str, tuple[PassName, ...]],
        check: ItemCheck,
        tensors: Tensors,
        *,
        first: bool,
    ) -> Iterator[Recorded | Progress]:
        """Every entrant's results into the check; `alive` loses the passes that fail."""
        paths = write_tensors(self.scratch, tensors)
        for entrant in entrants:
            session = entrant.session
            yield Doing(f"{item.label}: checking {session.name}")
            begin = time.monotonic()
            returned = Returned()
            for event in self._results(
                item, session, alive[session.name], paths=paths, returned=returned, fill=check.fill, first=first
            ):
                if isinstance(event, CellFailed):
                    alive[session.name] = tuple(name for name in alive[session.name] if name != event.pass_name)
                yield event
            check.add(session.name, returned)
            if self.identities and time.monotonic() - begin <= MOST_SECONDS:
                self._ask_further(session, item, check, tensors)
            session.suspend()

    def _results(
        self,
        item: Item,
        session: BackendSession,
        passes: tuple[PassName, ...],
        *,
        paths: Mapping[str, str],
        returned: Returned,
        fill: Fill,
        first: bool,
    ) -> Iterator[Recorded]:
        """Prepare or update, then call every pass; what they return goes into `returned`."""
        if not passes:
            return
        with self.stopwatch.spending("preparing"):
            ready = session.prepare(item, paths) if first else session.renew(item, paths)
        if isinstance(ready, Failure):
            yield from (failed(item, session.name, name, ready) for name in passes)
            return
        folder = self.scratch / session.name
        folder.mkdir(exist_ok=True)
        for name in passes:
            with self.stopwatch.spending("calling"):
                request = protocol.Run(pass_name=name, folder=str(folder), scrutinise=fill == "random")
                reply = session.ask(request)
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply)
                continue
            returned.outputs[name] = reply.outputs
            returned.again[name] = reply.again
            returned.findings[name] = [Untrusted(each.reason, each.tensor, each.detail) for each in reply.findings]
            yield _computed(item, session.name, name, ready, reply, fill=fill, first=first)

    def _ask_further(self, session: BackendSession, item: Item, check: ItemCheck, tensors: Tensors) -> None:
        """Hold a backend to the identities that need further calls."""
        if check.takes_identities(session.name) and is_small(item.case, len(tensors.x)):
            results = check.results(session.name)
            calls = IdentityCalls(session, item, tensors, results, scratch=self.scratch, seed=self.seed)
            check.hold(session.name, calls.held())


def _computed(
    item: Item,
    backend: str,
    pass_name: PassName,
    ready: protocol.Ready | protocol.Updated,
    ran: protocol.Ran,
    *,
    fill: Fill,
    first: bool,
) -> CellComputed:
    event = CellComputed(
        **fields_of(item.key(backend, pass_name)),
        data=fill,
        call_s=ran.call_s,
        first_call_s=ran.first_call_s if first else None,
        second_call_s=None if first else ran.first_call_s,
    )
    if isinstance(ready, protocol.Updated):
        return msgspec.structs.replace(event, update_s=ready.update_s)
    return msgspec.structs.replace(
        event,
        prepare_s=ready.prepare_s,
        convert_s=ready.phases_s.get("convert"),
        trace_s=ready.phases_s.get("trace"),
        compile_s=ready.phases_s.get("compile"),
        algorithm=ready.algorithm,
        layout=ready.layout or None,
        recomputes_forward=ready.recomputes_forward,
        cold_copies=ready.cold_copies,
    )


def _judged(item: Item, judgement: Judgement) -> Iterator[Recorded]:
    """The rows of the agreement table, then the verdicts."""
    for row in judgement.rows:
        fields = {name: getattr(row, name) for name in row.__slots__}
        fields |= {"first_index": list(row.first_index), "worst_index": list(row.worst_index)}
        yield AgreementFound(**fields_of(item.item_key), **fields)
    for (backend, pass_name), found in judgement.verdicts.items():
        yield CellJudged(
            **fields_of(item.key(backend, pass_name)),
            data=judgement.data,
            sampled=judgement.sampled or None,
            **{name: getattr(found, name) for name in found.__slots__},
        )
