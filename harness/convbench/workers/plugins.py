"""Finds plug-ins, and what the backends and workloads in them are.

Plug-ins come from, in this order: entry points of the group "convbench", modules named by --plugin, and the file
convbench_plugin.py of the current directory. One that fails to load, offers something that is no backend, was made for
a later contract, or takes a name that is taken, is left out, and the user learns why; the rest goes on. A worker loads
the same plug-in again from its PluginRef.

Those that convbench itself brings are loaded here: they are known to be quick and quiet. All others are asked in
processes of their own, and the host holds plain values of them: see inquiry.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from convbench.errors import UsageError, unknown_name
from convbench.plan.settings import Allocator
from convbench.plan.status import Status
from convbench.text.foreign import clean
from convbench.verify.pairs import ORACLE
from convbench.workers.contract import fault_line
from convbench.workers.discovery.declaration import Declaration, DeclaredExtractor
from convbench.workers.discovery.informant import Informant
from convbench.workers.discovery.inquiry import Inquiry, of_each
from convbench.workers.discovery.interpreter import Interpreter
from convbench.workers.discovery.loading import PluginRef
from convbench.workers.discovery.questions import AskAvailability, AskEnvironment, Described, IsAvailable
from convbench.workers.environment import union
from convbench.workers.failure import Failure
from convbench_specs import Available, Device, FrameworkVariables, OptionValue, Settings, Unavailable, hooks

LONGEST_VERSION = 24
LOCAL_PLUGIN = "convbench_plugin.py"


@dataclass(frozen=True, slots=True)
class Registered:
    """What a backend declares, and the plug-in that it is from.

    `alias_of` is its name there, where it is entered under another. `framework_variables` are those of all backends
    that were found with it: its worker gets them all. `own` answers for a plug-in of convbench itself, which is loaded
    in the host. `environments` keeps what the backend answered already.

    `options` has a value for each option that it declares; `given` are those that its user named, `entered_as` is
    the whole entrant as --entrant takes it, and `threads` and `allocator` are its own where they are among them.
    `interpreter` is what runs it, where that is not the one that runs convbench.
    """

    backend: Declaration
    plugin: PluginRef
    alias_of: str = ""
    framework_variables: FrameworkVariables = field(default_factory=FrameworkVariables)
    own: Informant | None = field(default=None, compare=False, repr=False)
    environments: dict[Settings, dict[str, str]] = field(default_factory=dict, compare=False, repr=False)
    options: Mapping[str, OptionValue] = field(default_factory=dict, compare=False)
    given: Mapping[str, str | int] = field(default_factory=dict, compare=False)
    entered_as: str = ""
    threads: int = 0
    allocator: Allocator | None = None
    interpreter: Interpreter | None = field(default=None, compare=False, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether it takes part as it is found, without options or another interpreter."""
        return not (self.entered_as or self.alias_of)

    @property
    def is_bundled(self) -> bool:
        """Whether it comes with convbench itself."""
        return self.own is not None

    @property
    def known_as(self) -> str:
        """Its name in its plug-in."""
        return self.alias_of or self.backend.name


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A plug-in that was left out, and why, in one line."""

    plugin: PluginRef
    reason: str


@dataclass(slots=True)
class Registry:
    """Every backend by name, in the order in which they are shown, the plug-ins' workloads, and who failed."""

    backends: dict[str, Registered] = field(default_factory=dict)
    failed: list[FailedPlugin] = field(default_factory=list)
    workloads: dict[str, Path] = field(default_factory=dict)
    """TOML files that plug-ins ship, by the name of the workload."""
    extractors: dict[str, tuple[DeclaredExtractor, PluginRef]] = field(default_factory=dict)
    """What reads models, by name, and the plug-in that it is from."""
    named: tuple[str, ...] = ()
    """Plug-ins that the user named."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions matter to the backends."""
        declared = (package for entry in self.backends.values() for package in entry.backend.packages)
        return tuple(dict.fromkeys(declared))

    @property
    def framework_variables(self) -> FrameworkVariables:
        """Environment variables that matter to any of the backends' frameworks."""
        return union(entry.backend.variables for entry in self.backends.values())

    def demand(self, plugins: Iterable[str]) -> Registry:
        """Itself; UsageError where one of these, which the user named, could not be used."""
        refs = {plugin_ref(name) for name in plugins}
        for failed in self.failed:
            if failed.plugin in refs:
                raise UsageError(f"plug-in {failed.plugin.label} cannot be used: {failed.reason}")
        return self

    def select(self, names: Sequence[str] | None) -> list[Registered]:
        """The named backends, or all; UsageError names what does not exist."""
        if names is None:
            return list(self.backends.values())
        for name in names:
            if name not in self.backends:
                raise unknown_name("backend", name, self.backends)
        return [self.backends[name] for name in dict.fromkeys(names)]


