"""What a run's frames say in short: who is right, who is fastest, what is missing. Pure functions on pandas frames.

- A cell is ranked only where it was measured and every comparison of it agrees: wrong, untrusted and unchecked cells
  have times, but no place. What it makes of NaN and infinity is told, but takes no place away.
- A ratio is a cell's median over that of the fastest right backend of the same group, so 1 is the fastest.
- Every ratio has its interval; one that reaches 1 is a tie.
Columns of the frames are declared in the package columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from convbench.plan.status import CELL_STATUSES, FAILED, LEFT_OUT
from convbench.results.timings import GROUP
from convbench.verify import DIFFERS_ON_NAN, RIGHT_ON_NUMBERS
from convbench.verify.identities.holding import IDENTITIES
from convbench_specs import PASSES

NUMBER = r"\d[\d.,]*"
"""Reasons that differ in their numbers only are one."""
ORACLE = "oracle"
REFERENCES = (ORACLE, *IDENTITIES)
"""What backends are held against beside each other; always on the right of a pair."""
UNRANKED = ("untrusted", "not checked", "not measured")
"""What may keep a cell whose status is ok from a place."""


def right_cells(measurements: pd.DataFrame) -> pd.DataFrame:
    """The cells that may be ranked: status ok, right on every number, and a time."""
    right = (measurements["status"] == "ok") & measurements["verdict"].isin(RIGHT_ON_NUMBERS)
    return measurements[right & measurements["median_s"].notna()]


def rank(measurements: pd.DataFrame) -> pd.DataFrame:
    """The right cells with their place in their group, in the order of the measurements, fastest first.

    A group is that of GROUP, and of one run where the measurements have the column `run`.

    Added columns: `fastest` (backend), `place` (1 is the fastest), `ratio` to the fastest with `ratio_low` and
    `ratio_high`, and `tied` (the interval reaches 1; true of the fastest itself).

    Ratio and interval are those that the run judged, paired by round over its blocks. Where a run has one block, the
    interval is made of those of the two medians, on the log scale (MOVER: Zou and Donner, "Construction of confidence
    limits about effect measures", Statistics in Medicine 27, 2008). It takes the two as independent, so it is rather
    too wide. NaN where a median has none.
    """
    right = right_cells(measurements)
    keys = ["run", *GROUP] if "run" in right else GROUP
    group = right.groupby(keys, sort=False).ngroup()
    judged_best = right["fastest"].eq(right["backend"]) if "fastest" in right else False
    ranked = right.assign(group=group, judged_best=judged_best).sort_values(
        ["group", "judged_best", "ratio", "median_s"], ascending=[True, False, True, True], kind="stable"
    )
    by_group = ranked.groupby("group", sort=False)
    best = by_group[["backend", "median_s", "ci_low_s", "ci_high_s"]].transform("first")
    place = by_group.cumcount() + 1
    ratio = ranked["ratio"].fillna(ranked["median_s"] / best["median_s"])
    low, high = _ratio_interval(ranked, best, ratio)
    is_best = place == 1
    judged = ranked["ratio_low"].notna()
    return ranked.drop(columns=["group", "judged_best"]).assign(
        fastest=best["backend"],
        place=place,
        ratio=ratio,
        ratio_low=ranked["ratio_low"].where(judged, low.where(~is_best, 1.0)),
        ratio_high=ranked["ratio_high"].where(judged, high.where(~is_best, 1.0)),
        tied=is_best | (ranked["ratio_low"].where(judged, low) <= 1.0),
    )


def _ratio_interval(
    cells: pd.DataFrame, best: pd.DataFrame, ratio: pd.Series[float]
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Limits of a ratio to the best from those of both medians."""
    log_ratio = np.log(ratio)
    down = np.hypot(np.log(cells["median_s"] / cells["ci_low_s"]), np.log(best["ci_high_s"] / best["median_s"]))
    up = np.hypot(np.log(cells["ci_high_s"] / cells["median_s"]), np.log(best["median_s"] / best["ci_low_s"]))
    return np.exp(log_ratio - down), np.exp(log_ratio + up)


def geometric_means(
    ranked: pd.DataFrame, *, by: Sequence[str] = ("pass",), least_coverage: float = 0.75
) -> pd.DataFrame:
    """Geometric mean of each backend's ratio to the fastest, over the groups that all of the backends compared have.

    A row a backend and value of `by`: those columns, backend, `ratio`, `ratio_low` and `ratio_high` (least and largest
    ratio of the groups taken), `groups` (how many were taken), `coverage` (share of the groups in which the backend is
    right). A backend right in less than `least_coverage` of the groups would leave nothing to average over: it has its
    row, with NaN. Sorted by `by`, then by ratio.
    """
    columns = [*by, "backend", "ratio", "ratio_low", "ratio_high", "groups", "coverage"]
    parts = []
    for _, part in ranked.groupby(list(by), sort=False):
        means = _geometric_means(part, least_coverage)
        parts.append(means.assign(**{key: part[key].iloc[0] for key in by}))
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]


