"""Makes a new distribution, where nothing has its names yet."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from convbench.errors import unknown_name
from convbench.testing.scaffold.distribution import LICENSES, files_of, frameworks, write_distribution
from convbench.testing.scaffold.names import free_names
from convbench.workers.plugins import find_backends
from convbench_specs.hooks import PROJECT


def make_distribution(name: str, *, framework: str, license_name: str, folder: Path | None = None) -> list[Path]:
    """Write the distribution of a backend `name` into a new folder; its files, behind the path of the folder.

    UsageError, and nothing is written, where a name is unknown, cannot be used or is taken, or where the folder exists.
    """
    for what, given, known in (("framework", framework, frameworks()), ("license", license_name, LICENSES)):
        if given not in known:
            raise unknown_name(what, given, known)
    taken = {*find_backends().backends, *(entry.name for entry in entry_points(group=PROJECT))}
    names = free_names(name, taken)
    files = files_of(names, framework=framework, license_name=license_name)
    made = folder or Path(names.distribution)
    write_distribution(files, made)
    return [made, *(made / path for path in files)]
