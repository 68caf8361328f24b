"""The host: finds the plug-ins and the backends in them.

Plug-ins come from, in this order: entry points of the group "convbench", modules named by --plugin, and the file
convbench_plugin.py of the current directory. One that fails to load, offers something that is no backend, or takes a
name that is taken, is left out and told; the rest goes on. A worker loads the same plug-in again from its PluginRef.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from convbench.errors import UsageError, unknown_name
from convbench_specs import Available, Backend, Device, Unavailable, hooks

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
    """A backend and the plug-in that it is from. `alias_of` is its name there, where it is entered under another."""

    backend: Backend
    plugin: PluginRef
    alias_of: str = ""


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A plug-in that was left out, and why, in one line."""

    plugin: PluginRef
    reason: str


@dataclass(slots=True)
class Registry:
    """Every backend by name, in the order found, and the plug-ins that failed."""

    backends: dict[str, Registered] = field(default_factory=dict)
    failed: list[FailedPlugin] = field(default_factory=list)

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
    refs = [PluginRef(entry.module) for entry in _entry_points()]
    refs += [_plugin_ref(name) for name in plugins]
    local = (directory or Path.cwd()) / LOCAL_PLUGIN
    if local.is_file():
        refs.append(PluginRef(local.stem, str(local.resolve())))
    registry = Registry()
    for ref in dict.fromkeys(refs):
        _add(registry, ref)
    return registry


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
    """Ask one plug-in, through pluggy, for its backends; TypeError where it offers anything else."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(module, name=ref.label)
    manager.check_pending()
    backends = []
    for offered in manager.hook.convbench_backends():
        for cls in offered:
            if not (isinstance(cls, type) and issubclass(cls, Backend) and hasattr(cls, "name")):
                raise TypeError(f"convbench_backends() must return Backend classes with a name, not {cls!r}")
            backends.append(cls())
    return backends


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    """The bundled backends first, in the order of the documentation, then those of others by name."""
    bundled = ["naive", "numpy-im2col", "numba-cpu", "numba-cuda", "pytorch", "tensorflow", "jax"]
    found = {(entry.name, entry.module): entry for entry in entry_points(group=hooks.PROJECT)}

    def rank(entry: importlib.metadata.EntryPoint) -> tuple[int, str]:
        ours = entry.module.startswith("convbench_backends.") and entry.name in bundled
        return (bundled.index(entry.name) if ours else len(bundled), entry.name)

    return sorted(found.values(), key=rank)


def _plugin_ref(name: str) -> PluginRef:
    path = Path(name)
    if path.suffix == ".py":
        return PluginRef(path.stem, path=str(path.resolve()))
    return PluginRef(name, folder=str(Path.cwd()))


def _add(registry: Registry, ref: PluginRef) -> None:
    try:
        backends = backends_of(ref.load(), ref)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code: anything may come, none may stop the run
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        registry.failed.append(FailedPlugin(ref, reason))
        return
    if not backends:
        registry.failed.append(FailedPlugin(ref, "it has no hook convbench_backends, or the hook returned nothing"))
    for backend in backends:
        if backend.name in registry.backends:
            owner = registry.backends[backend.name].plugin.label
            registry.failed.append(FailedPlugin(ref, f"the name {backend.name!r} is taken by {owner}"))
        else:
            registry.backends[backend.name] = Registered(backend, ref)
