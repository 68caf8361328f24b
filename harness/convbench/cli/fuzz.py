"""The command fuzz: what it is asked, a line a finding, and a line at the end."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

import click

from convbench.api import DEFAULT_FOLDER, kinds_of
from convbench.cli.progress import terminal_observer
from convbench.doctor import core_facts, thread_warnings
from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.run.folders import new_folder
from convbench.testing.fuzz import Budget, Fuzzing
from convbench.text.units import format_duration
from convbench.workers.plugins import find_backends, only_available

DEFAULT_TIME_S = 60.0


def run_fuzz(time_s: float | None, count: int | None, output: Path | None, options: dict[str, Any]) -> bool:
    """Search and print, by `options` as click has parsed them; whether nothing was found.

    Raises UsageError for what cannot be asked.
    """
    if time_s is None:
        time_s = DEFAULT_TIME_S if count is None else inf
    budget = Budget(time_s=time_s, count=inf if count is None else count)
    plugins = options.pop("plugins")
    registry = find_backends(plugins).demand(plugins)
    options["data"] = kinds_of(options["data"])
    settings = RunSettings(timing=False, **{key: value for key, value in options.items() if value is not None})
    usable, left_out = only_available(registry.select(settings.backends), settings.device)
    for name, reason in [*left_out.items(), *((failed.plugin.label, failed.reason) for failed in registry.failed)]:
        click.echo(f"left out: {name}: {reason}", err=True)
    for text in thread_warnings(core_facts(settings.threads)):
        click.echo(f"warning: {text}", err=True)
    folder = output or new_folder(DEFAULT_FOLDER, "fuzz")
    must = [entry.backend.name for entry in usable if settings.backends is not None or not entry.is_bundled]
    search = Fuzzing(
        backends=usable, settings=settings, budget=budget, folder=folder, observer=terminal_observer(), must=must
    )
    try:
        found = _print_findings(search)
    finally:
        if output is None:
            with suppress(OSError):  # what was found is in it
                folder.rmdir()
    names = ", ".join(entry.backend.name for entry in usable if search.computed[entry.backend.name])
    counts = ", ".join(f"{entry.backend.name} {search.computed[entry.backend.name]:,}" for entry in usable)
    click.echo(f"computed: {counts} of {search.drawn:,} cases that were drawn")
    if not found and search.too_few:
        raise UsageError(_claims_nothing(search))
    result = f"{found} found" if found else "no disagreement"
    click.echo(f"{result}: {search.checked:,} cases on {names} in {format_duration(search.seconds)}")
    return not found


def _claims_nothing(search: Fuzzing) -> str:
    """Why the search says nothing of a backend about which it should."""
    name = search.too_few[0]
    return (
        f"{name} computed {search.computed[name]:,} of {search.drawn:,} random cases, too few to say that it is right; "
        f"the first that it did not: {search.declined.get(name, 'none')}"
    )


def _print_findings(search: Fuzzing) -> int:
    """How many there are; UsageError where no backend computed anything."""
    found = 0
    for finding in search.findings():
        found += 1
        click.echo(finding.describe())
    for name, reason in search.declined.items():
        if not search.computed[name]:
            click.echo(f"left out: {name}: none of the cases; the first: {reason}", err=True)
    if not search.computed:
        raise UsageError(f"nothing was checked: no backend computes any of {search.drawn:,} random cases")
    for name, count_on_nan in search.differing.items():
        click.echo(f"differs on NaN: {name}: in {count_on_nan:,} cases; the first: {search.first_difference[name]}")
    return found
