"""The pluggy project: markers, and the hooks that a plug-in may implement, one or more of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pluggy

from convbench_specs.backend import Backend
from convbench_specs.extraction import Extractor

PROJECT = "convbench"
"""Name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def convbench_backends() -> Iterable[type[Backend]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the backend classes of this plug-in.

    The module is named by an entry point of its distribution:

    [project.entry-points.convbench]
    mine = "my_package.my_module"

        from convbench_specs import hookimpl

        @hookimpl
        def convbench_backends():
            return [MyBackend]
    """


@hookspec
def convbench_workloads() -> Iterable[Path]:  # type: ignore[empty-body]  # as above
    """Return the TOML files of the workloads that this plug-in ships; each is known by its name without the ending.

        from pathlib import Path
        from convbench_specs import hookimpl

        @hookimpl
        def convbench_workloads():
            return sorted((Path(__file__).parent / "workloads").glob("*.toml"))

    `convbench workloads` then lists them, and `convbench compare NAME` takes them by name.
    """


@hookspec
def convbench_extractors() -> Iterable[type[Extractor]]:  # type: ignore[empty-body]  # as above
    """Return the extractor classes of this plug-in: each reads the models of a framework, see extraction.py.

        @hookimpl
        def convbench_extractors():
            return [MyExtractor]

    `convbench extract SOURCE` then takes its sources, and so does `convbench compare`.
    """
