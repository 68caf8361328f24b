r"""A table for each pass for a paper, with booktabs: the time of every backend with half the width of its interval.

It needs \usepackage{booktabs}; the micro sign, \textmu, is in LaTeX itself since 2020 and before that in textcomp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isfinite

from convbench.plan.status import FAULTY
from convbench.report.export.ranking import RANKED, Row, half_width, ranking
from convbench.report.views.cases import in_usual_order
from convbench.report.views.fastest import ShownCell
from convbench.report.views.not_ranked import NotRanked, not_ranked_view
from convbench.results.events.state import BackendRecord
from convbench.results.run import Run
from convbench.text.units import format_integer, format_seconds

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "{}''{}",
    "[": "{[}",
    "*": "{*}",
    "µ": r"\textmu{}",
    "×": r"$\times$",
    "–": r"\textendash{}",
    "…": r"\dots{}",
}
"""What LaTeX would not print as it stands, or not in every encoding; behind the end of a row it takes [ and *."""
LIGATURE = re.compile(r"(?<=-)(?=-)|(?<=,)(?=,)|(?<=')(?=')|(?<=`)(?=`)|(?<=[?!])(?=`)")
"""Between two letters that TeX would print as one, such as two hyphens as a dash."""
NOT_TIMED = "--"
SHORT = 9.95
"""Percents below it have a decimal."""


def latex(run: Run) -> str:
    """A table environment for each pass, labelled tab:convbench-PASS; comments where nothing was timed."""
    shown = ranking(run)
    lines = [f"% {_flat(run.header['command'])}", f"% {_flat(run.header['started'])}; needs \\usepackage{{booktabs}}"]
    if not shown.rows:
        return "\n".join([*lines, "% nothing was timed"]) + "\n"
    for name in in_usual_order({row.pass_name for row in shown.rows}):
        lines += ["", *_table(run, name, shown.backends, shown.of_pass(name))]
    return "\n".join(lines) + "\n"


def _table(run: Run, pass_name: str, backends: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The lines of a table environment; a backend has two columns, its time and its interval, if it has any cell."""
    shown = [name for name in backends if any(_is_shown(row.cells.get(name)) for row in rows)]
    heads = ["Case", "Batch", *(rf"\multicolumn{{2}}{{c}}{{{escape(name)}}}" for name in shown)]
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_caption(run, pass_name, shown)}}}",
        rf"\label{{tab:convbench-{pass_name}}}",
        r"\smallskip",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}lr{'r@{}l' * len(shown)}@{{}}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *_body(rows, shown),
        r"\bottomrule",
        r"\end{tabular}",
        *_notes(run, pass_name),
        r"\end{table}",
    ]


def _body(rows: Sequence[Row], backends: Sequence[str]) -> Iterator[str]:
    """A line for each row; the batch sizes of a case stand together, with its name on the first."""
    several = len(rows) > len({row.case for row in rows})
    case = ""
    for row in rows:
        is_first, has_rows_above, case = row.case != case, bool(case), row.case
        if several and is_first and has_rows_above:
            yield r"\addlinespace"
        cells = [_cell(row.cells.get(name)) for name in backends]
        yield " & ".join([escape(case) if is_first else "", str(row.batch_size), *cells]) + r" \\"


def _caption(run: Run, pass_name: str, backends: Sequence[str]) -> str:
    """What the numbers are, of what, and on which machine."""
    settings = run.header["settings"]
    what = {"forward": "forward pass", "backward": "backward pass", "both": "forward and backward pass together"}
    versions = [_version(record) for record in run.backends if record.name in backends and record.version]
    machine = [str(run.header["machine"].get("processor", "")), f"{settings['threads']} threads"]
    return (
        f"Time of one call, {escape(what.get(pass_name, pass_name))}: median over fresh processes "
        r"$\pm$ half the width of its 95\,\% confidence interval in percent. "
        "Bold: the fastest right backend, and those not told apart from it. "
        f"{escape(', '.join(part for part in machine if part))}; {escape('; '.join(versions))}."
    )


def _version(record: BackendRecord) -> str:
    """A backend with its version and, where it is an entrant, what it is."""
    return f"{record.name} {record.version}" + (f" ({record.entered})" if record.entered else "")


def _is_shown(shown: ShownCell | None) -> bool:
    """Whether a cell has a time or a fault to show."""
    return shown is not None and (shown.kind in RANKED or shown.status in FAULTY)


def _cell(shown: ShownCell | None) -> str:
    """Two columns: the time with its unit, and half the width of its interval in percent."""
    if shown is None or not _is_shown(shown):
        return rf"{NOT_TIMED} &"
    if shown.kind not in RANKED:
        return rf"\multicolumn{{2}}{{c}}{{\emph{{{escape(shown.status)}}}}}"
    value, _, unit = format_seconds(shown.cell.median_s).partition(" ")
    time = rf"{value}\,{escape(unit)}"
    time = time if shown.kind == "behind" else rf"\textbf{{{time}}}"
    half = half_width(shown.cell)
    return rf"{time} & {{\scriptsize\,$\pm${half:.{1 if half < SHORT else 0}f}}}" if isfinite(half) else f"{time} &"


def _notes(run: Run, pass_name: str) -> list[str]:
    """Below the table: every cell without a time, and why."""
    entries = not_ranked_view(run.measurements[run.measurements["pass"] == pass_name])
    if not entries:
        return []
    notes = " ".join(map(_note, entries))
    return [r"\par\smallskip", rf"\parbox{{\linewidth}}{{\scriptsize\raggedright {notes}}}"]


def _note(entry: NotRanked) -> str:
    cells = "1 cell" if entry.cells == 1 else f"{format_integer(entry.cells)} cells"
    reason = f": {entry.reason.rstrip('.')}" if entry.reason else ""
    return escape(f"{entry.backend}, {entry.status} in {cells}{reason}.")


def escape(text: str) -> str:
    r"""The text as LaTeX prints it letter by letter.

    >>> escape("50 % of numpy_im2col & more")
    '50 \\% of numpy\\_im2col \\& more'
    """
    parts = ["".join(SPECIAL.get(letter, letter) for letter in part) for part in LIGATURE.split(_flat(text))]
    return "{}".join(parts)


def _flat(text: str) -> str:
    return " ".join(text.split())
