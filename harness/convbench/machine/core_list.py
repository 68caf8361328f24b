"""Lists of cores as the kernel and taskset write them."""

from __future__ import annotations

from collections.abc import Iterable


def core_list(cores: Iterable[int]) -> str:
    """Numbers as the kernel and taskset write them.

    >>> core_list([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    ranges: list[list[int]] = []
    for core in sorted(cores):
        if ranges and core == ranges[-1][-1] + 1:
            ranges[-1].append(core)
        else:
            ranges.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ranges)


def parse_core_list(text: str) -> tuple[int, ...]:
    """The reverse; () for what is no such list.

    >>> parse_core_list("0-2,5")
    (0, 1, 2, 5)
    """
    cores: list[int] = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        if not low.isdecimal() or (high and not high.isdecimal()):
            return ()
        cores += range(int(low), int(high or low) + 1)
    return tuple(cores)
