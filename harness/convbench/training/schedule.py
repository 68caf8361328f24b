"""Which steps are looked at, and how many each entrant may carry out. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

FIRST_STEPS = (1, 2, 3)
"""Watched always: what an entrant keeps from an earlier step by mistake shows in the second or third."""
CHUNK_S = 0.5
"""A worker carries out about so many seconds of steps before it tells of them."""
LONGEST_CHUNK = 500
LEAST_STEPS = 10
"""An entrant that is too slow for the time carries out so many steps at most, where no weights are judged."""


def kept_steps(last: int, bound_step: int | None) -> Iterator[int]:
    """Steps after which weights are compared: 1, 2, 5, 10, 20, 50 and so on, with that of the bound.

    >>> list(kept_steps(120, 100))
    [1, 2, 5, 10, 20, 50, 100]
    """
    power = 1
    steps = set() if bound_step is None else {bound_step}
    while power <= last:
        steps |= {power, 2 * power, 5 * power}
        power *= 10
    return (step for step in sorted(steps) if step <= last)


def is_watched(step: int, every: int) -> bool:
    """Whether every result of a step is checked.

    >>> [step for step in range(1, 11) if is_watched(step, 5)]
    [1, 2, 3, 5, 10]
    """
    return step in FIRST_STEPS or (every > 0 and step % every == 0)


def chunk_of(step_s: float | None, steps_left: int) -> int:
    """How many steps a worker carries out next; one at first, as it may compile."""
    if step_s is None:
        return min(1, steps_left)
    fit = LONGEST_CHUNK if step_s <= 0 else int(min(LONGEST_CHUNK, CHUNK_S / step_s))
    return max(1, min(steps_left, fit))


def typical_step_s(seconds: Sequence[float]) -> float | None:
    """Seconds a step, by the median of the steps so far but the first; None before the second."""
    return median(seconds[1:]) if len(seconds) > 1 else None


def shares_of_time(needed_s: Mapping[str, float], left_s: float) -> dict[str, float]:
    """How many seconds each may take of what is left, so that as many as possible get all that they need.

    Whoever needs less than an equal share gets it all, and leaves the rest to the others.

    >>> shares_of_time({"fast": 5, "middle": 20, "slow": 900}, 100)
    {'fast': 5, 'middle': 20, 'slow': 75.0}
    """
    shares, left = {}, max(0.0, left_s)
    for number, (name, needed) in enumerate(sorted(needed_s.items(), key=lambda each: each[1])):
        shares[name] = min(needed, left / (len(needed_s) - number))
        left -= shares[name]
    return {name: shares[name] for name in needed_s}
