"""The pluggy project: markers and the one hook that a plug-in implements."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from convbench_specs.backend import Backend

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
