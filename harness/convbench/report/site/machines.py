"""The machines of a site: what tells them apart, and what their pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from convbench.plan.status import FAILED
from convbench.report.site.names import page_name
from convbench.results.diff.comparable import VARYING
from convbench.results.events.header import Header
from convbench.results.history.timed import TimedRun, settings_of
from convbench.results.run import Run
from convbench.results.summary import right_cells

MOST_RUNS = 60
"""Runs of a machine with the same settings that its history draws and looks for steps in, the latest ones."""
USUAL = {"allocator": "default", "cache": "hot"}
"""Settings that are named only where they are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in the table of a machine. The counts are of cells."""

    label: str
    started: str
    """ISO 8601."""
    duration_s: float
    command: str
    settings: str
    versions: Mapping[str, str]
    right: int
    wrong: int
    failed: int
    measured: int


@dataclass(slots=True, kw_only=True)
class Machine:
    """A machine, with its runs from the latest to the first."""

    name: str
    page: str
    """The name of its page, without the ending."""
    facts: Mapping[str, str]
    runs: list[RunLine] = field(default_factory=list)
    timed: dict[tuple[object, ...], list[TimedRun]] = field(default_factory=dict)
    """The latest runs by machine and settings, at most MOST_RUNS each."""
    answer: str = ""
    """What the latest run says, in sentences."""

    @property
    def kind(self) -> str:
        """Processor, cores and GPU in one line."""
        return ", ".join(self.facts[name] for name in ("processor", "cores", "gpu") if self.facts.get(name))

    def take_in(self, line: RunLine, timed: TimedRun) -> None:
        """Add a run that is older than those before."""
        self.runs.append(line)
        same = self.timed.setdefault(timed.place, [])
        if len(same) < MOST_RUNS:
            same.append(timed)


def machine_key(header: Header) -> tuple[str, ...]:
    """What tells machines apart: the name, the number, and what does the computing. Older runs tell no identity.

    An update of the system or more memory is another history on the same page.
    """
    identity, machine = header.get("identity", {}), header["machine"]
    told = [identity.get(name, "") for name in ("name", "id", "microarchitecture", "gpu")]
    return (*map(str, told), str(machine.get("processor", "")))


def new_machine(header: Header) -> Machine:
    """The machine of a run."""
    identity, key = header.get("identity", {}), machine_key(header)
    facts = {name: str(identity[name]) for name in ("microarchitecture", "gpu", "driver") if identity.get(name)}
    facts |= {name: str(text) for name, text in header["machine"].items() if name not in VARYING and text}
    if identity.get("id"):
        facts["id"] = str(identity["id"])
    name = str(identity.get("name") or header["machine"].get("processor") or "unnamed machine")
    return Machine(name=name, page=page_name(name, key), facts=facts)


def told_apart(machines: Sequence[Machine]) -> None:
    """Give machines of one name the beginning of their page's digits behind it."""
    names = [machine.name for machine in machines]
    for machine in machines:
        if names.count(machine.name) > 1:
            machine.name = f"{machine.name} ({machine.page.rpartition('-')[2][:4]})"


def run_line(run: Run, label: str) -> RunLine:
    """The line of a run."""
    status = run.measurements["status"]
    return RunLine(
        label=label,
        started=str(run.header["started"]),
        duration_s=run.duration_s,
        command=str(run.header["command"]),
        settings=settings_text(run.header),
        versions={record.name: record.version for record in run.backends if record.version},
        right=len(right_cells(run.measurements)),
        wrong=int((status == "wrong").sum()),
        failed=int(status.isin(FAILED).sum()),
        measured=int(run.measurements["median_s"].notna().sum()),
    )


def settings_text(header: Header) -> str:
    """The settings that times depend on, in words: "cpu, 2 threads"."""
    settings = settings_of(header)
    threads = settings["threads"]
    words = [settings["device"], f"{threads} thread{'' if threads == '1' else 's'}"]
    return ", ".join(
        [*words, *(f"{name} {settings[name]}" for name, usual in USUAL.items() if settings[name] != usual)]
    )
