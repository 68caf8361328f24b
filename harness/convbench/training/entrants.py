"""Who takes part in a training, and which of them the others are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convbench.errors import UsageError, unknown_name
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
    selected = [*_missing_reference(settings, selected, registry), *selected]
    availability = availabilities(selected, settings.device)
    usable, _ = able(selected, availability, settings.device)
    return Entered(
        usable=tuple(usable),
        reference=_reference(settings, usable),
        found=tuple(_found(each, availability[each.backend.name]) for each in selected),
    )


def _missing_reference(
    settings: TrainingSettings, selected: Sequence[Registered], registry: Registry
) -> list[Registered]:
    """The reference, where it is not among those who take part anyway."""
    names = [each.backend.name for each in selected]
    if settings.reference:
        if settings.reference not in (*names, *registry.backends):
            raise unknown_name("reference", settings.reference, (*names, *registry.backends))
        return [] if settings.reference in names else [registry.backends[settings.reference]]
    declared = [each for each in registry.backends.values() if each.backend.is_reference]
    return [] if any(each.backend.name in names for each in declared) else _available(declared, settings)[:1]


def _reference(settings: TrainingSettings, usable: Sequence[Registered]) -> Registered:
    """The one that was named, one that declares itself, or else the first."""
    named = [each for each in usable if each.backend.name == settings.reference]
    if settings.reference and not named:
        raise UsageError(f"the reference {settings.reference} cannot run here: convbench backends says why")
    declared = [each for each in usable if each.backend.is_reference and each.is_plain]
    return (named or declared or list(usable))[0]


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
