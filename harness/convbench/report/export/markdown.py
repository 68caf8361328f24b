"""Markdown for the summary of a CI job or a pull request: what is right, what is fast, what is wrong and how to see it.

GitHub's flavour, see https://github.github.com/gfm. The table shows the largest batch size of each case; the others are
folded away, as is the list of what was not ranked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from convbench.plan.status import FAULTY, LEFT_OUT, Status
from convbench.report.cautions import cautions
from convbench.report.export.ranking import RANKED, Ranking, Row, ranking
from convbench.report.views.headline import headline
from convbench.report.views.networks import network_lines
from convbench.report.views.not_ranked import NotRanked, not_ranked_view
from convbench.report.views.right import BackendRow, backends_view
from convbench.report.views.rows import read_rows
from convbench.results.run import Run
from convbench.results.summary import backend_verdicts, rank
from convbench.text.units import (
    MISSING,
    format_duration,
    format_integer,
    format_ratio,
    format_seconds,
    format_seconds_range,
)

MOST_FAULTS = 10
"""How many are shown, one for each backend and status; the report has all of them."""
SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
ALARM = "\N{CROSS MARK}"
"""Before everything that is wrong or failed, and before nothing else."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A faulty cell, a row of the measurements."""

    backend: str
    case: str
    pass_name: str
    batch_size: int
    dtype: str
    status: str
    reason: str
    reproduce: str


