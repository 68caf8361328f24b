"""The pages of a site as text: the first one, and one for each machine, each case, and each case on each machine.

They share a style sheet and a script, which lie beside them. All is plain HTML; only the search needs the script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convbench.report.history import figure
from convbench.report.history.figure import Figure, figures
from convbench.report.history.page import STYLES as HISTORY_STYLES
from convbench.report.history.terminal import latest_steps, version_change
from convbench.report.pages.templating import environment, template_file
from convbench.report.site.backends import BackendLine, backend_lines
from convbench.report.site.cases import CaseId, SiteCase, across
from convbench.report.site.machines import MOST_RUNS, Machine
from convbench.report.site.search import search_index
from convbench.results.history import MachineHistory
from convbench.results.history.history import machine_histories

STYLES = (*HISTORY_STYLES, "site.css")
LATEST_RUNS = 20
LATEST_STEPS = 40
MOST_FIGURES = 12
"""Figures on the page of a machine; each case has all of its own on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All that the pages show."""

    machines: Sequence[Machine]
    cases: Mapping[CaseId, SiteCase]
    slots: Mapping[str, int]
    left_out: Sequence[str]
    files: Sequence[tuple[str, int]]
    """What can be downloaded, with its bytes."""

    @property
    def runs(self) -> int:
        """The number of runs in it."""
        return sum(len(machine.runs) for machine in self.machines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHistory:
    """The runs of a machine with the same settings, and the pages of its cases."""

    history: MachineHistory
    figures: Sequence[Figure]
    """The first ones, those with steps before others."""
    in_all: int
    cases: Sequence[tuple[SiteCase, str]]
    """The cases, each with the address of the page that has its figures."""


def pages(site: Site) -> Iterator[tuple[str, str]]:
    """The path of each file of the site below its folder, and its text."""
    yield "assets/site.css", "\n".join(map(template_file, STYLES))
    yield "assets/site.js", template_file("site.js")
    backends = backend_lines(site.machines, site.cases.values())
    yield "assets/index.js", search_index(site.machines, site.cases.values(), backends)
    yield "index.html", _front(site, backends)
    elsewhere: dict[str, list[tuple[Machine, MachineHistory, str]]] = {}
    for machine in site.machines:
        shown = []
        for number, history in enumerate(machine_histories(run for runs in machine.timed.values() for run in runs)):
            by_case = _by_case(history)
            paths = {case: f"history/{machine.page}.{number}.{site.cases[case].page}.html" for case in by_case}
            drawn = {case: figures(own, site.slots) for case, own in by_case.items()}
            for case, own in by_case.items():
                elsewhere.setdefault(site.cases[case].page, []).append((machine, history, paths[case]))
                yield paths[case], _history_page(site, machine, site.cases[case], own, drawn[case])
            every = sorted((each for found in drawn.values() for each in found), key=lambda each: not each.has_steps)
            shown.append(
                ShownHistory(
                    history=history,
                    figures=every[:MOST_FIGURES],
                    in_all=len(every),
                    cases=[(site.cases[case], path) for case, path in paths.items()],
                )
            )
        yield f"machines/{machine.page}.html", _machine_page(site, machine, shown)
    for each in site.cases.values():
        yield f"cases/{each.page}.html", _case_page(site, each, elsewhere.get(each.page, []))


def _by_case(history: MachineHistory) -> dict[CaseId, MachineHistory]:
    """The history of each case, with all runs."""
    found: dict[CaseId, list[Any]] = {}
    for series in history.series:
        found.setdefault((series.definition, series.workload, series.case, series.dtype), []).append(series)
    return {case: replace(history, series=tuple(series)) for case, series in found.items()}


def _render(template: str, site: Site, *, root: str, **values: object) -> str:
    return environment().get_template(template).render(site=site, slots=site.slots, root=root, size=figure, **values)


def _front(site: Site, backends: Sequence[BackendLine]) -> str:
    measured = {machine.page: 0 for machine in site.machines}
    for case in site.cases.values():
        for page in case.machines:
            measured[page] += 1
    cases = sorted(site.cases.values(), key=lambda case: case.workload)
    return _render("site_index.html.j2", site, root="", backends=backends, measured=measured, cases=cases)


def _machine_page(site: Site, machine: Machine, shown: Sequence[ShownHistory]) -> str:
    return _render(
        "site_machine.html.j2",
        site,
        root="../",
        machine=machine,
        runs=machine.runs[:LATEST_RUNS],
        shown=[(each, _steps(each.history)) for each in shown],
        backends=sorted({series.backend for each in shown for series in each.history.series}),
        most_runs=MOST_RUNS,
    )


def _history_page(
    site: Site, machine: Machine, case: SiteCase, history: MachineHistory, drawn: Sequence[Figure]
) -> str:
    return _render(
        "site_history.html.j2",
        site,
        root="../",
        machine=machine,
        case=case,
        history=history,
        figures=drawn,
        steps=_steps(history),
        backends=sorted({series.backend for series in history.series}),
        most_runs=MOST_RUNS,
    )


def _case_page(site: Site, case: SiteCase, histories: Sequence[tuple[Machine, MachineHistory, str]]) -> str:
    names = {machine.page: machine.name for machine in site.machines}
    tables = [(key, rows, across(rows)) for key, rows in case.ordered]
    return _render(
        "site_case.html.j2", site, root="../", case=case, tables=tables, names=names, histories=histories,
        backends=sorted(case.backends, key=lambda name: site.slots[name]),
    )  # fmt: skip


def _steps(history: MachineHistory) -> list[tuple[Any, Any, str]]:
    """The latest steps, each with the change of version."""
    return [(series, step, version_change(step)) for series, step in latest_steps(history)[:LATEST_STEPS]]
