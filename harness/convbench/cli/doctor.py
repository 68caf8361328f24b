"""The command convbench doctor: it examines the machine, shows what it found, and runs the self-test on request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from convbench.cli.doctor_text import floor_line, print_findings, self_test_lines
from convbench.cli.progress import terminal_observer
from convbench.doctor.diagnosis import diagnose
from convbench.doctor.facts import read_facts
from convbench.doctor.finding import Finding
from convbench.errors import UsageError
from convbench.machine.facts import usable_cores
from convbench.machine.noise_floor import cached_floor, keep_floor
from convbench.report.console import plain_console
from convbench.results.statistics.comparison import LEAST_MARGIN
from convbench.testing.aa_test import SelfTest, self_test
from convbench.text.strict_json import to_json
from convbench.workers.plugins import Registry, find_backends


def run_doctor(
    threads: int | None,
    *,
    as_json: bool,
    with_self_test: bool,
    backend: str | None,
    output: Path | None,
    against: str | None,
) -> None:
    """Print the findings for `threads` (default: all usable cores); UsageError for options that do not fit together."""
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    for option, value in (("backend", backend), ("output", output), ("against", against)):
        if value and not with_self_test:
            raise UsageError(f"--{option} belongs to the self-test: add --self-test")
    asked = threads or len(usable_cores())
    registry = find_backends()
    declared = registry.framework_variables
    findings = diagnose(read_facts(asked, framework_variables=declared, window_s=2.0))
    if not as_json:
        print_findings(findings, plain_console())
        if not with_self_test:
            click.echo(floor_line(cached_floor(asked), asked))
    told = [found.warning for found in findings if found.level == "warning"]
    tested = (
        _test(registry, asked, backend, output=output, told=told, against=against or "") if with_self_test else None
    )
    if as_json:
        click.echo(to_json(_plain(findings, tested, asked), indent=1))
    elif tested:
        click.echo("\n".join(self_test_lines(tested)))


def _test(
    registry: Registry,
    threads: int,
    backend: str | None,
    *,
    output: Path | None,
    told: Sequence[str],
    against: str,
) -> SelfTest:
    """Run the self-test, and keep its floor if the machine was quiet enough to have one.

    A floor over two interpreters is only said: it also holds what differs between them.
    """
    observer = terminal_observer()
    found = self_test(registry, backend, threads, output=output, observer=observer, told=told, against=against)
    if not found.is_usable or against:
        return found
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    not_kept = keep_floor(threads, {**found.as_dict(), "measured": when})
    if not_kept:
        click.echo(f"warning: the floor is not kept for later runs: {not_kept}", err=True)
    return found


def _plain(findings: Sequence[Finding], tested: SelfTest | None, threads: int) -> dict[str, object]:
    """What --json prints."""
    floor = cached_floor(threads)
    return {
        "threads": threads,
        "findings": [found.as_dict() for found in findings],
        "floor": floor,
        "margin": max(LEAST_MARGIN, floor or 0.0),
        "self_test": tested.as_dict() if tested else None,
    }