def find_backends(
    plugins: Iterable[str] = (), *, directory: Path | None = None, interpreter: Interpreter | None = None
) -> Registry:
    """Find every plug-in: installed ones, the modules in `plugins`, and convbench_plugin.py of `directory`.

    With another `interpreter` those that are installed there, and all of them as it sees them.
    """
    entries, plugins = _entry_points(), tuple(plugins)
    bundled = {PluginRef(entry.module) for entry in entries if _is_bundled(entry)} if interpreter is None else set()
    modules = [entry.module for entry in (entries if interpreter is None else interpreter.plugins)]
    refs = [*map(PluginRef, modules), *map(plugin_ref, plugins)]
    local = (directory or Path.cwd()) / LOCAL_PLUGIN
    if local.is_file():
        refs.append(PluginRef(local.stem, str(local.resolve())))
    if interpreter is not None:
        refs = [replace(ref, python=interpreter.path) for ref in refs]
    return replace(registry_of(list(dict.fromkeys(refs)), bundled, interpreter), named=tuple(plugins))


def registry_of(
    refs: Sequence[PluginRef], bundled: Collection[PluginRef] = (), interpreter: Interpreter | None = None
) -> Registry:
    """What these plug-ins offer; the bundled ones are loaded in the host, the others asked in their own processes."""
    strangers = [ref for ref in refs if ref not in bundled]
    told = dict(zip(strangers, of_each(strangers, Inquiry.describe), strict=True))
    found = Registry()
    for ref in refs:
        if ref in bundled:
            informant = Informant()
            _add(found, ref, _described(informant, ref), informant)
        else:
            _add(found, ref, told[ref], None, interpreter)
    entries_found = sorted(found.backends.values(), key=_display_order)
    variables = found.framework_variables
    backends = {entry.backend.name: replace(entry, framework_variables=variables) for entry in entries_found}
    return replace(found, backends=backends)


def availability(entry: Registered, device: Device) -> Available | Unavailable:
    """Whether a backend can run on the device here; whatever goes wrong is a reason why not."""
    return availabilities([entry], device)[entry.backend.name]


def availabilities(entries: Sequence[Registered], device: Device) -> dict[str, Available | Unavailable]:
    """The same for several by name, each plug-in in one process."""
    found: dict[str, Available | Unavailable] = {}
    asked: dict[PluginRef, list[Registered]] = {}
    for entry in entries:
        backend = entry.backend
        if device not in backend.devices:
            found[backend.name] = Unavailable(f"it does not run on {device}, only on {', '.join(backend.devices)}")
        elif not {"availability", "availability_with"} & set(backend.has):
            found[backend.name] = Available(version="")
        elif entry.own is not None:
            found[backend.name] = _own_availability(entry, entry.own, device)
        else:
            asked.setdefault(entry.plugin, []).append(entry)

    def ask(inquiry: Inquiry) -> list[IsAvailable | Failure]:
        return [inquiry.ask(_can_run(each, device)) for each in asked[inquiry.ref]]

    for group, answers in zip(asked.values(), of_each(list(asked), ask), strict=True):
        found |= {entry.backend.name: _availability(answer) for entry, answer in zip(group, answers, strict=True)}
    return {entry.backend.name: found[entry.backend.name] for entry in entries}


def environment(entry: Registered, settings: Settings) -> dict[str, str] | Failure:
    """The variables that a backend asks for before its worker starts; it is asked once for the same settings."""
    if "environment" not in entry.backend.has:
        return {}
    if settings not in entry.environments:
        question = AskEnvironment(
            backend=entry.known_as,
            threads=settings.threads,
            device=settings.device,
            scratch_folder=settings.scratch_folder,
            options=dict(settings.options),
        )
        if entry.own is not None:
            entry.environments[settings] = entry.own.environment(question).values
        else:
            (answer,) = of_each([entry.plugin], lambda inquiry: inquiry.ask(question))
            if isinstance(answer, Failure):
                return replace(answer, alive=False)
            entry.environments[settings] = answer.values
    return entry.environments[settings]


