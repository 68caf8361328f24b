"""The command that shows a cell again, and where it is kept: with the event that says what is wrong."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import msgspec

from convbench.machine.facts import usable_cores
from convbench.plan.items import ItemKey, Plan
from convbench.plan.settings import RunSettings
from convbench.plan.status import FAULTY, Status
from convbench.results.events.schema import CellFailed, CellJudged, Recorded
from convbench.text.cases import case_text
from convbench.verify import Fill
from convbench.workers.plugins import PluginRef, Registered
from convbench_specs import Case, kind_of


def check_command(
    what: Case | str,
    batch_size: int,
    backends: Iterable[str],
    settings: RunSettings,
    plugins: Iterable[PluginRef] = (),
    *,
    data: Fill | None = None,
) -> str:
    """The shell command that checks a case, or a workload by name or path, again on the same numbers.

    It names the kind of data where that is a further one.
    It names the threads where they are not all cores of this machine: how work is split may be what is wrong.
    """
    named = [what] if isinstance(what, str) else ["--case", case_text(what)]
    parts = ["convbench", "check", *named, "--backends", ",".join(backends)]
    parts += ["--batch-sizes", str(batch_size), "--seed", str(settings.seed)]
    if settings.threads != len(usable_cores()):
        parts += ["--threads", str(settings.threads)]
    if settings.device != "cpu":
        parts += ["--device", settings.device]
    if kind_of(data):
        parts += ["--data", str(data)]
    for ref in dict.fromkeys(plugins):
        if ref.option:
            parts += ["--plugin", ref.option]
    return shlex.join(parts)


class Annotator:
    """Adds to an event about a fault the command that shows it again, and to a killed call how long it had."""

    def __init__(self, plan: Plan, settings: RunSettings, backends: Sequence[Registered]) -> None:
        self._settings = settings
        self._cases = {item.item_key: item.case for item in plan.items}
        self._plugins = {entry.backend.name: entry.plugin for entry in backends}

    def __call__(self, event: Recorded) -> Recorded:
        """The event, with what belongs to it."""
        if isinstance(event, CellFailed):
            waited_s = self._settings.timeout_s if event.status is Status.TIMED_OUT else None
            reproduce = self._command(event.cell.item, event.backend, event.data) if event.status in FAULTY else ""
            return msgspec.structs.replace(event, waited_s=waited_s, reproduce=reproduce)
        if isinstance(event, CellJudged) and event.is_wrong:
            return msgspec.structs.replace(event, reproduce=self._command(event.cell.item, event.backend, event.data))
        return event

    def _command(self, item: ItemKey, backend: str, data: Fill | None) -> str:
        plugins = [self._plugins[backend]] if backend in self._plugins else []
        return check_command(self._cases[item], item.batch_size, [backend], self._settings, plugins, data=data)