def markdown(run: Run) -> str:
    """The whole text; it begins with a heading of the second level."""
    sections = [
        _answer(run),
        _backends(run),
        _faults(run),
        _times(ranking(run)),
        _networks(run),
        _left_out(run),
        _warnings(run),
        _origin(run),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _answer(run: Run) -> str:
    said = headline(backend_verdicts(run.measurements, run.agreement), rank(run.measurements), run.backends)
    fine = run.is_right and not run.has_failed
    lines = [said.right if fine else f"{ALARM} {said.right}", said.fastest, said.absent]
    if run.interrupted:
        lines.insert(0, "The run was interrupted: this is what it had measured by then.")
    workloads = ", ".join(map(str, run.measurements["workload"].unique()))
    return f"## {escape(f'convbench: {workloads}')}\n\n" + escape(" ".join(line for line in lines if line))


def _backends(run: Run) -> str:
    rows = backends_view(backend_verdicts(run.measurements, run.agreement), run.backends)
    heads, sides = ["backend", "version", "checks", "tensors that agree"], "lllr"
    cells = [_backend(row) for row in rows]
    entered = [row.record.entered for row in rows]
    if any(entered):
        heads, sides = [*heads, "what it is"], f"{sides}l"
        cells = [[*row, escape(what)] for row, what in zip(cells, entered, strict=True)]
    return _table(heads, sides, cells)


def _backend(row: BackendRow) -> list[str]:
    record, checks = row.record, row.checks
    if checks is None:
        reason = f": {record.reason}" if record.reason else ""
        return [escape(record.name), escape(record.version), escape(f"{record.status}{reason}"), ""]
    verdict = f"{ALARM} **wrong**" if checks.verdict == "wrong" else f"{checks.verdict or 'not checked'}{checks.but}"
    agreeing = f"{format_integer(checks.agreeing)} of {format_integer(checks.tensors)}" if checks.tensors else ""
    return [escape(record.name), escape(record.version), verdict, agreeing]


def _times(shown: Ranking) -> str:
    if not shown.rows:
        return ""
    largest, others = ([row for row in shown.by_case() if row.is_largest is wanted] for wanted in (True, False))
    text = (
        "Time of one call by the fastest right backend with its 95 % interval, and of each backend as a multiple of "
        "it. Bold: the fastest, and those that cannot be told from it. A dash: not computed, see below.\n\n"
    ) + _time_table(shown.backends, largest)
    return text + ("\n\n" + _folded("Other batch sizes", _time_table(shown.backends, others)) if others else "")


def _time_table(backends: Sequence[str], rows: Iterable[Row]) -> str:
    heads = ("case", "batch", "pass", "fastest", "95 % interval", *map(escape, backends))
    return _table(heads, "lrlrr" + "r" * len(backends), [_time_row(backends, row) for row in rows])


def _time_row(backends: Sequence[str], row: Row) -> list[str]:
    best = row.fastest
    time = format_seconds(best.median_s) if best else ""
    interval = format_seconds_range(best.ci_low_s, best.ci_high_s) if best else ""
    return [
        escape(row.case),
        format_integer(row.batch_size),
        row.pass_name,
        time,
        interval,
        *(_ratio(row, name) for name in backends),
    ]


def _ratio(row: Row, backend: str) -> str:
    shown = row.cells.get(backend)
    if shown is None:
        return ""
    if shown.kind not in RANKED or not isfinite(shown.cell.ratio):
        return f"{ALARM} **{shown.status}**" if shown.status in FAULTY else _unranked(shown.status)
    ratio = format_ratio(shown.cell.ratio).rstrip("×")
    return ratio if shown.kind == "behind" else f"**{ratio}**"


def _unranked(status: str) -> str:
    """A dash where nothing was tried; a result of which nothing is proven is named."""
    return MISSING if status in (*LEFT_OUT, Status.NOT_REACHED) else status


def _networks(run: Run) -> str:
    lines = [f"- {escape(line)}" for line in network_lines(run.networks)]
    return "\n".join(["Whole networks, the sum of their layers:\n", *lines]) if lines else ""


def _faults(run: Run) -> str:
    """The faults of each backend, with the first of each kind and the command that shows it again."""
    cells = run.measurements
    faulty = cells[cells["status"].isin(FAULTY)]
    groups = list(faulty.groupby(["backend", "status"], sort=False))
    texts = [_fault(read_rows(group.head(1), Fault)[0], len(group)) for _, group in groups[:MOST_FAULTS]]
    if len(groups) > MOST_FAULTS:
        texts.append(f"... and {format_integer(len(groups) - MOST_FAULTS)} more, all in the report.")
    return "\n\n".join(texts)


def _fault(first: Fault, cells: int) -> str:
    count = "1 cell" if cells == 1 else f"{format_integer(cells)} cells, first"
    where = f"{count}: {first.case} {first.pass_name}, batch {first.batch_size}, {first.dtype}"
    line = f"{ALARM} **{escape(first.backend)}, {first.status}**, {escape(f'{where}: {first.reason}')}"
    return line + (f"\n\n{_code(first.reproduce)}" if first.reproduce else "")


def _left_out(run: Run) -> str:
    """What has no place in the table and is no fault, folded away."""
    entries = [entry for entry in not_ranked_view(run.measurements) if entry.status not in FAULTY]
    if not entries:
        return ""
    return _folded("Not ranked, and why", "\n".join(map(_entry, entries)))


def _entry(entry: NotRanked) -> str:
    reason = f": {entry.reason}" if entry.reason else ""
    cells = "1 cell" if entry.cells == 1 else f"{format_integer(entry.cells)} cells"
    return f"- {escape(f'{entry.backend}, {entry.status}, {cells}{reason}')}"


def _warnings(run: Run) -> str:
    """What made the numbers less sure, as the page of the run has it."""
    warnings = [*run.warnings, *cautions(run.measurements, run.samples, run.header["settings"]["threads"])]
    return _folded(f"Warnings: {len(warnings)}", "\n".join(f"- {escape(text)}" for text in warnings)) * bool(warnings)


def _origin(run: Run) -> str:
    settings, machine = run.header["settings"], run.header["machine"]
    facts = [
        f"{format_integer(len(run.measurements))} cells",
        "interrupted" if run.interrupted else f"in {format_duration(run.duration_s)}",
        f"{settings['threads']} threads",
        str(machine.get("processor", "")),
        f"convbench {run.header['packages'].get('convbench', '')}".rstrip(),
    ]
    return f"{_code(run.header['command'])}\n\n{escape(', '.join(fact for fact in facts if fact))}"


def escape(text: str) -> str:
    r"""The text as Markdown shows it letter by letter, on one line.

    >>> escape("a|b_c <script>")
    'a\\|b\\_c &lt;script&gt;'
    """
    flat = " ".join(text.split())
    return SPECIAL.sub(r"\\\1", flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _code(text: str) -> str:
    """A block of code whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _table(heads: Sequence[str], sides: str, rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned to the left (l) or right (r)."""
    marks = ["--:" if side == "r" else ":--" for side in sides]
    return "\n".join(_lines([heads, marks, *rows]))


def _lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield f"| {' | '.join(row)} |"
