"""The names in a new distribution, all made from that of its backend; refused where one of them is taken."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from convbench.errors import UsageError
from convbench.plan.entrants import NAME_RULE, is_name


@dataclass(frozen=True, slots=True)
class Names:
    """The name of a backend, and those of what holds it."""

    backend: str

    @property
    def distribution(self) -> str:
        """What pip installs: convbench-my-conv."""
        return f"convbench-{re.sub('[._]', '-', self.backend)}"

    @property
    def module(self) -> str:
        """What Python imports: convbench_my_conv."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The class of the backend: MyConvBackend, which is neither a keyword nor anything that its module imports.

        >>> Names("my-conv").class_name, Names("none").class_name, Names("3d").class_name
        ('MyConvBackend', 'NoneBackend', 'Own3dBackend')
        """
        words = "".join(word.capitalize() for word in re.split("[-_.]", self.backend))
        stem = words.removesuffix("Backend")
        return f"{stem if stem[:1].isalpha() else f'Own{stem}'}Backend"


def free_names(name: str, backends: Collection[str]) -> Names:
    """The names for a backend `name`; UsageError where it cannot be one, or where something has one of them already."""
    if not is_name(name):
        raise UsageError(f"{name!r} cannot be the name of a backend: {NAME_RULE}")
    names = Names(name)
    if name in backends:
        raise UsageError(f"the name {name!r} is taken by an installed backend; `convbench backends` lists them all")
    if _is_installed(names.distribution) or find_spec(names.module) is not None:
        raise UsageError(f"the name {name!r} is taken: {names.distribution} is installed already")
    return names


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