def _geometric_means(ranked: pd.DataFrame, least_coverage: float) -> pd.DataFrame:
    ratios = ranked.pivot_table(index=GROUP, columns="backend", values="ratio", sort=False)
    coverage = ratios.notna().mean()
    common = ratios.loc[:, coverage >= least_coverage].dropna()
    means = pd.DataFrame(
        {
            "ratio": common.apply(np.log).mean().apply(np.exp),
            "ratio_low": common.min(),
            "ratio_high": common.max(),
            "groups": len(common),
        }
    ).reindex(ratios.columns)
    means = means.assign(groups=means["groups"].fillna(0).astype(int), coverage=coverage)
    return means.sort_values("ratio", kind="stable").rename_axis("backend").reset_index()


def status_counts(measurements: pd.DataFrame) -> pd.DataFrame:
    """Number of cells by backend (index, in order of appearance) and status (columns, the most frequent first)."""
    counts = pd.crosstab(measurements["backend"], measurements["status"])
    by_frequency = measurements["status"].value_counts().index
    return counts.reindex(index=pd.unique(measurements["backend"]), columns=by_frequency, fill_value=0)


def pair_agreement(agreement: pd.DataFrame) -> pd.DataFrame:
    """Each pair of backends (and each backend with the oracle) in one row.

    Columns: left, right, `verdict` (disagrees where one tensor does; else agrees where one does; else untrusted),
    `bound_multiple` (the worst error as a multiple of the bound; over 1 disagrees), `tensors` compared, and how many of
    them are `disagreeing` or `untrusted`. Comparisons that differ on NaN are left out: they say nothing of numbers.
    """
    numbers = agreement[agreement["verdict"] != DIFFERS_ON_NAN]
    verdict = numbers["verdict"]
    rows = numbers.assign(disagreeing=verdict == "disagrees", untrusted=verdict == "untrusted")
    pairs = rows.groupby(["left", "right"], sort=False, as_index=False).agg(
        bound_multiple=("bound_multiple", "max"),
        tensors=("tensor", "size"),
        disagreeing=("disagreeing", "sum"),
        untrusted=("untrusted", "sum"),
    )
    proven = pairs["untrusted"] < pairs["tensors"]
    verdicts = np.select([pairs["disagreeing"] > 0, proven], ["disagrees", "agrees"], "untrusted")
    return pairs.assign(verdict=verdicts)[
        ["left", "right", "verdict", "bound_multiple", "tensors", "disagreeing", "untrusted"]
    ]


