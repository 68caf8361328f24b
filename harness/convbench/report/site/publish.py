"""From a folder of runs to the folder of a site."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from convbench.errors import RunError, UsageError
from convbench.report.site.cases import CaseId, SiteCase, take_in
from convbench.report.site.folder import check_place, site_folder
from convbench.report.site.machines import Machine, machine_key, new_machine, run_line, told_apart
from convbench.report.site.pages import Site, pages
from convbench.report.site.tables import MergedTables
from convbench.report.views.headline import headline
from convbench.report.views.slots import placed, slots
from convbench.results.events.header import check_shape, read_header
from convbench.results.events.state import BackendRecord
from convbench.results.history.timed import timed_run, when
from convbench.results.loading import load_run
from convbench.results.run import Run
from convbench.results.runs import run_folders
from convbench.results.summary import backend_verdicts, rank
from convbench.text.strict_json import to_json

Progress = Callable[[int, int], None]
"""Is told how many runs of how many have been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a site holds: `page` is its first page, `left_out` has a line for each folder that is not in it."""

    page: Path
    runs: int
    machines: int
    cases: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A run of which only the header was read; of thousands not even that is kept."""

    folder: Path
    label: str
    started: datetime
    digest: bytes
    """The same for copies of a run."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a site shows, as far as runs were read, the latest first."""

    machines: dict[tuple[str, ...], Machine] = field(default_factory=dict)
    cases: dict[CaseId, SiteCase] = field(default_factory=dict)
    records: dict[str, BackendRecord] = field(default_factory=dict)
    """Each backend as the latest run with it records it."""

    def take_in(self, run: Run, label: str, tables: MergedTables) -> None:
        """Add a run that is older than those before."""
        line, key = run_line(run, label), machine_key(run.header)
        machine = self.machines.get(key)
        if machine is None:
            machine = self.machines[key] = new_machine(run.header)
            machine.answer = _answer(run)
        machine.take_in(line, timed_run(run, label))
        take_in(self.cases, run, machine=machine.page, settings=line.settings, label=label)
        for record in placed(run.backends, int(run.header["schema"])):
            self.records.setdefault(record.name, record)
        tables.add(run, line, machine=run.machine_name)

    def slots(self) -> dict[str, int]:
        """The colour of every backend that is recorded or has cells."""
        rows = (row for case in self.cases.values() for table in case.tables.values() for row in table)
        unrecorded = {name for row in rows for name in row.cells} - self.records.keys()
        return slots([*self.records.values(), *(BackendRecord(name=name) for name in sorted(unrecorded))])


def publish(folder: str | Path, output: str | Path, *, progress: Progress | None = None) -> Published:
    """Write a site over all runs at any depth below a folder, to be opened from a file or put on any static host.

    Left out, each with a line that the site shows: runs that are damaged or were interrupted, that only checked, and
    copies of others. A site that is there already is replaced. UsageError where no run is left, where `output` is
    among the runs or holds something else, or where it cannot be written.
    """
    top, place = Path(folder), Path(output)
    left_out: list[str] = []
    found = _found(top, left_out)
    check_place(place, top)
    contents = _Contents()
    with site_folder(place) as scratch:
        with MergedTables(scratch) as tables:
            for number, (each, run) in enumerate(_usable(found, left_out), start=1):
                if run is not None:
                    contents.take_in(run, each.label, tables)
                if progress is not None:
                    progress(number, len(found))
            if not contents.machines:
                reason = f": {left_out[0]}" if left_out else ""
                raise UsageError(f"there is no finished run with times below {top}{reason}")
            tables.finish()
        machines = list(contents.machines.values())
        told_apart(machines)
        sizes = [(name, (scratch / name).stat().st_size) for name in tables.files]
        site = Site(machines=machines, cases=contents.cases, slots=contents.slots(), left_out=left_out, files=sizes)
        for name, text in pages(site):
            path = scratch / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return Published(
        page=place / "index.html",
        runs=site.runs,
        machines=len(machines),
        cases=len(site.cases),
        left_out=tuple(left_out),
    )


def _found(top: Path, left_out: list[str]) -> list[_Found]:
    """The runs below a folder, the latest first; what is no run is added to the lines."""
    found = []
    for folder in run_folders(top):
        label = str(folder.relative_to(top))
        try:
            header = read_header(folder)
            check_shape(header, folder)
        except RunError as error:
            left_out.append(_line(error, folder, label))
            continue
        digest = hashlib.sha256(to_json(header).encode()).digest()
        found.append(_Found(folder, label, when(str(header["started"])), digest))
    return sorted(found, key=lambda each: each.started, reverse=True)


def _usable(found: Sequence[_Found], left_out: list[str]) -> Iterator[tuple[_Found, Run | None]]:
    """Each with its run, if that has its place in a site; else with None, and the reason is added to the lines."""
    taken: dict[bytes, str] = {}
    for each in found:
        if each.digest in taken:
            left_out.append(f"{each.label}: the same run as {taken[each.digest]}")
            yield each, None
            continue
        try:
            run = load_run(each.folder)
        except RunError as error:
            left_out.append(_line(error, each.folder, each.label))
            yield each, None
            continue
        reason = _why_not(run)
        if reason:
            left_out.append(f"{each.label}: {reason}")
        else:
            taken[each.digest] = each.label
        yield each, None if reason else run


def _why_not(run: Run) -> str:
    """Why a run has no place in a site; empty where it has."""
    if run.interrupted:
        return "it was interrupted; `convbench compare --resume` goes on with it"
    return "it has no times, as it only checked" if run.samples.empty else ""


def _line(error: RunError, folder: Path, label: str) -> str:
    """What is wrong with a run, without the path of this machine: a site is for others."""
    text = str(error).replace(f"{folder}/", "").replace(str(folder), "the folder")
    return f"{label}: {text}"


def _answer(run: Run) -> str:
    """What a run says, in sentences."""
    said = headline(backend_verdicts(run.measurements, run.agreement), rank(run.measurements), run.backends)
    return " ".join(filter(None, (said.right, said.fastest, said.absent)))
