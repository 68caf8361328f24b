"""The entrants of a run: which backends take part, under which names, with which options, in which interpreters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import msgspec

from convbench.errors import UsageError, unknown_name
from convbench.plan.entrants import AGAINST, Entrant
from convbench.plan.settings import Allocator
from convbench.workers.discovery.declaration import OPTIONS_OF_HOST, Declaration
from convbench.workers.discovery.interpreter import Interpreter, ask_interpreter
from convbench.workers.environment import allocator_environment, union
from convbench.workers.plugins import (
    Registered,
    Registry,
    availabilities,
    find_backends,
    plugin_ref,
    registry_of,
)
from convbench_specs import Available, Device, OptionValue


@dataclass(slots=True)
class Entry:
    """Where entrants are looked for. An interpreter is asked once, and so is each plug-in of it."""

    registry: Registry
    _elsewhere: dict[str, Registry] = field(default_factory=dict)

    def entered(
        self, names: Sequence[str] | None, entrants: Sequence[Entrant], against: str, device: Device
    ) -> list[Registered]:
        """Who takes part: the backends of these names, then the entrants; each also `against` an interpreter.

        Without names all backends take part, or the entrants alone where there are any. UsageError says what cannot be,
        and of an entrant that cannot run also why.
        """
        plain = [] if names is None and entrants else self.registry.select(names)
        chosen = [self._entrant(each) for each in entrants]
        selected = [*plain, *chosen]
        if against:
            selected = self._doubled(selected, against, device, is_chosen=names is not None or bool(entrants))
        _refuse_twice(selected)
        _refuse_unavailable([each for each in selected if not each.is_plain], device)
        variables = union(entry.backend.variables for entry in (*self.registry.backends.values(), *selected))
        return [replace(entry, framework_variables=variables) for entry in selected]

    def _entrant(self, entrant: Entrant) -> Registered:
        """The entrant as it takes part."""
        if entrant.name != entrant.backend and entrant.name in self.registry.backends:
            raise UsageError(f"entrant {entrant}: {entrant.name!r} is the name of another backend: choose another name")
        known = self._registry_at(entrant.where)
        if entrant.backend not in known.backends:
            raise unknown_name("backend", entrant.backend, known.backends)
        return with_options(known.backends[entrant.backend], entrant)

    def _registry_at(self, where: str) -> Registry:
        if not where:
            return self.registry
        if where not in self._elsewhere:
            if where.endswith(".py"):
                found = registry_of([plugin_ref(where)])
                for failed in found.failed:
                    raise UsageError(f"plug-in {failed.plugin.label} cannot be used: {failed.reason}")
            else:
                found = find_backends(self.registry.named, interpreter=ask_interpreter(where))
            self._elsewhere[where] = found
        return self._elsewhere[where]

    def _doubled(
        self, selected: Sequence[Registered], against: str, device: Device, *, is_chosen: bool
    ) -> list[Registered]:
        """Each of them, and the same of the other interpreter behind it.

        Where nobody was named, those that cannot run on both sides take part alone: nobody asked for them.
        """
        able = availabilities(selected, device)
        there = self._registry_at(against)
        doubled, others = [], []
        for entry in selected:
            doubled.append(entry)
            if entry.plugin.python or (not is_chosen and not isinstance(able[entry.backend.name], Available)):
                continue
            if entry.known_as not in there.backends:
                if is_chosen:
                    raise UsageError(f"{against} has no backend {entry.known_as!r}: install its plug-in there")
                continue
            twin = Entrant(f"{entry.backend.name}-{AGAINST}", entry.known_as, dict(entry.given), against)
            entered = with_options(there.backends[entry.known_as], twin)
            others.append(entered)
            doubled.append(entered)
        if not is_chosen:
            found = availabilities(others, device)
            doubled = [each for each in doubled if isinstance(found.get(each.backend.name, Available("")), Available)]
        if not any(each.plugin.python for each in doubled):
            raise UsageError(f"no backend can run both here and in {against}: convbench backends lists those here")
        return doubled


def with_options(entry: Registered, entrant: Entrant) -> Registered:
    """A backend as an entrant; UsageError for an option that it does not have, or a value that cannot be."""
    options, host = dict(entry.options), {}
    declared = {each.name: each.option for each in entry.backend.options}
    for name, value in entrant.options.items():
        if name in declared:
            try:
                options[name] = declared[name].value_of(str(value))
            except ValueError as error:
                raise UsageError(f"entrant {entrant}: {name} = {error}") from error
        elif name in OPTIONS_OF_HOST:
            host[name] = str(value)
        else:
            raise UsageError(f"entrant {entrant}: {unknown_name('option', name, [*declared, *OPTIONS_OF_HOST])}")
    return replace(
        entry,
        backend=renamed(entry.backend, entrant.name),
        alias_of=entry.known_as,
        environments={},
        options=options,
        given=dict(entrant.options),
        entered_as=str(entrant),
        threads=_threads(entrant, host),
        allocator=_allocator(entrant, host),
    )


def renamed(backend: Declaration, name: str) -> Declaration:
    """A declaration under another name, which has no place or short name of its own among those that are listed."""
    if name == backend.name:
        return backend
    return msgspec.structs.replace(backend, name=name, short_name="", display_order=None)


def interpreters(entries: Sequence[Registered]) -> dict[str, Interpreter]:
    """The other interpreters that take part, by path."""
    return {each.interpreter.path: each.interpreter for each in entries if each.interpreter is not None}


def _threads(entrant: Entrant, host: Mapping[str, OptionValue]) -> int:
    text = str(host.get("threads", "0"))
    if not (text.isascii() and text.isdigit()) or ("threads" in host and int(text) < 1):
        raise UsageError(f"entrant {entrant}: threads = {text!r} is no whole number of at least 1")
    return int(text)


def _allocator(entrant: Entrant, host: Mapping[str, OptionValue]) -> Allocator | None:
    if "allocator" not in host:
        return None
    for known in get_args(Allocator):
        if host["allocator"] == known:
            allocator_environment(known)  # refused before anything runs
            found: Allocator = known
            return found
    raise UsageError(f"entrant {entrant}: {unknown_name('allocator', str(host['allocator']), get_args(Allocator))}")


def _refuse_twice(selected: Sequence[Registered]) -> None:
    names = [each.backend.name for each in selected]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two entrants are named {name!r}: give each a name of its own")


def _refuse_unavailable(entrants: Sequence[Registered], device: Device) -> None:
    for name, found in availabilities(entrants, device).items():
        if not isinstance(found, Available):
            (python,) = {each.plugin.python for each in entrants if each.backend.name == name}
            raise UsageError(f"entrant {name} cannot run{python and f' in {python}'}: {found.reason}")
