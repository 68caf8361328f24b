"""The answer of a run in sentences: which backends are right, which is the fastest, and which could not run.

It is plain text without markup, so that every report can begin with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.results.events.state import BackendRecord
from convbench.text.units import format_integer


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentences, of which `right` comes first; `fastest` and `absent` may be empty."""

    right: str
    fastest: str
    absent: str


def headline(verdicts: pd.DataFrame, ranked: pd.DataFrame, backends: Sequence[BackendRecord]) -> Headline:
    """The sentences, from summary.backend_verdicts, summary.rank and the backends that were found."""
    return Headline(right=_right(verdicts), fastest=_fastest(ranked), absent=_absent(backends))


def _right(verdicts: pd.DataFrame) -> str:
    checked = verdicts[verdicts["verdict"] != ""]
    right, wrong, untrusted = (
        checked.loc[checked["verdict"] == name, "backend"].tolist() for name in ("right", "wrong", "untrusted")
    )
    total = len(checked)
    if not total:
        return "No backend was checked."
    failed = verdicts[verdicts["failed"] > 0]
    failures = f"{join_names(failed['backend'].tolist())} failed in {_cells(failed)}"
    if len(right) == total:
        all_right = "The one backend that ran is right" if total == 1 else f"All {total} backends that ran are right"
        if failed.empty:
            return f"{all_right}."
        return f"{all_right} where {'it' if total == 1 else 'they'} computed; {failures}."
    parts = [f"{len(right) or 'None'} of {total} backends {'is' if len(right) == 1 else 'are'} right"]
    if wrong:
        parts.append(f"{join_names(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong")
    if untrusted:
        parts.append(f"{join_names(untrusted)} could not be proven right")
    if len(failed):
        parts.append(failures)
    return "; ".join(parts) + "."


def _cells(failed: pd.DataFrame) -> str:
    count = int(failed["failed"].sum())
    return "1 cell" if count == 1 else f"{format_integer(count)} cells"


def _fastest(ranked: pd.DataFrame) -> str:
    """Only groups in which at least two backends are right count as comparisons."""
    contested = ranked[ranked["place"].eq(2)].shape[0]
    if not contested:
        return ""
    beaten = ranked.loc[ranked["place"].eq(2)].groupby("fastest", sort=False).size().sort_values(ascending=False)
    names = [str(name) for name in beaten.index]
    first = f"{names[0]} is the fastest right backend most often: in {beaten.iloc[0]} of {format_integer(contested)}"
    rest = [f"{name} in {count}" for name, count in zip(names[1:], beaten.iloc[1:], strict=True)]
    kinds = " comparisons (case, batch size and pass)"
    return f"{first}{kinds}{', then ' + join_names(rest) if rest else ''}."


def _absent(backends: Sequence[BackendRecord]) -> str:
    """Only the names, as the reasons are shown where the backends are listed."""
    absent = [backend.name for backend in backends if backend.status != "available"]
    return f"{join_names(absent)} could not run here." if absent else ""


def join_names(names: Sequence[str]) -> str:
    """A list of names as it is written in a sentence.

    >>> join_names(["naive", "jax", "pytorch"])
    'naive, jax and pytorch'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))
