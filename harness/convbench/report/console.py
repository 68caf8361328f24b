"""The console that everything is printed on."""

from __future__ import annotations

from rich.console import Console

NARROWEST = 20
"""Columns; on fewer nothing can be shown, and the terminal or COLUMNS does not mean it."""
USUAL = 80


def plain_console(*, stderr: bool = False) -> Console:
    """A console that shows text as it is: what stands in brackets in a name or a reason is no markup."""
    console = Console(stderr=stderr, markup=False, emoji=False)
    if console.width < NARROWEST:
        console.width = USUAL
    return console
