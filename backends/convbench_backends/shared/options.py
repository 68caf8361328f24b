"""What a user chose of the options that a backend declares."""

from __future__ import annotations

from collections.abc import Iterable

from convbench_specs import Option, Settings


def choices(declared: Iterable[Option], settings: Settings) -> dict[str, str]:
    """The value of each option by its name; the default where the host gives none, as one does that knows no options.

    ValueError for a value that is not among the option's choices.
    """
    return {
        option.name: str(option.value_of(str(settings.options.get(option.name, option.default)))) for option in declared
    }
