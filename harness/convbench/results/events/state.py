"""The one fold of events: what a run knows so far. Loading, a live run and a resumed one all use it.

    state = RunState()
    for event in read_events(folder): state.apply(event)

Rules of the fold:
- A later event about a cell replaces the columns that it has, and leaves the others.
- The first fault that the checks find in a cell stays its reason. That it differs on NaN is none: a fault replaces it.
- A cell whose backend failed on it, or that is skipped, takes no further part.
- `Resumed` drops what belongs to items that were not finished: their checks, and the samples of the block they were in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from convbench.plan.items import CellKey, ItemKey
from convbench.plan.status import BackendStatus, Status
from convbench.results.events.schema import (
    AgreementFound,
    BackendFound,
    BackendStarted,
    CellComputed,
    CellEvent,
    CellFailed,
    CellJudged,
    CellPredicted,
    CellSkipped,
    CellWarmedUp,
    Columns,
    Finished,
    ItemChecked,
    ItemTimed,
    LargestBatchFound,
    LimitsFound,
    MemoryMeasured,
    PictureMade,
    Recorded,
    Resumed,
    SampleTaken,
    WarningGiven,
)
from convbench.results.events.schema_1 import OldBackend, OldCell
from convbench.text.units import format_seconds
from convbench.verify import DIFFERS_ON_NAN, RIGHT_ON_NUMBERS, SEVERITY
from convbench.verify.explain import UNEXPLAINED, in_names, in_words
from convbench_specs import NOT_FINITE, kind_of

COMPUTED_COLUMNS = (
    "first_call_s", "second_call_s", "prepare_s", "update_s", "convert_s", "trace_s", "compile_s", "algorithm",
    "layout", "recomputes_forward", "cold_copies",
)  # fmt: skip
MEMORY_COLUMNS = ("peak_memory_bytes", "peak_memory_min_bytes", "peak_memory_max_bytes", "kept_memory_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRecord:
    """A backend of a run, and whether it could take part.

    `display_order` is its place among others, and with it its colour and marker; None where it declares none. `backend`
    is what runs under `name` where that is the name of an entrant, with these `options`, from the interpreter or file
    `where`.
    """

    name: str
    status: BackendStatus = BackendStatus.AVAILABLE
    summary: str = ""
    version: str = ""
    device: str = ""
    reason: str = ""
    short_name: str = ""
    display_order: int | None = None
    backend: str = ""
    options: Mapping[str, str | int] = field(default_factory=dict)
    where: str = ""
    python_version: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    """What its worker told at its start, as text for a reader."""

    @property
    def entered(self) -> str:
        """What runs under this name, in words; empty for a backend that takes part as it is.

        >>> BackendRecord(name="old", backend="pytorch", options={"threads": 1}, where="/envs/old").entered
        'pytorch with threads=1 in /envs/old'
        """
        chosen = ", ".join(f"{name}={value}" for name, value in self.options.items())
        parts = [chosen and f"with {chosen}", self.where and f"in {self.where}"]
        if self.backend in {"", self.name} and not any(parts):
            return ""
        return " ".join(filter(None, [self.backend or self.name, *parts]))


@dataclass(slots=True)
class RunState:
    """What is known of a run; `apply` is the only way to change it.

    `is_live` says that the run goes on: then the shortest call of each cell is kept, which predicts what others cost.
    """

    is_live: bool = True
    cells: dict[CellKey, Columns] = field(default_factory=dict)
    samples: list[SampleTaken] = field(default_factory=list)
    agreement: list[AgreementFound] = field(default_factory=list)
    backends: dict[str, BackendFound] = field(default_factory=dict)
    started: dict[str, BackendStarted] = field(default_factory=dict)
    largest_batches: list[LargestBatchFound] = field(default_factory=list)
    pictures: list[PictureMade] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    limits: LimitsFound | None = None
    resumed: list[Resumed] = field(default_factory=list)
    finished: Finished | None = None
    checked: set[ItemKey] = field(default_factory=set)
    """Items on which every backend was checked."""
    timed: dict[ItemKey, set[int]] = field(default_factory=dict)
    """Blocks whose samples are complete, by item."""
    run_s: float = 0.0
    """Seconds that the run has taken, as far as its journal tells."""
    fastest_s: dict[CellKey, float] = field(default_factory=dict)
    """Seconds of the shortest call of a cell: noise only adds."""
    loops: dict[CellKey, CellWarmedUp] = field(default_factory=dict)
    _computed: set[CellKey] = field(default_factory=set)
    _excluded: set[CellKey] = field(default_factory=set)
    _faulty: set[CellKey] = field(default_factory=set)

    def apply(self, event: Recorded) -> None:
        """Take in one event."""
        match event:
            case SampleTaken():  # the most frequent first
                self.samples.append(event)
                if self.is_live:
                    self._remember(event.cell, event.elapsed_s / event.loops)
            case CellEvent():
                self._apply_to_cell(event)
            case AgreementFound():
                self.agreement.append(event)
            case ItemChecked():
                self.checked.add(event.item)
            case ItemTimed():
                self.timed.setdefault(event.item, set()).add(event.block)
                self.run_s = max(self.run_s, event.run_s)
            case BackendFound():
                self.backends[event.name] = event
            case BackendStarted():
                self.started.setdefault(event.name, event)
            case OldBackend():
                self._apply_old_backend(event)
            case _:
                self._apply_to_run(event)

    def is_computed(self, key: CellKey) -> bool:
        """Whether the cell has a result, right or wrong, and has not failed or been skipped since."""
        return key in self._computed and key not in self._excluded

    def has_result(self, key: CellKey) -> bool:
        """Whether the cell had a result at any time, even if it was too slow to be timed or failed later."""
        return key in self._computed

    def takes_part(self, key: CellKey, block: int) -> bool:
        """Whether a computed cell is timed in a block; in the first all are."""
        if not self.is_computed(key):
            return False
        warm = self.loops.get(key)
        return block == 0 if warm is None else block < warm.blocks

    def is_wanted(self, block: int) -> bool:
        """Whether any cell is timed in a block."""
        return any(block < warm.blocks and self.is_computed(key) for key, warm in self.loops.items())

    def is_timed(self, item: ItemKey, block: int) -> bool:
        """Whether the samples of an item in a block are complete."""
        return block in self.timed.get(item, ())

    @property
    def wrong_backends(self) -> frozenset[str]:
        """Backends of which a result was wrong."""
        return frozenset(
            key.backend for key, columns in self.cells.items() if columns.get("status") == Status.WRONG.value
        )

    def records(self) -> tuple[BackendRecord, ...]:
        """The backends, in the order in which the run lists them."""
        return tuple(
            BackendRecord(
                name=found.name,
                status=found.status,
                summary=found.summary,
                version=found.version,
                device=found.device,
                reason=found.reason,
                short_name=found.short_name,
                display_order=found.display_order,
                backend=found.backend,
                options=found.options,
                where=found.where,
                python_version=found.python_version,
                packages=found.packages,
                facts=_facts(self.started.get(found.name)),
            )
            for found in self.backends.values()
        )

    def _apply_to_cell(self, event: CellEvent) -> None:
        columns = self._columns(event.cell)
        match event:
            case CellPredicted():
                columns["predicted_s"] = event.predicted_s
            case CellSkipped():
                self._excluded.add(event.cell)
                columns.update(status=Status.SKIPPED.value, reason=event.reason)
                columns.update(_given(event, ("needed_budget_s",)))
            case CellFailed():
                self._failed(event, columns)
            case CellComputed():
                self._computed_once(event, columns)
            case CellJudged():
                self._judged(event, columns)
            case CellWarmedUp():
                self.loops[event.cell] = event
                columns.update(warm_up_calls=event.warm_up_calls, steady=event.steady)
            case MemoryMeasured():
                columns.update(_given(event, ("memory_source", *MEMORY_COLUMNS)))
            case OldCell():
                columns.update(event.columns)

    def _apply_to_run(self, event: Recorded) -> None:
        match event:
            case WarningGiven():
                if event.text not in self.warnings:
                    self.warnings.append(event.text)
            case LargestBatchFound():
                self.largest_batches.append(event)
            case LimitsFound():
                self.limits = event
            case PictureMade():
                self.pictures.append(event)
            case Resumed():
                self._resumed(event)
            case Finished():
                self.finished = event
                self.run_s = max(self.run_s, event.duration_s)

    def _failed(self, event: CellFailed, columns: Columns) -> None:
        key = event.cell
        self._excluded.add(key)
        if key.item not in self.checked:
            self._computed.discard(key)
        columns.update(status=event.status.value, reason=event.reason, traceback=event.traceback)
        if event.reproduce:
            columns["reproduce"] = event.reproduce
        if event.waited_s is not None:
            self._remember(key, event.waited_s)

    def _computed_once(self, event: CellComputed, columns: Columns) -> None:
        key = event.cell
        self._computed.add(key)
        if key not in self._faulty:
            columns["status"] = Status.OK.value
        columns.update(_given(event, COMPUTED_COLUMNS))
        self._remember(key, event.call_s)

    def _judged(self, event: CellJudged, columns: Columns) -> None:
        key = event.cell
        self._own_verdict(event, columns)
        columns.update(_given(event, ("identities", "sampled")))
        if key in self._faulty:
            if columns.get("hypothesis") == UNEXPLAINED and columns.get("tensor") == event.tensor:
                self._explain(event, columns)
            return
        if columns.get("verdict") == DIFFERS_ON_NAN and event.verdict in RIGHT_ON_NUMBERS:
            return
        columns.update(_given(event, ("verdict", "reason", "tensor", "finding", "odd_one_out")))
        self._explain(event, columns)
        if event.is_wrong:
            columns.update(status=Status.WRONG.value, reproduce=event.reproduce)
        if event.verdict not in RIGHT_ON_NUMBERS:
            self._faulty.add(key)

    def _explain(self, event: CellJudged, columns: Columns) -> None:
        if event.explanations:
            columns.update(hypothesis=in_names(event.explanations), explanation=in_words(event.explanations))

    def _own_verdict(self, event: CellJudged, columns: Columns) -> None:
        """The verdict of each check by itself: the worst one where several kinds of data share a column."""
        if kind_of(event.data) is None:
            columns["exact" if event.data == "integers" else "random"] = event.own
            return
        name = "non_finite" if event.data in NOT_FINITE else "other_data"
        before = columns.get(name)
        if before is None or SEVERITY[event.own] > SEVERITY[str(before)]:
            columns[name] = event.own

    def _resumed(self, event: Resumed) -> None:
        self.resumed.append(event)
        self.finished = None
        unfinished = {key for key in self.cells if key.item not in self.checked}
        for key in unfinished:
            del self.cells[key]
        self._computed -= unfinished
        self._excluded -= unfinished
        self._faulty -= unfinished
        for table in (self.loops, self.fastest_s):
            for key in unfinished & table.keys():
                del table[key]
        self.agreement = [row for row in self.agreement if row.item in self.checked]
        self.samples = [sample for sample in self.samples if self.is_timed(sample.cell.item, sample.block)]

    def _apply_old_backend(self, event: OldBackend) -> None:
        if event.status is not None:
            self.backends[event.name] = event.found
        if event.started is not None:
            self.started[event.name] = event.started

    def _columns(self, key: CellKey) -> Columns:
        columns = self.cells.get(key)
        if columns is None:
            columns = self.cells[key] = {}
        return columns

    def _remember(self, key: CellKey, seconds: float) -> None:
        known = self.fastest_s.get(key)
        if known is None or seconds < known:
            self.fastest_s[key] = seconds


def _facts(started: BackendStarted | None) -> dict[str, str]:
    if started is None:
        return {}
    overhead = f"{format_seconds(started.harness_overhead_s)} a call"
    return {**started.facts, "start and import": format_seconds(started.start_s), "timing loop": overhead}


def _given(event: CellEvent, names: tuple[str, ...]) -> Columns:
    """Those of the fields that have a value."""
    values = ((name, getattr(event, name)) for name in names)
    return {name: value for name, value in values if value is not None}
