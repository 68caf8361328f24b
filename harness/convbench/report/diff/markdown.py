"""A diff as Markdown, for the summary of a CI job or a comment."""

from __future__ import annotations

from collections.abc import Sequence

from convbench.report.diff import words
from convbench.report.diff.rows import DiffRow, worst_first
from convbench.report.diff.terminal import interval_of
from convbench.results.diff import Diff
from convbench.text.units import format_seconds

MOST_ROWS = 50
HEADS = ("case", "batch", "pass", "backend", "base", "new", "change", "95 % interval", "verdict")
MARKS = {"regressed": "❌", "unproven": "❔", "passed": "✅"}


def diff_markdown(diff: Diff) -> str:
    """The answer, why, and a table of what changed for sure; all other cells are counted."""
    faults = [
        f"- **{each.kind}**: {_escaped(each.cell)}: {_escaped(each.text)}"
        for each in diff.failures
        if each.kind != "slower"
    ]
    paragraphs = [
        f"### {MARKS[diff.verdict]} {_escaped(words.headline(diff))}",
        f"`{diff.base}` → `{diff.new}`. {_escaped(words.summary(diff))}",
        "\n".join(f"- {_escaped(line)}" for line in words.versions(diff)),
        _escaped(words.drift_sentences(diff)),
        "\n".join(faults),
        _table([row for row in worst_first(diff) if row.is_worth_a_look][:MOST_ROWS]),
        "\n".join(f"- {_escaped(line)}" for line in (*diff.notes, *(gap.text for gap in words.gaps(diff)))),
        words.recommendation(diff),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _table(rows: Sequence[DiffRow]) -> str:
    if not rows:
        return ""
    lines = [_line(HEADS), _line(["---", "---:", "---", "---", "---:", "---:", "---:", "---:", "---"])]
    lines += [_line([_escaped(entry) for entry in _entries(row)]) for row in rows]
    return "\n".join(lines)


def _entries(row: DiffRow) -> list[str]:
    memory = f"; memory {row.change_of_memory}" if row.change_of_memory else ""
    times = [format_seconds(row.base_s), format_seconds(row.new_s), words.percent(row.ratio), interval_of(row)]
    return [row.case, str(row.batch_size), row.pass_name, row.backend, *times, row.verdict + memory]


def _line(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _escaped(text: str) -> str:
    """Text in which nothing is markup, but for code in backticks; names of cases and reasons come from files."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{letter}" if letter in "\\|*_[]" else letter for letter in plain)
