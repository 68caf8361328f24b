"""The command that shows a fault again, and where it is kept: with the event that says what is wrong.

What the checks find, `check` shows. What shows only after an item was checked, while it is warmed up or timed, needs
the `compare` that times it.
"""

from __future__ import annotations

import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass

import msgspec

from convbench.plan.items import ItemKey, Plan
from convbench.plan.settings import QUICK, TIMEOUT_S, RunSettings
from convbench.plan.status import FAULTY, Status
from convbench.results.events.schema import CellFailed, CellJudged, Recorded
from convbench.run.header import plugin_options
from convbench.text.cases import case_text
from convbench.verify import Fill
from convbench.workers.plugins import Registered
from convbench_specs import Case, kind_of


@dataclass(frozen=True, slots=True)
class Asked:
    """Who takes part, as the options of a command: names of backends, entrants as texts, and the plug-ins to name."""

    names: tuple[str, ...] = ()
    entrants: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """The arguments, but for the plug-ins."""
        parts = ["--backends", ",".join(self.names)] if self.names else []
        return parts + [part for entrant in self.entrants for part in ("--entrant", entrant)]


def asked_for(entries: Sequence[Registered]) -> Asked:
    """The options that let these take part again."""
    return Asked(
        names=tuple(each.backend.name for each in entries if not each.entered_as),
        entrants=tuple(each.entered_as for each in entries if each.entered_as),
        plugins=tuple(plugin_options(entries)),
    )


def check_command(
    what: Case | str,
    batch_size: int,
    asked: Asked,
    settings: RunSettings,
    *,
    data: Fill | None = None,
) -> str:
    """The shell command that checks a case, or a workload by name or path, again on the same numbers.

    It names the threads in any case, for how work is split may be what is wrong, and the kind of data where that is a
    further one.
    """
    return shlex.join(["convbench", "check", *_arguments(what, batch_size, asked, settings, data=data)])


def compare_command(
    what: Case | str,
    batch_size: int,
    asked: Asked,
    settings: RunSettings,
) -> str:
    """The shell command that also times it, as these settings do, and measures no memory."""
    parts = ["convbench", "compare", *_arguments(what, batch_size, asked, settings)]
    parts += ["--blocks", str(settings.blocks), "--rounds", str(settings.rounds), "--no-memory"]
    for option, value in (("--allocator", settings.allocator), ("--cache", settings.cache)):
        if value not in ("default", "hot"):
            parts += [option, value]
    return shlex.join(parts)


def _arguments(
    what: Case | str,
    batch_size: int,
    asked: Asked,
    settings: RunSettings,
    *,
    data: Fill | None = None,
) -> list[str]:
    """Arguments that both commands have; limits are named where they are not those of a run that asks for none."""
    parts = [what] if isinstance(what, str) else ["--case", case_text(what)]
    parts += [*asked.options, "--batch-sizes", str(batch_size)]
    parts += ["--seed", str(settings.seed), "--threads", str(settings.threads)]
    for option, value, usual in (
        ("--budget", settings.budget_s, QUICK.budget_s),
        ("--timeout", settings.timeout_s, TIMEOUT_S),
    ):
        if value != usual:
            parts += [option, f"{value:g}"]
    if settings.device != "cpu":
        parts += ["--device", settings.device]
    if kind_of(data):
        parts += ["--data", str(data)]
    return parts + [part for plugin in asked.plugins for part in ("--plugin", plugin)]


class Annotator:
    """Adds to an event about a fault the command that shows it again, and to a killed call how long it had.

    `checked` are the items whose checks are finished, as far as the run has come.
    """

    def __init__(
        self, plan: Plan, settings: RunSettings, backends: Sequence[Registered], checked: Container[ItemKey]
    ) -> None:
        self._settings = settings
        self._checked = checked
        self._cases = {item.item_key: item.case for item in plan.items}
        self._entries = {entry.backend.name: entry for entry in backends}

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
        entry = self._entries.get(backend)
        who = Asked(names=(backend,)) if entry is None else asked_for([entry])
        asked = (self._cases[item], item.batch_size, who, self._settings)
        if item in self._checked:
            return compare_command(*asked)
        return check_command(*asked, data=data)
