"""The backends of a site, from the tables of its cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from convbench.plan.status import FAILED
from convbench.report.site.cases import SiteCase
from convbench.report.site.machines import Machine
from convbench.report.site.names import page_name


@dataclass(slots=True, kw_only=True)
class BackendLine:
    """What the latest runs say of a backend. The counts are of cells that the pages of the cases show."""

    name: str
    versions: list[str] = field(default_factory=list)
    """Those of the latest run of each machine."""
    machines: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    ranked: int = 0
    fastest: int = 0
    wrong: int = 0
    failed: int = 0

    @property
    def anchor(self) -> str:
        """Where the first page has its line."""
        return f"backend-{page_name(self.name, [self.name])}"


def backend_lines(machines: Iterable[Machine], cases: Iterable[SiteCase]) -> list[BackendLine]:
    """A line for each backend that was tried, in the order of their names."""
    lines: dict[str, BackendLine] = {}
    for case in cases:
        for row in (row for table in case.tables.values() for row in table):
            for name, shown in row.cells.items():
                _count(lines.setdefault(name, BackendLine(name=name)), row.machine, case.page, shown.kind, shown.status)
    for machine in machines:
        for name, line in lines.items():
            version = next((run.versions[name] for run in machine.runs if name in run.versions), "")
            if version and version not in line.versions:
                line.versions.append(version)
    return [lines[name] for name in sorted(lines)]


def _count(line: BackendLine, machine: str, case: str, kind: str, status: str) -> None:
    if kind != "empty":
        line.machines.add(machine)
        line.cases.add(case)
    line.ranked += kind in {"fastest", "tied", "behind"}
    line.fastest += kind == "fastest"
    line.wrong += status == "wrong"
    line.failed += status in FAILED