def only_available(entries: Sequence[Registered], device: Device) -> tuple[list[Registered], dict[str, str]]:
    """Those that can run on the device, and why each of the others cannot; UsageError where none can."""
    return able(entries, availabilities(entries, device), device)


def able(
    entries: Sequence[Registered], found: Mapping[str, Available | Unavailable], device: Device
) -> tuple[list[Registered], dict[str, str]]:
    """The same where it is known already which of them can."""
    usable = [entry for entry in entries if isinstance(found[entry.backend.name], Available)]
    reasons = {name: each.reason for name, each in found.items() if isinstance(each, Unavailable)}
    if not usable:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no plug-in was found"
        raise UsageError(f"no backend is available on device {device}: {why}")
    return usable, reasons


def _can_run(entry: Registered, device: Device) -> AskAvailability:
    return AskAvailability(
        backend=entry.known_as, device=device, threads=entry.threads or 1, options=dict(entry.options)
    )


def _own_availability(entry: Registered, informant: Informant, device: Device) -> Available | Unavailable:
    try:
        return _availability(informant.availability(_can_run(entry, device)))
    except Exception as error:  # noqa: BLE001  # it must not end everybody's run
        return Unavailable(f"availability() failed: {fault_line(error, None)}")


def _availability(answer: IsAvailable | Failure) -> Available | Unavailable:
    if isinstance(answer, Failure):
        return Unavailable(f"availability() failed: {answer.reason}")
    return Available(clean(answer.text, LONGEST_VERSION)) if answer.can_run else Unavailable(answer.text)


def _described(informant: Informant, ref: PluginRef) -> Described | Failure:
    """What one of convbench's own plug-ins offers."""
    try:
        return informant.describe(ref)
    except Exception as error:  # noqa: BLE001  # as above
        return Failure(Status.ERROR, fault_line(error, None))


def _entry_points() -> list[EntryPoint]:
    """Those of convbench itself first, whose names nobody else may take; then those of others by name."""
    found = {(entry.name, entry.module): entry for entry in entry_points(group=hooks.PROJECT)}
    return sorted(found.values(), key=lambda entry: (not _is_bundled(entry), entry.name))


def _is_bundled(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == hooks.PROJECT


def _goes_before(ref: PluginRef, other: Registered) -> bool:
    """Whether a plug-in that was named goes before an installed one; convbench's own backends keep their names."""
    return bool(ref.option) and not other.plugin.option and not other.is_bundled


def _display_order(entry: Registered) -> float:
    order = entry.backend.display_order
    return float("inf") if order is None else float(order)


def plugin_ref(name: str) -> PluginRef:
    """Where --plugin NAME loads from: a .py file, or a module, looked for in the current directory first."""
    path = Path(name)
    if path.suffix == ".py":
        return PluginRef(path.stem, path=str(path.resolve()))
    return PluginRef(name, folder=str(Path.cwd()))


def _add(
    registry: Registry,
    ref: PluginRef,
    described: Described | Failure,
    own: Informant | None,
    interpreter: Interpreter | None = None,
) -> None:
    if isinstance(described, Failure):
        registry.failed.append(FailedPlugin(ref, described.reason))
        return
    if not (described.backends or described.workloads or described.extractors or described.refused):
        registry.failed.append(FailedPlugin(ref, "it has no hook convbench_backends, or the hook returned nothing"))
    registry.failed.extend(FailedPlugin(ref, reason) for reason in described.refused)
    for backend in described.backends:
        if backend.name == ORACLE:
            reason = f"the name {ORACLE!r} stands for the right values in the tables of a run"
            registry.failed.append(FailedPlugin(ref, reason))
            continue
        taken_by = registry.backends.get(backend.name)
        if taken_by is not None and _goes_before(ref, taken_by):
            reason = f"its backend {backend.name!r} is replaced by that of {ref.label}"
            registry.failed.append(FailedPlugin(taken_by.plugin, reason))
            del registry.backends[backend.name]
        if backend.name in registry.backends:
            taken = f"the name {backend.name!r} is taken by {registry.backends[backend.name].plugin.label}"
            registry.failed.append(FailedPlugin(ref, taken))
        else:
            defaults = {each.name: each.default for each in backend.options}
            registry.backends[backend.name] = Registered(
                backend, ref, own=own, options=defaults, interpreter=interpreter
            )
    for name in described.workloads:
        registry.workloads.setdefault(Path(name).stem, Path(name))
    for extractor in described.extractors:
        registry.extractors.setdefault(extractor.name, (extractor, ref))
