"""The cases of a site: for each pass and batch size a table with a row a machine and a column a backend.

A row is of one run, so its ratios and places are those that the run itself has judged. The newest run of a machine with
its settings comes first; an older one has a row only where it computed with a backend that no newer one did. Across
machines nothing is ranked, and nothing is compared but ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import isfinite

import pandas as pd

from convbench.report.site.names import page_name
from convbench.report.views.cases import CASE, TableKey
from convbench.report.views.fastest import ShownCell, ranked_cells, shown_cell
from convbench.results.history.timed import definition
from convbench.results.run import Run
from convbench.results.summary import pass_place, rank
from convbench.text.cases import case_text
from convbench.text.operations import by_x, operation_text
from convbench_specs import Case

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
    def place(self) -> tuple[str, str]:
        """Its machine and settings."""
        return self.machine, self.settings

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

    def knows(self, key: TableKey, place: tuple[str, str], backends: AbstractSet[str]) -> bool:
        """Whether the table has a row of this machine and settings, and times of all of these backends in such rows."""
        rows = [row for row in self.tables.get(key, ()) if row.place == place]
        return bool(rows) and backends <= {name for row in rows for name in row.computed}

    def add(self, key: TableKey, row: MachineRow) -> None:
        """Add a row behind the newer ones of its machine and settings, unless they have all that it computed."""
        if self.knows(key, row.place, row.computed):
            return
        rows = self.tables.setdefault(key, [])
        newer = [number for number, each in enumerate(rows) if each.place == row.place]
        rows.insert(newer[-1] + 1 if newer else len(rows), row)

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
    """Add what a run says of its cases, where no newer run of the same machine and settings says it."""
    ids = _ids(run)
    place = (machine, settings)
    times = _timed(run.measurements, ids)
    if all(case in cases and cases[case].knows(key, place, names) for (case, key), names in times.items()):
        return  # as most runs of a history do: nothing need be ranked
    known = {(workload.name, case.name): case for workload in run.workloads for case in workload.cases}
    found: dict[CaseId, dict[TableKey, dict[str, ShownCell]]] = {}
    for cell in ranked_cells(run.measurements, rank(run.measurements)):
        identity = ids[cell.workload, cell.case, cell.dtype]
        if identity not in cases:
            cases[identity] = _new_case(identity, known.get((cell.workload, cell.case)))
        table = found.setdefault(identity, {}).setdefault(TableKey(cell.pass_name, int(cell.batch_size)), {})
        table[cell.backend] = shown_cell(cell)
    started = str(run.header["started"])
    for identity, tables in found.items():
        for key, cells in tables.items():
            row = MachineRow(machine=machine, settings=settings, started=started, run=label, cells=cells)
            cases[identity].add(key, row)


def _ids(run: Run) -> dict[tuple[str, str, str], CaseId]:
    """What each (workload, case, dtype) of a run is."""
    known = {(workload.name, case.name): definition(case) for workload in run.workloads for case in workload.cases}
    keys = run.measurements[CASE].drop_duplicates().itertuples(index=False, name=None)
    return {key: (known.get(key[:2], ""), *key) for key in keys}


def _timed(
    measurements: pd.DataFrame, ids: Mapping[tuple[str, str, str], CaseId]
) -> dict[tuple[CaseId, TableKey], set[str]]:
    """The backends that have a time, for each case, pass and batch size; also where there are none."""
    found: dict[tuple[CaseId, TableKey], set[str]] = {}
    columns = measurements[[*CASE, "pass", "batch_size", "backend", "median_s"]]
    for workload, case, dtype, pass_name, batch_size, backend, median in columns.itertuples(index=False, name=None):
        names = found.setdefault((ids[workload, case, dtype], TableKey(pass_name, int(batch_size))), set())
        if isfinite(median):
            names.add(backend)
    return found


def _new_case(identity: CaseId, case: Case | None) -> SiteCase:
    """A case of which nothing is known yet; None where the run does not hold its definition."""
    _, workload, name, dtype = identity
    return SiteCase(
        workload=workload,
        name=name,
        dtype=dtype,
        operation=operation_text(case.operation) if case else "",
        shape=by_x(case.input_shape) if case else "",
        text=case_text(case) if case else "",
        page=page_name(f"{workload} {name} {dtype}", identity),
    )


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
