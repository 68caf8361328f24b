"""The command convbench limits: measures what is not known of the machine's limits, and shows them as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import click
from rich.table import Table

from convbench.cli.progress import terminal_observer
from convbench.doctor import core_facts, thread_warnings
from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.report.console import plain_console
from convbench.report.tables import print_whole
from convbench.results.roofline import Limits, Peak
from convbench.run.limits.attainable import Outcome, attainable
from convbench.run.observer import Observer, finish
from convbench.text.units import format_bytes, format_number
from convbench.workers.arrays import scratch_folder
from convbench.workers.plugins import Registered, find_backends, only_available
from convbench.workers.session import BackendSession
from convbench_specs import DType

DISTURBED = "other programs used the machine, so this may be too low"


def run_limits(threads: Sequence[int], plugins: Iterable[str], *, again: bool, **settings: Any) -> None:
    """Print the limits for each number of threads (none: all usable cores); `settings` are of RunSettings.

    UsageError for what cannot be, and where no backend is available.
    """
    asked = [RunSettings(**settings, threads=number) for number in threads] or [RunSettings(**settings)]
    if any(number < 1 for number in threads):
        raise UsageError(f"threads must be at least 1, not {min(threads)}")
    registry = find_backends(plugins).demand(plugins)
    usable, _ = only_available(registry.select(None), asked[0].device)
    for each in asked:
        for text in thread_warnings(core_facts(each.threads)):
            click.echo(f"warning: {text}", err=True)
    observer = terminal_observer()
    observer.begin(len(asked))
    try:
        outcomes = [_measure(each, usable, registry.packages, observer, again=again) for each in asked]
    finally:
        observer.end()
    print_whole(limits_table([outcome.limits for outcome in outcomes]), plain_console())
    for warning in dict.fromkeys(warning for outcome in outcomes for warning in outcome.warnings):
        click.echo(f"warning: {warning}", err=True)


def _measure(
    settings: RunSettings,
    backends: Sequence[Registered],
    packages: tuple[str, ...],
    observer: Observer,
    *,
    again: bool,
) -> Outcome:
    """With workers of its own, which start only where something is to be measured."""
    with scratch_folder() as scratch, ExitStack() as stack:
        sessions = []
        for registered in backends:
            log = scratch / f"{registered.backend.name}.log"
            session = BackendSession(registered, settings, log=log, scratch=scratch)
            stack.callback(session.stop)
            sessions.append(session)
        dtypes: tuple[DType, ...] = settings.dtypes or ("float32",)
        found = finish(
            attainable(
                sessions,
                dtypes,
                device=settings.device,
                threads=settings.threads,
                scratch=scratch,
                packages=packages,
                again=again,
            ),
            observer,
        )
    observer.advance()
    return found


def limits_table(found: Sequence[Limits]) -> Table:
    """A row a limit: what it is, how much, and what reached it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("device", no_wrap=True)
    table.add_column("threads", justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    table.add_column("at most", justify="right", no_wrap=True)
    table.add_column("reached by")
    for limits in found:
        where = (limits.device, str(limits.threads))
        for peak in limits.peaks:
            rate = "unknown" if peak.gflops_per_s is None else f"{format_number(peak.gflops_per_s)} GFLOP/s"
            table.add_row(*where, f"{peak.dtype} arithmetic", rate, _reached(peak))
        bandwidth = limits.bandwidth
        if bandwidth is None:
            table.add_row(*where, "memory bandwidth", "unknown", "could not be measured")
        else:
            by = f"{bandwidth.way} of arrays of {format_bytes(bandwidth.array_bytes)}"
            disturbed = f"; {DISTURBED}" if bandwidth.contended else ""
            table.add_row(*where, "memory bandwidth", f"{format_number(bandwidth.gbytes_per_s)} GB/s", by + disturbed)
    return table


def _reached(peak: Peak) -> str:
    if peak.gflops_per_s is None:
        return f"no backend was right and quick enough, of {', '.join(peak.considered)}"
    return f"{peak.backend}: {peak.case}" + (f"; {DISTURBED}" if peak.contended else "")
