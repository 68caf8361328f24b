"""Who takes part in a training, and which of them the others are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convbench.errors import unknown_name
from convbench.plan.entrants import Entrant
from convbench.plan.status import Status
from convbench.results.training.events import EntrantFound
from convbench.training.settings import TrainingSettings
from convbench.workers.entrants import Entry
from convbench.workers.plugins import Registered, Registry, able, availabilities
from convbench_specs import Available, Unavailable


@dataclass(frozen=True, slots=True)
class Entered:
    """Those who can train, the reference among them, and what is known of all who were asked for."""

    usable: tuple[Registered, ...]
    reference: Registered
    found: tuple[EntrantFound, ...]

    @property
    def in_order(self) -> list[Registered]:
        """The reference, then the others."""
        return [self.reference, *(each for each in self.usable if each is not self.reference)]


def entered(settings: TrainingSettings, registry: Registry) -> Entered:
    """The entrants of a training; UsageError for one that does not exist, and where none can run.

    A backend that declares itself a reference takes part even where others are named, unless the call names one.
    """
    entrants = [Entrant.parse(text) for text in settings.entrants]
    selected = Entry(registry).entered(settings.backends, entrants, "", settings.device)
    names = [each.backend.name for each in selected]
    declared = [each for each in registry.backends.values() if each.backend.is_reference]
    if not settings.reference and not any(each.backend.name in names for each in declared):
        selected = [*_available(declared, settings)[:1], *selected]
    availability = availabilities(selected, settings.device)
    usable, _ = able(selected, availability, settings.device)
    return Entered(
        usable=tuple(usable),
        reference=_reference(settings, usable),
        found=tuple(_found(each, availability[each.backend.name]) for each in selected),
    )


def _reference(settings: TrainingSettings, usable: Sequence[Registered]) -> Registered:
    if settings.reference:
        named = {each.backend.name: each for each in usable}
        if settings.reference not in named:
            raise unknown_name("reference", settings.reference, named)
        return named[settings.reference]
    declared = [each for each in usable if each.backend.is_reference and each.is_plain]
    return (declared or list(usable))[0]


def _available(entries: Sequence[Registered], settings: TrainingSettings) -> list[Registered]:
    found = availabilities(entries, settings.device)
    return [each for each in entries if isinstance(found[each.backend.name], Available)]


def _found(entry: Registered, found: Available | Unavailable) -> EntrantFound:
    backend, is_there = entry.backend, isinstance(found, Available)
    return EntrantFound(
        entrant=backend.name,
        status=Status.OK if is_there else Status.UNAVAILABLE,
        reason=found.reason if isinstance(found, Unavailable) else "",
        version=found.version if isinstance(found, Available) else "",
        short_name=backend.short_name,
        display_order=backend.display_order,
        backend=entry.alias_of,
        options=dict(entry.given),
    )
