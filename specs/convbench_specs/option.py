"""An option that a backend declares: a choice that its users may make, such as the order of axes in memory.

    class Mine(Backend):
        options = (Option("layout", default="NCHW", choices=("NCHW", "NHWC"), meaning="Order of axes in memory."),)

        def start(self, settings):
            self._layout = settings.options["layout"]  # always there, and always one of the choices

A user enters the backend with it under a name of its own: `--entrant mine-nhwc=mine:layout=NHWC`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OptionValue = str | int
"""What an option is set to: one of its choices, or a whole number from 1 on."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


@dataclass(frozen=True, slots=True)
class Option:
    """One option. With `choices` it is one of these texts; without any, a whole number of at least 1.

    `meaning` is one sentence for `convbench backends NAME`. ValueError or TypeError where it cannot be.
    """

    name: str
    default: OptionValue
    meaning: str
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be the name of an option: lower case letters, digits, underscores")
        self.value_of(str(self.default))

    def value_of(self, text: str) -> OptionValue:
        """The value that a user's text stands for; ValueError says what there is.

        >>> Option("blocks", default=4, meaning="How many.").value_of("8")
        8
        """
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}")
            return text
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ValueError(f"{text!r} is no whole number of at least 1")
        return int(text)
