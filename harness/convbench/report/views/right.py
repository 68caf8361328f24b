"""What the section on correctness shows: which backends agree, what does not agree, and facts about each backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.report.views.cases import CASE, CaseKey, case_labels
from convbench.report.views.pairs import Pair, compared_pairs, worst_disagreements
from convbench.report.views.rows import read_rows
from convbench.results.events.state import BackendRecord
from convbench.results.summary import ORACLE, REFERENCES
from convbench.text.units import format_integer


@dataclass(frozen=True, slots=True)
class MatrixView:
    """Who agrees with whom. `columns` are first the references, which are no backends, and then the backends.

    `names` are the backends, which are the rows. Each pair is in `pairs` under both orders of its names.
    """

    names: Sequence[str]
    references: Sequence[str]
    columns: Sequence[str]
    pairs: Mapping[tuple[str, str], Pair]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A tensor that does not agree, as a sentence; `explanation` says why, where that is known."""

    verdict: str
    description: str
    explanation: str


@dataclass(frozen=True, slots=True)
class BackendDisagreements:
    """The worst disagreements of a backend with the oracle; there are `in_all` of them."""

    backend: str
    rows: Sequence[Disagreement]
    in_all: int


@dataclass(frozen=True, slots=True)
class DisagreementsView:
    """What does not agree: sentences for each backend, and of pairs of backends only how many comparisons."""

    by_backend: Sequence[BackendDisagreements]
    other_pairs: int


@dataclass(frozen=True, slots=True)
class SampledCase:
    """A case so large that the oracle computed only a part of it, which `sampled` describes."""

    label: str
    batch_size: int
    sampled: str


@dataclass(frozen=True, slots=True)
class Checks:
    """A row of summary.backend_verdicts."""

    backend: str
    verdict: str
    tensors: int
    disagreeing: int
    untrusted: int
    differing: int
    bound_multiple: float
    cells: int
    ok: int
    failed: int

    @property
    def but(self) -> str:
        """What is to be said behind "right" of a backend that failed in cells; empty for all others."""
        if self.verdict != "right" or not self.failed:
            return ""
        return f" where it ran, fails on {format_integer(self.failed)} cell{'' if self.failed == 1 else 's'}"

    @property
    def agreeing(self) -> int:
        """How many of the tensors agree with the oracle."""
        return self.tensors - self.disagreeing - self.untrusted


@dataclass(frozen=True, slots=True)
class BackendRow:
    """What is known of a backend, and what the checks say of it if it has cells."""

    record: BackendRecord
    checks: Checks | None


def matrix_view(agreement: pd.DataFrame) -> MatrixView:
    """Every pair that was compared; names are in the order in which they appear."""
    pairs = compared_pairs(agreement)
    both_ways = {(pair.left, pair.right): pair for pair in pairs}
    both_ways |= {(pair.right, pair.left): pair for pair in pairs}
    names = [name for name in dict.fromkeys(left for left, _ in both_ways) if name not in REFERENCES]
    references = [name for name in REFERENCES if any(pair.right == name for pair in pairs)]
    return MatrixView(names, references, references + names, both_ways)


def disagreements_view(agreement: pd.DataFrame) -> DisagreementsView:
    """What does not agree, the worst of each backend as sentences."""
    off = agreement[agreement["verdict"] != "agrees"]
    against_oracle = off[off["right"] == ORACLE]
    by_backend = [
        BackendDisagreements(str(name), read_rows(rows, Disagreement), int((against_oracle["left"] == name).sum()))
        for name, rows in worst_disagreements(against_oracle).groupby("left", sort=False)
    ]
    return DisagreementsView(by_backend, int((~off["right"].isin(REFERENCES)).sum()))


def samples_view(measurements: pd.DataFrame) -> list[SampledCase]:
    """The cases of which the oracle computed only a part."""
    if "sampled" not in measurements:
        return []
    cells = measurements[measurements["sampled"] != ""].drop_duplicates([*CASE, "batch_size"])
    labels = case_labels(measurements)
    return [
        SampledCase(labels[CaseKey(*case)], batch_size, sampled)
        for *case, batch_size, sampled in cells[[*CASE, "batch_size", "sampled"]].itertuples(index=False, name=None)
    ]


def backends_view(verdicts: pd.DataFrame, backends: Sequence[BackendRecord]) -> list[BackendRow]:
    """A row for each backend: first those that have cells, then the others."""
    checks = {row.backend: row for row in read_rows(verdicts, Checks)}
    records = {record.name: record for record in backends}
    names = [*checks, *(name for name in records if name not in checks)]
    return [BackendRow(records.get(name, BackendRecord(name=name)), checks.get(name)) for name in names]