def backend_verdicts(measurements: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """What the checks say of each backend that has cells, a row a backend in order of appearance.

    Columns: backend, `verdict` ("wrong": a cell is wrong or a tensor disagrees with the oracle; else "right": tensors
    agree with the oracle; "untrusted": tensors were compared, but none proves anything; "" where none was compared),
    `tensors` compared with the oracle, `disagreeing` and `untrusted` among them, `bound_multiple` (the worst), those
    beside them that are `differing` on NaN, `cells`, `ok`, `wrong` and `failed` cells (errors, crashes, calls that were
    killed).
    """
    cells = measurements.groupby("backend", sort=False, as_index=False).agg(
        cells=("status", "size"),
        ok=("status", lambda status: (status == "ok").sum()),
        wrong=("status", lambda status: (status == "wrong").sum()),
        failed=("status", lambda status: status.isin(FAILED).sum()),
    )
    against_oracle = agreement[agreement["right"] == ORACLE]
    pairs = pair_agreement(against_oracle)
    on_nan = against_oracle.loc[against_oracle["verdict"] == DIFFERS_ON_NAN, "left"].value_counts()
    checks = pairs.rename(columns={"left": "backend"}).drop(columns="right")
    rows = cells.merge(checks, on="backend", how="left")
    names = {"agrees": "right", "untrusted": "untrusted", "disagrees": "wrong"}
    counts = {name: rows[name].fillna(0).astype(int) for name in ("tensors", "disagreeing", "untrusted")}
    verdict = rows["verdict"].map(names).fillna("").where(rows["wrong"] == 0, "wrong")
    differing = rows["backend"].map(on_nan).fillna(0).astype(int)
    return rows.assign(verdict=verdict, differing=differing, **counts)


def not_ranked(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every cell that has no place in a ranking, by backend, status and reason: nothing is left out in silence.

    Reasons that differ only in their numbers are taken together. Columns: backend, `status` (that of the cells; for
    cells whose status is ok it is "untrusted", "not checked", or in a run that did measure "not measured"), `reason`
    (the first), `reasons` (how many different ones), `cells` (how many), `cases` ("workload: case"), `batch_sizes` and
    `passes` (tuples). The most alarming status first (CELL_STATUSES), then in order of appearance.
    """
    timed = measurements["median_s"].notna()
    proven = timed.map({True: "ok", False: "not measured"}) if timed.any() else "ok"
    unproven = measurements["verdict"].replace({"": "not checked", DIFFERS_ON_NAN: "agrees"})
    status = measurements["status"].where(measurements["status"] != "ok", unproven)
    status = status.where(status != "agrees", proven)
    rows = measurements.assign(
        status=status,
        where=measurements["workload"] + ": " + measurements["case"],
        kind=measurements["reason"].str.replace(NUMBER, "#", regex=True),
    )
    entries = rows[status != "ok"].groupby(["backend", "status", "kind"], sort=False, as_index=False)
    table = entries.agg(
        reason=("reason", "first"),
        reasons=("reason", "nunique"),
        cells=("case", "size"),
        cases=("where", _distinct),
        batch_sizes=("batch_size", lambda column: tuple(sorted(_distinct(column)))),
        passes=("pass", lambda column: tuple(sorted(_distinct(column), key=pass_place))),
    )
    order = {name: place for place, name in enumerate((*CELL_STATUSES[1:], *UNRANKED))}
    return table.drop(columns="kind").sort_values(
        "status", key=lambda column: column.map(order), kind="stable", ignore_index=True
    )


def not_computed(measurements: pd.DataFrame) -> pd.DataFrame:
    """The cases that no backend computed at any batch size, with every reason once.

    Columns: `cases` (names with their dtype, a tuple) and `reasons` ("backends: status: reason", joined). Cases with
    the same reasons are in one row. Backends with the same reason are named together; "all backends" are those of the
    run.
    """
    passed_over = measurements["status"].isin(LEFT_OUT)
    case = [measurements[key] for key in ("workload", "case", "dtype")]
    nobody = measurements[passed_over.groupby(case, sort=False).transform("all")]
    reason = nobody["status"] + ": " + nobody["reason"]
    label, kind = nobody["case"] + " (" + nobody["dtype"] + ")", reason.str.replace(NUMBER, "#", regex=True)
    rows = nobody.assign(label=label, kind=kind, reason=reason)
    total = measurements["backend"].nunique()
    said = rows.groupby(["workload", "label", "kind"], sort=False, as_index=False).agg(
        who=("backend", lambda names: "all backends" if names.nunique() == total else ", ".join(names.unique())),
        reason=("reason", "first"),
    )
    said = said.assign(kind=said["who"] + ": " + said["kind"], reason=said["who"] + ": " + said["reason"])
    cases = said.groupby(["workload", "label"], sort=False, as_index=False).agg(
        said=("kind", "; ".join), reasons=("reason", "; ".join)
    )
    return cases.groupby("said", sort=False, as_index=False).agg(
        cases=("label", _distinct), reasons=("reasons", "first")
    )[["cases", "reasons"]]


def pass_place(name: str) -> int:
    """Sorts passes in the order of PASSES, unknown ones last."""
    return [*PASSES, name].index(name)


def _distinct(values: pd.Series[Any]) -> tuple[Any, ...]:
    return tuple(values.unique().tolist())
