"""Every backend against every other: who agrees with whom, and who is the odd one out.

Two right results differ by at most the sum of their bounds. That needs no oracle to be right: a result that is alone
among many is suspect, and so is an oracle that all agree against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.compare import Deviation, Verdict, compare
from convbench_specs import TensorName

ORACLE = "oracle"
"""The name of the right values among those of backends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One row of the agreement table: one tensor of two backends; `other` is taken for the expected one."""

    one: str
    other: str
    deviation: Deviation

    @property
    def verdict(self) -> Verdict:
        """Agrees, disagrees or untrusted."""
        return self.deviation.verdict


def agreements(name: TensorName, results: Mapping[str, NDArray[Any]], bound: NDArray[Any] | float) -> list[Agreement]:
    """Compare one result of every two backends; `bound` is that of one right result against the right value.

    `check.allowed(right, name, sums="own")` gives it.
    """
    doubled = 2 * bound
    return [
        Agreement(one=one, other=other, deviation=_compare_pair(name, results[one], results[other], doubled))
        for one, other in combinations(results, 2)
    ]


def clusters(names: Sequence[str], rows: Sequence[Agreement]) -> list[tuple[str, ...]]:
    """The backends in groups that agree with each other, directly or by way of another; largest first, then by name."""
    home = {name: {name} for name in names}
    for row in rows:
        if row.verdict == "agrees" and home[row.one] is not home[row.other]:
            joined = home[row.one] | home[row.other]
            home.update(dict.fromkeys(joined, joined))
    groups = {tuple(sorted(group)) for group in home.values()}
    return sorted(groups, key=lambda group: (-len(group), group))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Who stands alone on a tensor. `name` is a backend, or ORACLE where all backends agree against it."""

    name: str
    tensor: TensorName
    disagrees_with: tuple[str, ...]

    def describe(self) -> str:
        """One sentence."""
        others = ", ".join(self.disagrees_with)
        if self.name == ORACLE:
            return f"{self.tensor}: {others} agree with each other but not with the oracle, which is suspect itself"
        return f"{self.tensor}: {self.name} is the odd one out; it differs from {others}"


def odd_ones(name: TensorName, rows: Sequence[Agreement], against_oracle: Mapping[str, Verdict]) -> list[Suspect]:
    """Those that the evidence is against.

    A backend that the oracle disagrees with is odd, with all that disagree with it, unless at least two backends were
    judged and all of them agree with each other against the oracle: then it is the oracle.
    """
    judged = [backend for backend, verdict in against_oracle.items() if verdict != "untrusted"]
    wrong = [backend for backend in judged if against_oracle[backend] == "disagrees"]
    inside = [row for row in rows if {row.one, row.other} <= set(judged)]
    if len(judged) > 1 and wrong == judged and all(row.verdict == "agrees" for row in inside):
        return [Suspect(name=ORACLE, tensor=name, disagrees_with=tuple(judged))]
    return [
        Suspect(name=backend, tensor=name, disagrees_with=(ORACLE, *_opponents(backend, inside))) for backend in wrong
    ]


def _opponents(backend: str, rows: Sequence[Agreement]) -> list[str]:
    return [
        row.other if row.one == backend else row.one
        for row in rows
        if row.verdict == "disagrees" and backend in (row.one, row.other)
    ]


def _compare_pair(name: TensorName, one: NDArray[Any], other: NDArray[Any], bound: NDArray[Any] | float) -> Deviation:
    """Compare two results; equal bits, the common case of one library in two backends, cost one pass."""
    if one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other):
        return Deviation(tensor=name, verdict="agrees", total=one.size)
    return compare(name, one, other, bound, dtype=other.dtype)
