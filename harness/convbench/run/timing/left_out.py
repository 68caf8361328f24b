"""What is left out where time does not suffice: first rounds, then the dearest items. Pure functions, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median

from convbench.plan.items import ItemKey

FIRST_GROWTH = 0.25
"""Exponent of the images' factor by which an item grows, before any has: too low a guess costs rounds, and too high a
one costs items."""


@dataclass(frozen=True, slots=True)
class ItemCost:
    """Seconds of an item: `round_s` for each of its rounds, and what it takes besides."""

    fixed_s: float
    round_s: float = 0.0

    def of(self, rounds: int) -> float:
        """Seconds with so many rounds."""
        return self.fixed_s + rounds * self.round_s

    def __add__(self, other: ItemCost) -> ItemCost:
        return ItemCost(self.fixed_s + other.fixed_s, self.round_s + other.round_s)

    def times(self, factor: float) -> ItemCost:
        """So many times as much."""
        return ItemCost(factor * self.fixed_s, factor * self.round_s)


@dataclass(frozen=True, slots=True)
class Fit:
    """What ends in time: so many rounds of every item, but for those that are left out."""

    rounds: int
    left_out: frozenset[ItemKey]


def fit(costs: Mapping[ItemKey, ItemCost], left_s: float, rounds: int, least: int | None = None) -> Fit:
    """All rounds of all items if they end in the time that is left; else fewer, at least half, or `least`.

    Where even the least do not end in time, the dearest items are left out, until the rest does.

    >>> costs = {"small": ItemCost(1.0, 0.5), "large": ItemCost(10.0, 2.0)}
    >>> [(found.rounds, sorted(found.left_out)) for found in (fit(costs, left, 6) for left in (30, 20, 18, 3, 1))]
    [(6, []), (3, []), (3, ['large']), (3, ['large']), (3, ['large', 'small'])]
    """
    least = half(rounds) if least is None else least
    for fewer in range(rounds, least - 1, -1):
        if sum(cost.of(fewer) for cost in costs.values()) <= left_s:
            return Fit(fewer, frozenset())
    kept, total, left_out = dict(costs), sum(cost.of(least) for cost in costs.values()), set()
    place = {key: number for number, key in enumerate(costs)}
    # of two that cost the same the later one: it has the larger batch
    for key in sorted(costs, key=lambda key: (costs[key].of(least), place[key]), reverse=True):
        if total <= left_s:
            break
        total -= kept.pop(key).of(least)
        left_out.add(key)
    return Fit(least, frozenset(left_out))


def half(rounds: int) -> int:
    """The fewest rounds that a block is made of."""
    return ceil(rounds / 2)


def forecast(known: Mapping[ItemKey, ItemCost], to_come: Collection[ItemKey]) -> dict[ItemKey, ItemCost]:
    """What items will cost, by what others have cost.

    One that is known costs what it did. Else it costs what the same case did at the largest smaller batch size that is
    known; or where none is, the mean of other cases at its batch size or at the largest smaller one. Where that is
    smaller, it is times what cases grew by between the two sizes; or, before any has, the fourth root of the images'
    factor: a round is as long as its samples, until a call outlasts one. Empty where nothing is known.
    """
    if not known:
        return {}
    return {key: known[key] if key in known else _guess(known, key) for key in to_come}


def repeated(costs: Mapping[ItemKey, ItemCost]) -> dict[ItemKey, ItemCost]:
    """What of each check a later worker repeats: for each case, the least cost from this batch size on.

    What is done once, such as compiling a kernel, is done at the smallest batch size, and larger batches cost no less.
    """
    found: dict[ItemKey, ItemCost] = {}
    least: dict[tuple[str, ...], ItemCost] = {}
    for key in sorted(costs, key=lambda key: key.batch_size, reverse=True):
        found[key] = least[key[:3]] = min(costs[key], least.get(key[:3], costs[key]), key=lambda cost: cost.fixed_s)
    return {key: found[key] for key in costs}


def _guess(known: Mapping[ItemKey, ItemCost], key: ItemKey) -> ItemCost:
    own = [other for other in known if other[:3] == key[:3] and other.batch_size < key.batch_size]
    others = own or [other for other in known if other.batch_size <= key.batch_size] or list(known)
    size = max(other.batch_size for other in others)
    costs = [known[other] for other in others if other.batch_size == size]
    mean = ItemCost(fmean(cost.fixed_s for cost in costs), fmean(cost.round_s for cost in costs))
    return mean.times(_growth(known, size, key.batch_size)) if size < key.batch_size else mean


def _growth(known: Mapping[ItemKey, ItemCost], size: int, larger: int) -> float:
    """By what factor cases grew from one batch size to another."""
    grown = [
        cost.of(1) / known[before].of(1)
        for key, cost in known.items()
        if key.batch_size == larger and known.get(before := key._replace(batch_size=size), ItemCost(0.0)).of(1) > 0
    ]
    return median(grown) if grown else (larger / max(1, size)) ** FIRST_GROWTH
