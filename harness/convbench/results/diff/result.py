"""What a comparison of two sides found, as typed values and frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import pandas as pd

from convbench.results.diff.stored import Drift

Verdict = Literal["regressed", "unproven", "passed"]
"""`unproven`: nothing regressed for sure, but the runs differ so much by themselves that the margin cannot be seen."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
FailureKind = Literal["right to wrong", "right to failed", "slower", "more memory"]
FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
"""The most alarming first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a diff fails: one cell, and what became of it, in words that name the tensor where one is wrong."""

    kind: FailureKind
    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: str
    text: str

    @property
    def cell(self) -> str:
        """The cell as a line names it."""
        return f"{self.backend}, {self.case} {self.pass_name} batch {self.batch_size} {self.dtype}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """A backend, package or interpreter whose version differs between the two sides."""

    what: str
    base: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Two sides compared. Ratios are the time of the new side over that of the base: over 1 is slower.

    `cells` has a row a matched cell, `unmatched` a row a cell that was computed on one side only; their columns are
    declared in columns/diff.py.
    """

    base: str
    """The folder of the base run, or the name of the left entrant."""
    new: str
    is_paired: bool
    """Whether both sides were timed in turns in one run."""
    verdict: Verdict
    cells: pd.DataFrame = field(repr=False)
    unmatched: pd.DataFrame = field(repr=False)
    drift: Drift | None
    """How much stored runs differ by themselves; None for a paired diff, and if no backend stayed the same."""
    margin: float
    """The difference that counts as none, unless a threshold of a case says otherwise, as a share: 0.05 is 5 %."""
    memory_margin: float
    failures: tuple[Failure, ...] = ()
    versions: tuple[VersionChange, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks for the reader: what --force allowed, and patterns that fit no case."""

    @property
    def has_failed(self) -> bool:
        """Whether something is surely slower or larger than its margin allows, or was right and is not any more."""
        return bool(self.failures)

    def count(self, column: str, value: str) -> int:
        """How many matched cells have this value in a column, as "slower" in "speed"."""
        return int((self.cells[column] == value).sum())
