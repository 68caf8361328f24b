"""Loads a plug-in and calls its hooks. The only module that knows pluggy.

What is loaded runs its own code, so this is done in a process of the plug-in's own: see inquiry.py. Only convbench's
own plug-ins are loaded in the host.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from convbench_specs import Backend, Extractor, hooks


@dataclass(frozen=True, slots=True)
class PluginRef:
    """Where a plug-in is loaded from: an importable module, looked for in `folder` first if given, or a file.

    `python` is the interpreter that loads it, empty for the one that runs convbench.
    """

    module: str
    path: str = ""
    folder: str = ""
    python: str = ""

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.path or self.module}{self.python and ' of ' + self.python}"

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
class Offered:
    """What the hooks of a plug-in returned: classes of backends and extractors, and TOML files of workloads."""

    backends: tuple[type[Backend], ...]
    workloads: tuple[Path, ...]
    extractors: tuple[type[Extractor], ...] = ()


def offered_by(ref: PluginRef) -> Offered:
    """Load a plug-in and call its hooks; TypeError where they return anything else than they should.

    Whatever the plug-in raises passes through.
    """
    module, manager = ref.load(), pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(module)
    manager.check_pending()
    classes = _all_of(manager.hook.convbench_backends)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Backend) and hasattr(cls, "name")):
            raise TypeError(f"convbench_backends() must return Backend classes with a name, not {cls!r}")
    files = [Path(file) for file in _all_of(manager.hook.convbench_workloads)]
    for file in files:
        if file.suffix != ".toml" or not file.is_file():
            raise TypeError(f"convbench_workloads() must return existing TOML files, not {str(file)!r}")
    extractors = _all_of(manager.hook.convbench_extractors)
    for cls in extractors:
        if not (isinstance(cls, type) and issubclass(cls, Extractor) and hasattr(cls, "name")):
            raise TypeError(f"convbench_extractors() must return Extractor classes with a name, not {cls!r}")
    return Offered(tuple(classes), tuple(files), tuple(extractors))


def load_backend(ref: PluginRef, name: str) -> Backend:
    """The backend `name` of one plug-in, for a worker; LookupError where the plug-in no longer has it."""
    for cls in offered_by(ref).backends:
        with suppress(Exception):  # only the one that is asked for need be without fault
            if cls.name == name:
                found = cls
                break
    else:
        raise LookupError(f"plug-in {ref.label} has no backend {name!r}")
    return found()


def _all_of(hook: Any) -> list[Any]:  # pluggy says nothing of what a hook returns
    """What a hook of the one plug-in returns."""
    return [each for offered in hook.get_hookimpls() for each in offered.function()]
