"""The findings as a table for people, with each remedy below its finding. 80 columns are enough; more are used."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.doctor.finding import Finding, Level
from convbench.report.tables import print_whole
from convbench.testing.aa_test import SelfTest

STYLE: dict[Level, str] = {"ok": "green", "warning": "bold yellow", "unknown": "dim"}


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print what was found and what to do."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for found in findings:
        text = Text(found.text, style="dim" if found.level == "unknown" else "")
        if found.affects:
            text.append(f"\naffects {found.affects}")
        if found.remedy:
            text.append(f"\n→ {found.remedy}", style="cyan")
        table.add_row(found.topic, Text(found.level, style=STYLE[found.level]), text)
    print_whole(table, console)
    console.print()
    console.print(summary(findings), highlight=False)


def summary(findings: Sequence[Finding]) -> str:
    """One line that says how many things make times unreliable here."""
    count = sum(found.level == "warning" for found in findings)
    if not count:
        return "Nothing was found that would disturb measurements."
    return (
        f"{count} {'finding' if count == 1 else 'findings'} would disturb measurements. A line with → says what to do."
    )


def floor_line(floor: float | None, threads: int) -> str:
    """What is known about the noise floor of this machine."""
    if floor is None:
        return f"The noise floor with {threads} threads is not known. To measure it, run: convbench doctor --self-test"
    return f"The noise floor with {threads} threads is {_percent(floor)}, by the last self-test of this machine."


def self_test_lines(tested: SelfTest) -> list[str]:
    """What the self-test found, for people."""
    share = tested.called / tested.comparisons
    where = f" in {tested.against}" if tested.against else ""
    count = f"{tested.comparisons} comparisons"
    lines = [
        f"Self-test: {tested.backend} against itself{where}, {tested.threads} threads, {count}",
        f"  called faster or slower: {tested.called} ({_percent(share)}; at most 5 % may be)",
        f"  the same if each were the only one: {tested.called_alone}",
        f"  distance from itself: {_percent(tested.median)} in the median, {_percent(tested.floor)} for 95 % of them",
    ]
    if not tested.is_fine:
        lines.append("  More than 5 % were called different. Read the warnings above before you trust a verdict.")
    if tested.is_usable and tested.against:
        floor = _percent(tested.floor)
        lines.append(f"  The noise floor between these two environments is {floor}. That of the machine is unchanged.")
    elif tested.is_usable:
        lines.append(f"  The noise floor is {_percent(tested.floor)}. From now on, smaller differences get no verdict.")
    else:
        lines.append("  The machine was too busy to find its noise floor, so nothing is stored. See above.")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
