"""Finds plug-ins, and the backends and workloads in them. The only module that knows pluggy.

Plug-ins come from, in this order: entry points of the group "convbench", modules named by --plugin, and the file
convbench_plugin.py of the current directory. One that fails to load, offers something that is no backend, was made for
a later contract, or takes a name that is taken, is left out, and the user learns why; the rest goes on. A worker loads
the same plug-in again from its PluginRef.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from convbench.errors import UsageError, unknown_name
from convbench.workers.environment import union
from convbench_specs import CONTRACT, Available, Backend, Device, FrameworkVariables, Unavailable, hooks

LOCAL_PLUGIN = "convbench_plugin.py"


@dataclass(frozen=True, slots=True)
class PluginRef:
    """Where a plug-in is loaded from: an importable module, looked for in `folder` first if given, or a file."""

    module: str
    path: str = ""
    folder: str = ""

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.path or self.module

    @property
    def option(self) -> str:
        """What --plugin loads it from; empty for an installed one, which needs no option."""
        return self.path or (self.module if self.folder else "")

    def load(self) -> ModuleType:
        """Import the module; whatever its import raises passes through."""
        if self.folder and self.folder not in sys.path:
            sys.path.insert(0, self.folder)
        if not self.path:
            return importlib.import_module(self.module)
        spec = importlib.util.spec_from_file_location(self.module, self.path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.path} is no Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module


@dataclass(frozen=True, slots=True)
class Registered:
    """A backend and the plug-in that it is from. `alias_of` is its name there, where it is entered under another.

    `framework_variables` are those of all backends that were found with it: its worker gets them all. `is_bundled` says
    that it comes with convbench itself.
    """

    backend: Backend
    plugin: PluginRef
    alias_of: str = ""
    framework_variables: FrameworkVariables = field(default_factory=FrameworkVariables)
    is_bundled: bool = False


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

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions matter to the backends."""
        declared = (package for entry in self.backends.values() for package in entry.backend.packages)
        return tuple(dict.fromkeys(declared))

    @property
    def framework_variables(self) -> FrameworkVariables:
        """Environment variables that matter to any of the backends' frameworks."""
        return union(entry.backend.framework_variables for entry in self.backends.values())

    def demand(self, plugins: Iterable[str]) -> Registry:
        """Itself; UsageError where one of these, which the user named, could not be used."""
        refs = {_plugin_ref(name) for name in plugins}
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


def find_backends(plugins: Iterable[str] = (), *, directory: Path | None = None) -> Registry:
    """Load every plug-in: installed ones, the modules in `plugins`, and convbench_plugin.py of `directory`."""
    installed = _entry_points()
    bundled = {PluginRef(entry.module) for entry in installed if _is_bundled(entry)}
    refs = [PluginRef(entry.module) for entry in installed]
    refs += [_plugin_ref(name) for name in plugins]
    local = (directory or Path.cwd()) / LOCAL_PLUGIN
    if local.is_file():
        refs.append(PluginRef(local.stem, str(local.resolve())))
    manager, found = _manager(), Registry()
    for ref in dict.fromkeys(refs):
        _add(found, manager, ref, is_bundled=ref in bundled)
    entries = sorted(found.backends.values(), key=_display_order)
    variables = found.framework_variables
    backends = {entry.backend.name: replace(entry, framework_variables=variables) for entry in entries}
    return replace(found, backends=backends)


def availability(entry: Registered, device: Device) -> Available | Unavailable:
    """Whether a backend can run on the device here; whatever it raises is a reason why not."""
    if device not in entry.backend.devices:
        return Unavailable(f"it does not run on {device}, only on {', '.join(entry.backend.devices)}")
    try:
        found: object = entry.backend.availability(device)
    except Exception as error:  # noqa: BLE001  # a plug-in's fault must not end everybody's run
        return Unavailable(f"availability() failed: {type(error).__name__}: {error}")
    if isinstance(found, (Available, Unavailable)):
        return found
    return Unavailable(f"availability() must return Available or Unavailable, not {found!r}")


def only_available(entries: Sequence[Registered], device: Device) -> tuple[list[Registered], dict[str, str]]:
    """Those that can run on the device, and why each of the others cannot; UsageError where none can."""
    found = {entry.backend.name: availability(entry, device) for entry in entries}
    usable = [entry for entry in entries if isinstance(found[entry.backend.name], Available)]
    reasons = {name: each.reason for name, each in found.items() if isinstance(each, Unavailable)}
    if not usable:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no plug-in was found"
        raise UsageError(f"no backend is available on device {device}: {why}")
    return usable, reasons


