"""Several runs beside each other: what each was, where they differ, and frames in which every name says its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from convbench.report.views.headline import headline
from convbench.results.events.state import BackendRecord
from convbench.results.run import Run
from convbench.results.runs import Runs
from convbench.results.summary import REFERENCES, backend_verdicts, rank
from convbench.text.strict_json import to_json
from convbench.text.units import format_duration
from convbench_specs import case_table

COMMAND = "command"
ALWAYS = ("machine", "microarchitecture", "threads", "state", COMMAND)
"""Facts that are shown even where all runs have the same."""


@dataclass(frozen=True, slots=True)
class RunFact:
    """A row of the table of runs: what the runs say of one thing, in their order."""

    name: str
    texts: Sequence[str]

    @property
    def differs(self) -> bool:
        """Whether the runs do not say the same."""
        return len(set(self.texts)) > 1


@dataclass(frozen=True, slots=True)
class RunsView:
    """The table of runs: a column a run, a row a fact that differs or that is always of interest."""

    labels: Sequence[str]
    machines: Sequence[str]
    answers: Sequence[str]
    """A sentence or two on each run: who is right, who is the fastest."""
    facts: Sequence[RunFact]


def runs_view(runs: Runs) -> RunsView:
    """The table of runs."""
    found = [_facts(run) for run in runs]
    names = dict.fromkeys(name for facts in found for name in facts)
    rows = [RunFact(name, [facts.get(name, "") for facts in found]) for name in names]
    return RunsView(
        labels=runs.labels,
        machines=[run.machine_name for run in runs],
        answers=[_answer(run) for run in runs],
        facts=[row for row in rows if row.differs or row.name in ALWAYS],
    )


def _facts(run: Run) -> Mapping[str, str]:
    """All that is known of how a run was made, by name; its command last."""
    identity, settings = run.identity, run.header["settings"]
    facts = {
        "machine": run.machine_name or "not recorded",
        "microarchitecture": identity.get("microarchitecture") or "not recorded",
        "machine id": identity.get("id", "")[:8],
        "gpu": " ".join(filter(None, (identity.get("gpu"), identity.get("driver")))),
        **{name: str(value) for name, value in run.header["machine"].items() if name != "load at start"},
        "started": str(run.header["started"])[:16].replace("T", " "),
        "state": "interrupted" if run.interrupted else f"finished in {format_duration(run.duration_s)}",
        "threads": str(settings["threads"]),
    }
    facts |= {name.replace("_", " "): _text(value) for name, value in settings.items() if name != "threads"}
    facts |= {name: version or "" for name, version in run.header["packages"].items()}
    facts |= {record.name: record.version or record.status for record in run.backends}
    return facts | {COMMAND: str(run.header["command"])}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _answer(run: Run) -> str:
    verdicts = backend_verdicts(run.measurements, run.agreement)
    said = headline(verdicts, rank(run.measurements), run.backends)
    return " ".join(filter(None, (said.right, said.fastest, said.absent)))


def named_by_run(backend: str, label: str) -> str:
    """How a backend of one run is called beside those of others.

    >>> named_by_run("pytorch", "laptop"), named_by_run("oracle", "laptop")
    ('pytorch · laptop', 'oracle')
    """
    return backend if backend in REFERENCES or not backend else f"{backend} · {label}"


def own_name(name: str, labels: Sequence[str]) -> str:
    """The name of a backend without its run.

    >>> own_name("pytorch · laptop", ["laptop", "server"])
    'pytorch'
    """
    return next((name.removesuffix(end) for end in (f" · {label}" for label in labels) if name.endswith(end)), name)


def measurements_by_run(runs: Runs) -> pd.DataFrame:
    """The cells of all runs with their backends named by run. The same cell of two runs has one case and two backends.

    `run_place` is the number of the run.
    """
    cells = cells_by_run(runs)
    places = {label: place for place, label in enumerate(runs.labels)}
    named = {column: _named(cells, column) for column in ("backend", "fastest")}
    return cells.assign(**named, run_place=cells["run"].map(places))


def cells_by_run(runs: Runs) -> pd.DataFrame:
    """The cells of all runs; a workload that is not the same in all has the run in its name."""
    return _with_changed_workloads(runs.measurements, runs)


def agreement_by_run(runs: Runs) -> pd.DataFrame:
    """The comparisons of all runs with both sides named by run."""
    pairs = _with_changed_workloads(runs.agreement, runs)
    return pairs.assign(left=_named(pairs, "left"), right=_named(pairs, "right"))


def with_run_in_workload(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame in which each workload says its run, for what is shown a run at a time."""
    return frame if frame.empty else frame.assign(workload=frame["workload"].astype(str) + " · " + frame["run"])


def records_by_run(runs: Runs) -> list[BackendRecord]:
    """The backends of all runs, named by run."""
    return [
        replace(record, name=named_by_run(record.name, label))
        for run, label in zip(runs, runs.labels, strict=True)
        for record in run.backends
    ]


def _named(frame: pd.DataFrame, column: str) -> list[str]:
    values = frame[column].fillna("").astype(str)
    return [named_by_run(name, label) for name, label in zip(values, frame["run"], strict=True)]


def _with_changed_workloads(frame: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """The frame, in which a case that is not what an earlier run has under its name has a run in its workload's name.

    Runs with the same case share that name, so that their cells stand in one row.
    """
    known: dict[tuple[str, str, str], dict[str, str]] = {}
    names: dict[tuple[str, str, str, str], str] = {}
    for run, label in zip(runs, runs.labels, strict=True):
        for workload in run.workloads:
            for layer in workload.layers:
                case = layer.case
                same_name = known.setdefault((workload.name, case.name, case.dtype), {})
                own = f"{workload.name} · {label}" if same_name else workload.name
                name = same_name.setdefault(to_json(case_table(case)), own)
                names[label, workload.name, case.name, case.dtype] = name
    if frame.empty:
        return frame
    keys = frame[["run", "workload", "case", "dtype"]].itertuples(index=False, name=None)
    return frame.assign(workload=[names.get(key, key[1]) for key in keys])
