"""A shell command that is shown on a terminal: it can be copied whole, whatever the width."""

from __future__ import annotations

import shlex

INDENT = "  "


def command_lines(command: str, width: int) -> list[str]:
    r"""The command on one line if it fits, else on several: each but the last ends with the backslash that joins them.

    It is never broken inside a word. A word that is wider than the terminal has a line of its own, which the terminal
    wraps without a new line in it.

    >>> command_lines("convbench report results/run-20261120-120000", 40)
    ['convbench report \\', '  results/run-20261120-120000']
    """
    if len(command) <= width:
        return [command]
    lines = [""]
    for word in map(shlex.quote, shlex.split(command)):
        if lines[-1].strip() and len(f"{lines[-1]}{word} \\") > width:
            lines[-1] += "\\"
            lines.append(INDENT)
        lines[-1] += f"{word} "
    return [line.rstrip(" ") for line in lines]
