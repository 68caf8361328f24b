"""Which framework is installed, found without importing it: imports take seconds, and belong in a worker."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def installed_version(module: str, *distributions: str) -> str | None:
    """Version of the first installed distribution that brings `module`; None where the module cannot be imported.

    "unknown" where the module is there and none of the distributions is, as in a build from source.
    """
    if find_spec(module) is None:
        return None
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "unknown"