def load_backend(ref: PluginRef, name: str) -> Backend:
    """The backend `name` of one plug-in, for a worker; LookupError where the plug-in no longer has it."""
    for backend in backends_of(ref.load(), ref):
        if backend.name == name:
            return backend
    raise LookupError(f"plug-in {ref.label} has no backend {name!r}")


def backends_of(module: ModuleType, ref: PluginRef) -> list[Backend]:
    """The backends of one plug-in; TypeError where it offers anything else."""
    manager = _manager()
    _register(manager, module, ref)
    return _backends(manager, module)


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    return manager


def _register(manager: pluggy.PluginManager, module: ModuleType, ref: PluginRef) -> None:
    """Register a plug-in; one that implements a hook wrongly is left out again, and the error passes through."""
    if manager.is_registered(module):
        return
    try:
        manager.register(module, name=f"{ref.label} {len(manager.get_plugins())}")
        manager.check_pending()
    except BaseException:
        with suppress(AssertionError, ValueError):  # it did not get so far
            manager.unregister(module)
        raise


def _backends(manager: pluggy.PluginManager, module: ModuleType) -> list[Backend]:
    backends = []
    for offered in _offered(manager.hook.convbench_backends, module):
        for cls in offered:
            if not (isinstance(cls, type) and issubclass(cls, Backend) and hasattr(cls, "name")):
                raise TypeError(f"convbench_backends() must return Backend classes with a name, not {cls!r}")
            backends.append(cls())
    return backends


def _workloads(manager: pluggy.PluginManager, module: ModuleType) -> dict[str, Path]:
    files = [Path(file) for offered in _offered(manager.hook.convbench_workloads, module) for file in offered]
    for file in files:
        if file.suffix != ".toml" or not file.is_file():
            raise TypeError(f"convbench_workloads() must return existing TOML files, not {str(file)!r}")
    return {file.stem: file for file in files}


def _offered(hook: pluggy.HookCaller, module: ModuleType) -> list[Any]:
    """What one plug-in returns: each is called by itself, so that one that fails does not end the others."""
    return [each.function() for each in hook.get_hookimpls() if each.plugin is module]


def _entry_points() -> list[EntryPoint]:
    """Those of convbench itself first, whose names nobody else may take; then those of others by name."""
    found = {(entry.name, entry.module): entry for entry in entry_points(group=hooks.PROJECT)}

    def rank(entry: EntryPoint) -> tuple[bool, str]:
        return (not _is_bundled(entry), entry.name)

    return sorted(found.values(), key=rank)


def _is_bundled(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == hooks.PROJECT


def _display_order(entry: Registered) -> float:
    order = entry.backend.display_order
    return float("inf") if order is None else float(order)


def _plugin_ref(name: str) -> PluginRef:
    path = Path(name)
    if path.suffix == ".py":
        return PluginRef(path.stem, path=str(path.resolve()))
    return PluginRef(name, folder=str(Path.cwd()))


def _add(registry: Registry, manager: pluggy.PluginManager, ref: PluginRef, *, is_bundled: bool) -> None:
    try:
        module = ref.load()
        _register(manager, module, ref)
        backends, workloads = _backends(manager, module), _workloads(manager, module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code: anything may come, none may stop the run
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        registry.failed.append(FailedPlugin(ref, reason))
        return
    if not backends and not workloads:
        registry.failed.append(FailedPlugin(ref, "it has no hook convbench_backends, or the hook returned nothing"))
    for backend in backends:
        reason = _refusal(registry, backend)
        if reason:
            registry.failed.append(FailedPlugin(ref, reason))
        else:
            registry.backends[backend.name] = Registered(backend, ref, is_bundled=is_bundled)
    registry.workloads |= {name: file for name, file in workloads.items() if name not in registry.workloads}


def _refusal(registry: Registry, backend: Backend) -> str:
    """Why a backend is left out; empty where it is not."""
    major, minor = backend.contract
    if major > CONTRACT[0]:
        ours = ".".join(map(str, CONTRACT))
        return f"{backend.name!r} was made for contract {major}.{minor}, this convbench has {ours}: upgrade convbench"
    if backend.name in registry.backends:
        return f"the name {backend.name!r} is taken by {registry.backends[backend.name].plugin.label}"
    return ""
