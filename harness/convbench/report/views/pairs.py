"""Pairs of backends that were compared, and the worst of what does not agree."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from convbench.report.views.rows import read_rows
from convbench.results.summary import pair_agreement
from convbench.verify import SEVERITY

DISAGREEMENTS_A_PAIR = 20
"""How many disagreements of a pair the page shows; all of them are in agreement.csv."""
PAIR = ["left", "right"]
WORST_FIRST = {verdict: -severity for verdict, severity in SEVERITY.items()}


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of summary.pair_agreement."""

    left: str
    right: str
    verdict: str
    bound_multiple: float
    tensors: int
    disagreeing: int
    untrusted: int

    @property
    def agreeing(self) -> int:
        """How many of the tensors agree."""
        return self.tensors - self.disagreeing - self.untrusted


def compared_pairs(agreement: pd.DataFrame) -> list[Pair]:
    """Every pair that was compared, in order of appearance."""
    return read_rows(pair_agreement(agreement), Pair)


def worst_disagreements(agreement: pd.DataFrame) -> pd.DataFrame:
    """The rows that do not agree: of each pair at most DISAGREEMENTS_A_PAIR, the worst first, those on NaN last."""
    off = agreement[agreement["verdict"] != "agrees"]
    off = off.assign(order=off["verdict"].map(WORST_FIRST))
    ordered = off.sort_values(["order", "bound_multiple"], ascending=[True, False], kind="stable")
    return ordered.groupby(PAIR, sort=False).head(DISAGREEMENTS_A_PAIR)
