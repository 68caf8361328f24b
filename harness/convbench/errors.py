"""Errors of the host, in the family of convbench_specs.errors: each is one or two lines for the user."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from convbench_specs import ConvbenchError


class UsageError(ConvbenchError):
    """The call is at fault: an unknown name, a value out of range, a folder that cannot be written."""


class RunError(ConvbenchError):
    """A run folder cannot be read: it is missing, of a newer schema, or not a run."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; `folder` has what was measured by then, and the run can go on from it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the run in {folder} was interrupted")
        self.folder = folder


def unknown_name(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest ones and all that exist.

    >>> str(unknown_name("backend", "pytroch", ["numpy", "pytorch"]))
    "unknown backend 'pytroch'; did you mean pytorch? (there are: numpy, pytorch)"
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    listed = f" (there are: {', '.join(names)})" if names else " (there are none)"
    return UsageError(f"unknown {what} {name!r}{hint}{listed}")
