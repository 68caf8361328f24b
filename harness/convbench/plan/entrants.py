"""Entrants: what takes part in a run. A backend under a name of its own, with options and an interpreter.

    NAME=BACKEND[:OPTION=VALUE[,OPTION=VALUE...]][@WHERE]

WHERE is a Python interpreter, in whose environment the backend is then looked for and run, or a .py file with the
backend, so that two versions of one plug-in can take part side by side.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from convbench.errors import UsageError

NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
LONGEST_NAME = 40
TAKEN = ("oracle", "adjoint")
"""What backends are held against has these names, in the same columns as theirs."""
NAME_RULE = (
    f"lower case letters and digits, words joined by hyphens, at most {LONGEST_NAME} characters, "
    f"and not {' or '.join(TAKEN)}"
)
FORM = "NAME=BACKEND[:OPTION=VALUE,...][@PYTHON]"
EXAMPLE = "single=mine:threads=1"
AGAINST = "base"
"""Behind the name of what --against enters: pytorch-base is pytorch of the other interpreter."""


def located(where: str) -> str:
    """The absolute path of an interpreter, environment or file, so that it is found from any folder; links stay.

    A command without a path, and what does not exist, stay as they are.
    """
    return os.path.abspath(where) if where and Path(where).exists() else where  # noqa: PTH100  # resolve follows links


def is_name(text: str) -> bool:
    """Whether a backend or an entrant may have this name."""
    return len(text) <= LONGEST_NAME and NAME.fullmatch(text) is not None and text not in TAKEN


@dataclass(frozen=True, slots=True)
class Entrant:
    """A backend that takes part in a run under `name`.

    `options` are values by name, of those that the backend declares and of the host's own `threads` and `allocator`.
    `where` is an interpreter or a .py file, empty for where convbench itself runs.

    UsageError for a name that cannot be.
    """

    name: str
    backend: str
    options: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    where: str = ""

    def __post_init__(self) -> None:
        for text in (self.name, self.backend):
            if not is_name(text):
                raise UsageError(f"{text!r} cannot be the name of an entrant or a backend: {NAME_RULE}")

    def __str__(self) -> str:
        """As --entrant takes it."""
        options = ",".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.name}={self.backend}{options and ':' + options}{self.where and '@' + self.where}"

    def located(self) -> Entrant:
        """The same, found from any folder."""
        return replace(self, where=located(self.where))

    @classmethod
    def parse(cls, text: str) -> Entrant:
        """The entrant that a text stands for; UsageError says what is wrong with it.

        >>> Entrant.parse("old=pytorch:threads=1@/envs/old/bin/python")
        Entrant(name='old', backend='pytorch', options={'threads': '1'}, where='/envs/old/bin/python')
        """
        what, at, where = text.partition("@")
        name, equals, rest = what.partition("=")
        backend, colon, given = rest.partition(":")
        if not (name and equals and backend) or (colon and not given) or (at and not where):
            raise UsageError(f"entrant {text!r} must be {FORM}, such as {EXAMPLE}")
        options: dict[str, str | int] = {}
        for part in given.split(",") if given else ():
            option, equals, value = part.partition("=")
            if not (option and equals and value):
                raise UsageError(f"entrant {text!r}: {part!r} must be OPTION=VALUE")
            if option in options:
                raise UsageError(f"entrant {text!r} sets {option!r} twice")
            options[option] = value
        return cls(name, backend, options, where)
