"""The cases of a site: for each pass and batch size a table with a row a machine and a column a backend.

A row is of one run, so its ratios and places are those that the run itself has judged. The newest run of a machine with
its settings comes first; an older one has a row only where it computed with a backend that no newer one did. Across
machines nothing is ranked, and nothing is compared but ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from convbench.report.site.names import page_name
from convbench.report.views.cases import TableKey
from convbench.report.views.fastest import ShownCell, ranked_cells, shown_cell
from convbench.results.history.timed import definition
from convbench.results.run import Run
from convbench.results.summary import pass_place, rank
from convbench.text.cases import case_text
from convbench.text.operations import by_x, operation_text

CaseId = tuple[str, str, str, str]
"""Definition, workload, name and dtype."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """What one run says of a case at a batch size and in a pass."""

    machine: str
    """The name of the machine's page."""
    settings: str
    started: str
    run: str
    cells: Mapping[str, ShownCell]

    @property
    def computed(self) -> set[str]:
        """The backends that have a time."""
        return {name for name, shown in self.cells.items() if shown.kind != "empty"}


@dataclass(frozen=True, slots=True)
class Across:
    """The ratios of a backend to the fastest of each machine."""

    low: float
    high: float
    machines: int


@dataclass(slots=True, kw_only=True)
class SiteCase:
    """A case, with everything that is known of it."""

    workload: str
    name: str
    dtype: str
    operation: str
    """In short form; empty where the run does not hold the case."""
    shape: str
    text: str
    """The case as it can be typed behind --case."""
    page: str
    tables: dict[TableKey, list[MachineRow]] = field(default_factory=dict)

    @property
    def ordered(self) -> list[tuple[TableKey, list[MachineRow]]]:
        """The tables, passes in their usual order."""
        return sorted(self.tables.items(), key=lambda item: (pass_place(item[0].pass_name), item[0].batch_size))

    @property
    def backends(self) -> list[str]:
        """The backends that have a time in any table."""
        rows = [row for table in self.tables.values() for row in table]
        return sorted({name for row in rows for name in row.computed})

    @property
    def machines(self) -> list[str]:
        """The pages of the machines that it was measured on."""
        return list(dict.fromkeys(row.machine for table in self.tables.values() for row in table))


def take_in(cases: dict[CaseId, SiteCase], run: Run, *, machine: str, settings: str, label: str) -> None:
    """Add what a run says of its cases, where no newer run says it."""
    measurements = run.measurements
    known = {(workload.name, case.name): case for workload in run.workloads for case in workload.cases}
    found: dict[CaseId, dict[TableKey, dict[str, ShownCell]]] = {}
    for cell in ranked_cells(measurements, rank(measurements)):
        case = known.get((cell.workload, cell.case))
        identity = (definition(case) if case else "", cell.workload, cell.case, cell.dtype)
        if identity not in cases:
            cases[identity] = SiteCase(
                workload=cell.workload,
                name=cell.case,
                dtype=cell.dtype,
                operation=operation_text(case.operation) if case else "",
                shape=by_x(case.input_shape) if case else "",
                text=case_text(case) if case else "",
                page=page_name(f"{cell.workload} {cell.case} {cell.dtype}", identity),
            )
        table = found.setdefault(identity, {}).setdefault(TableKey(cell.pass_name, int(cell.batch_size)), {})
        table[cell.backend] = shown_cell(cell)
    for identity, tables in found.items():
        for key, cells in tables.items():
            row = MachineRow(
                machine=machine, settings=settings, started=str(run.header["started"]), run=label, cells=cells
            )
            _add(cases[identity].tables.setdefault(key, []), row)


def _add(rows: list[MachineRow], row: MachineRow) -> None:
    """Add a row unless newer ones of the same machine and settings have all that it computed."""
    newer = [each for each in rows if (each.machine, each.settings) == (row.machine, row.settings)]
    if row.computed - {name for each in newer for name in each.computed} or not newer:
        place = rows.index(newer[-1]) + 1 if newer else len(rows)
        rows.insert(place, row)


def across(rows: Sequence[MachineRow]) -> dict[str, Across]:
    """From where to where the ratios of each backend reach, over the machines on which it is ranked, if several."""
    ratios: dict[str, dict[str, float]] = {}
    for row in rows:
        for name, shown in row.cells.items():
            if isfinite(shown.cell.place):
                ratios.setdefault(name, {}).setdefault(row.machine, shown.cell.ratio)
    return {
        name: Across(min(found.values()), max(found.values()), len(found))
        for name, found in ratios.items()
        if len(found) > 1
    }
