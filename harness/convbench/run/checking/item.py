"""The check of one item: every backend computes the same tensors, and what comes out is judged.

First small integers, then random numbers (photographs only once, as they are); on the second every pass runs twice,
for what a single result does not show. Then come, where they are asked for, the identities that need more calls and
further kinds of data; workers lose the case that they hold by both. A backend that has `update` gets further tensors by
it, so that what it keeps from the first is found out. What becomes known is an event as soon as it happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from convbench.plan.items import Item
from convbench.plan.status import Status
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
from convbench.run.sessions import ItemEntrant, failed
from convbench.run.stopwatch import Stopwatch
from convbench.run.timing.known_results import KnownResults
from convbench.verify import Fill, Untrusted, make_tensors
from convbench.verify.item import ItemCheck, Returned
from convbench.verify.judgement import Judgement, Told
from convbench.workers import protocol
from convbench.workers.arrays import DataSetFiles, damaged, made_folder, write_data_sets, write_one_set
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import DataKind, PassName, Tensors, kind_of, telling_kinds


@dataclass(frozen=True, slots=True)
class Checked:
    """The last tensors of an item and their check, for what wants to look at results.

    `data_sets` are the files of these tensors in each of verify.data_sets.
    """

    tensors: Tensors
    check: ItemCheck
    data_sets: DataSetFiles


@dataclass(frozen=True, slots=True)
class Effort:
    """How much the further calls of a pass may cost, and whether a second case takes turns with the first."""

    limit_s: float
    longest_call_s: float
    beside: bool


QUICK = Effort(limit_s=0.004, longest_call_s=0.02, beside=False)
"""For a run that times: its timed calls are looked at, too."""
THOROUGH = Effort(limit_s=0.05, longest_call_s=0.2, beside=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChecker:
    """How items are checked: where arrays pass, and on which numbers.

    `thoroughly` asks for all identities, and for more of the further calls. `known` learns what results have for bits.
    `kinds` are further kinds of data: those are taken that can tell something about the case, where it is small.
    """

    scratch: Path
    seed: int
    thoroughly: bool = False
    known: KnownResults = field(default_factory=KnownResults)
    kinds: tuple[DataKind, ...] = ()
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def events(self, item: Item, entrants: Sequence[ItemEntrant]) -> Generator[Recorded | Progress, None, Checked]:
        """Check the item on all entrants. Raises MissingImages where photographs are not installed."""
        fills: tuple[Fill, ...] = ("random",) if item.case.x_data == "photos" else ("integers", "random")
        alive = {entrant.session.name: entrant.passes for entrant in entrants}
        checked: Checked | None = None
        told: set[Told] = set()
        for fill in fills:
            checked = None  # else two sets of right values would be held at once
            checked = yield from self._checked(item, entrants, alive, told, fill, usual=fills)
        assert checked is not None
        for kind in self._kinds_for(item):
            yield from self._checked(item, entrants, alive, told, kind, usual=fills)
        return checked

    def _kinds_for(self, item: Item) -> list[DataKind]:
        """The further kinds of data that the item is checked on; an empty batch has no data."""
        if not item.batch_size or not is_small(item.case, item.batch_size):
            return []
        return [kind for kind in telling_kinds(item.case) if kind in self.kinds]

    def _checked(
        self,
        item: Item,
        entrants: Sequence[ItemEntrant],
        alive: dict[str, tuple[PassName, ...]],
        told: set[Told],
        fill: Fill,
        *,
        usual: Sequence[Fill],
    ) -> Generator[Recorded | Progress, None, Checked]:
        """Check the item on one filling of its tensors; `usual` are those of every check, in their order.

        `told` are the faults that were explained on earlier fillings, and learns the new ones.
        """
        is_first = fill == usual[0]
        before = partial(make_tensors, item.case, item.batch_size, seed=self.seed, fill=usual[0])
        with self.stopwatch.spending("verifying"):
            tensors = make_tensors(item.case, item.batch_size, seed=self.seed, fill=fill)
            check = ItemCheck(item.case, tensors, fill, seed=self.seed, before=None if is_first else before)
            to_files = write_data_sets if fill == usual[-1] else write_one_set
            write = partial(to_files, self._folder_of(fill), tensors)
            data_sets = write()
            yield from self._compute(item, entrants, alive, check, data_sets, first=is_first, write=write)
            yield Doing(f"{item.label}: comparing results")
            judgement = check.judge(told)
            told |= judgement.told
            yield from _judged(item, judgement)
            return Checked(tensors, check, data_sets)

    def _folder_of(self, fill: Fill) -> Path:
        """Where the tensors pass; the files of the usual ones stay when further kinds of data come."""
        return made_folder(self.scratch if kind_of(fill) is None else self.scratch / "further")

    def _compute(
        self,
        item: Item,
        entrants: Sequence[ItemEntrant],
        alive: dict[str, tuple[PassName, ...]],
        check: ItemCheck,
        data_sets: DataSetFiles,
        *,
        first: bool,
        write: Callable[[], DataSetFiles],
    ) -> Iterator[Recorded | Progress]:
        """Every entrant's results into the check; `alive` loses the passes that fail.

        `write` writes the files of the tensors again, where one has removed or changed what the next one is given.
        """
        for entrant in entrants:
            session = entrant.session
            on = f" on {check.fill} data" if kind_of(check.fill) else ""
            yield Doing(f"{item.label}: checking {session.name}{on}")
            begin = time.monotonic()
            returned = Returned()
            for event in self._results(
                item, session, alive[session.name], paths=data_sets[0], returned=returned, fill=check.fill, first=first
            ):
                if isinstance(event, CellFailed):
                    alive[session.name] = tuple(name for name in alive[session.name] if name != event.pass_name)
                yield event
            if check.fill == "random":
                yield from self._exercise(item, session, data_sets, returned)
            if lost := damaged(data_sets, check.tensors):
                why = f"the file of {lost}, which all backends are given, was removed or changed during its calls"
                fault = Failure(Status.CRASHED, why, alive=True)
                yield from (
                    failed(item, session.name, name, fault, kind_of(check.fill)) for name in alive[session.name]
                )
                alive[session.name], returned = (), Returned()
                write()
            for name, why in check.add(session.name, returned).items():
                alive[session.name] = tuple(each for each in alive[session.name] if each != name)
                yield failed(item, session.name, name, Failure(Status.CRASHED, why, alive=True), kind_of(check.fill))
            if self.thoroughly and time.monotonic() - begin <= MOST_SECONDS:
                self._ask_further(session, item, check)
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
        kind = kind_of(fill)
        if isinstance(ready, Failure):
            yield from (failed(item, session.name, name, ready, kind) for name in passes)
            return
        folder = made_folder(self.scratch / session.name)
        for name in passes:
            with self.stopwatch.spending("calling"):
                request = protocol.Run(pass_name=name, folder=str(folder), scrutinise=fill == "random")
                reply = session.ask(request)
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply, kind)
                continue
            returned.outputs[name] = reply.outputs
            returned.again[name] = reply.again
            returned.findings[name] = _untrusted(reply.findings)
            returned.call_s[name] = reply.call_s
            if kind is None:  # what a call takes on other data is not what it usually takes
                self.known.learn(item.key(session.name, name), reply.digests)
                yield _computed(item, session.name, name, ready, reply, fill=fill, first=first)

    def _exercise(
        self, item: Item, session: BackendSession, data_sets: DataSetFiles, returned: Returned
    ) -> Iterator[Recorded]:
        """Whether what quick passes return stays right: see workers/scrutiny. A slow one shows it when timed."""
        effort = THOROUGH if self.thoroughly else QUICK
        passes = [name for name, seconds in returned.call_s.items() if seconds <= effort.longest_call_s]
        if not passes:
            return
        request = protocol.Exercise(
            passes=passes,
            data_sets=[dict(paths) for paths in data_sets],
            limit_s=effort.limit_s,
            beside=effort.beside,
        )
        with self.stopwatch.spending("calling"):
            reply = session.ask(request)
        if not isinstance(reply, Failure):
            for name, findings in reply.findings.items():
                returned.findings[name] += _untrusted(findings)
        elif reply.status is not Status.OUT_OF_MEMORY:  # a second case may need more than there is
            yield from (failed(item, session.name, name, reply) for name in passes)

    def _ask_further(self, session: BackendSession, item: Item, check: ItemCheck) -> None:
        """Hold a backend to the identities that need further calls."""
        tensors = check.tensors
        if check.takes_identities(session.name) and is_small(item.case, len(tensors.x)):
            results = check.results(session.name)
            calls = IdentityCalls(session, item, tensors, results, scratch=self.scratch, seed=self.seed)
            check.hold(session.name, calls.held())


def _untrusted(findings: Sequence[protocol.Finding]) -> list[Untrusted]:
    return [Untrusted(each.reason, each.tensor, each.detail) for each in findings]


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
