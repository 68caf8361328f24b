"""The comparison of two sides, from run folders to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from convbench.errors import UsageError, unknown_name
from convbench.results.columns import DIFF_CELLS, names
from convbench.results.diff import comparable
from convbench.results.diff.correctness import RIGHT, changes
from convbench.results.diff.matching import Computed, match, unmatched
from convbench.results.diff.memory import memory_changes
from convbench.results.diff.result import Diff, VersionChange
from convbench.results.diff.speed import paired_speeds, stored_speeds
from convbench.results.diff.stored import Drift
from convbench.results.diff.thresholds import FAIL_ABOVE, Thresholds, read_thresholds
from convbench.results.diff.verdict import failures, verdict
from convbench.results.loading import load_run
from convbench.results.run import Run

RENAMED = {
    "median_s_base": "base_s", "median_s_new": "new_s", "blocks_base": "base_blocks", "blocks_new": "new_blocks",
    "peak_memory_bytes_base": "base_peak_bytes", "peak_memory_bytes_new": "new_peak_bytes",
    "status_base": "base_status", "status_new": "new_status",
    "tensor_new": "tensor", "reason_new": "reason", "reproduce_new": "reproduce",
}  # fmt: skip
"""Columns of the matched cells under the names that the result has."""


def diff(
    base: str | Path | Run,
    new: str | Path | Run | None = None,
    *,
    left: str | None = None,
    right: str | None = None,
    fail_above: float | None = None,
    thresholds: str | Path | Thresholds | None = None,
    changed: Sequence[str] = (),
    force: bool = False,
) -> Diff:
    """Compare two stored runs or, with `left` and `right`, two entrants of one run, which is more reliable.

    `fail_above` is the share by which a cell may become slower (default 0.05, or as `thresholds` says, a TOML file with
    other margins by case); a margin is never less than the noise floors that the runs know. `changed` names backends
    whose code changed under the same version, so that they do not tell the drift. `force` compares runs of different
    machines or settings, and interrupted ones.

    Raises UsageError or RunError where the call or a run is at fault.
    """
    limits = thresholds if isinstance(thresholds, Thresholds) else _limits(thresholds)
    if fail_above is not None:
        if not 0 <= fail_above <= 10:
            raise UsageError(f"fail_above must be a share from 0 to 10, such as 0.05 for 5 %, not {fail_above}")
        limits = replace(limits, fail_above=fail_above)
    first = _loaded(base)
    if left is not None or right is not None:
        if left is None or right is None:
            missing, given = ("--left", "--right") if left is None else ("--right", "--left")
            raise UsageError(f"{given} needs {missing}: name the entrant to compare with")
        if new is not None:
            raise UsageError("--left and --right compare two entrants of one run: name one run")
        return _diff_entrants(first, left, right, limits, force=force)
    if new is None:
        raise UsageError("name two runs, or one with --left and --right")
    return _diff_runs(first, _loaded(new), limits, changed=changed, force=force)


def _loaded(run: str | Path | Run) -> Run:
    return run if isinstance(run, Run) else load_run(run)


def _limits(path: str | Path | None) -> Thresholds:
    return Thresholds(fail_above=FAIL_ABOVE) if path is None else read_thresholds(Path(path))


def _diff_runs(base: Run, new: Run, limits: Thresholds, *, changed: Sequence[str], force: bool) -> Diff:
    notes = [note for run in (base, new) for note in comparable.check_run(run, force=force)]
    notes = [*comparable.check_two(base, new, force=force), *notes]
    before, after = Computed.of(base), Computed.of(new)
    matched = match(before, after)
    if matched.empty:
        why = _first_difference(before.cells, after.cells)
        raise UsageError(f"{base.folder} and {new.folder} have no cell in common: {why}")
    known = set(matched["backend"])
    for name in changed:
        if name not in known:
            raise unknown_name("backend of --changed", name, known)
    unchanged = comparable.unchanged_backends(base, new) - set(changed)
    floor = max(base.margin, new.margin)
    cells = _with_margins(matched, limits, floor)
    judged = cells[_is_timed(cells)]
    speeds, drift = stored_speeds(base.samples, new.samples, judged, unchanged)
    if drift is not None and drift.reach > max(floor, limits.fail_above):
        speeds["speed"] = speeds["speed"].replace(["slower", "faster"], "inconclusive")
    return _result(
        cells.join(speeds), unmatched(before, after), limits, notes, base=str(base.folder), new=str(new.folder),
        floor=floor, drift=drift, versions=comparable.version_changes(base, new), is_paired=False,
    )  # fmt: skip


def _diff_entrants(run: Run, left: str, right: str, limits: Thresholds, *, force: bool) -> Diff:
    notes = comparable.check_run(run, force=force)
    comparable.check_entrants(run, left, right)
    computed = Computed.of(run)
    before, after = (computed.of_entrant(name, right) for name in (left, right))
    matched = match(before, after)
    if matched.empty:
        raise UsageError(f"{left} and {right} have no cell in common in {run.folder}")
    cells = _with_margins(matched, limits, run.margin)
    speeds = paired_speeds(run.samples, cells[_is_timed(cells)], left, right)
    return _result(
        cells.join(speeds), unmatched(before, after), limits, notes, base=left, new=right,
        floor=run.margin, drift=None, versions=comparable.entrant_changes(run, left, right), is_paired=True,
    )  # fmt: skip


def _with_margins(matched: pd.DataFrame, limits: Thresholds, floor: float) -> pd.DataFrame:
    pairs = zip(matched["workload"], matched["case"], strict=True)
    return matched.assign(
        margin=[max(floor, limits.of(workload, case)) for workload, case in pairs],
        correctness=changes(matched),
        memory=memory_changes(matched, limits.memory_above),
    )


def _is_timed(cells: pd.DataFrame) -> pd.Series[bool]:
    """Cells that are right and timed on both sides: the time of a wrong result says nothing."""
    timed: pd.Series[bool] = cells["median_s_base"].notna() & cells["median_s_new"].notna()
    return timed & (cells["correctness"] == RIGHT)


def _result(
    cells: pd.DataFrame, without: pd.DataFrame, limits: Thresholds, notes: Iterable[str], *, base: str, new: str,
    floor: float, drift: Drift | None, versions: tuple[VersionChange, ...], is_paired: bool,
) -> Diff:  # fmt: skip
    cells = cells.assign(speed=cells["speed"].astype(object).fillna(""))
    cells = cells.rename(columns=RENAMED)[list(names(DIFF_CELLS))].reset_index(drop=True)
    cases = set(zip(cells["workload"].astype(str), cells["case"].astype(str), strict=True))
    margin = max(floor, limits.fail_above)
    found = failures(cells)
    return Diff(
        base=base,
        new=new,
        is_paired=is_paired,
        verdict=verdict(found, drift, margin, is_paired=is_paired),
        cells=cells,
        unmatched=without,
        drift=drift,
        margin=margin,
        memory_margin=limits.memory_above,
        failures=found,
        versions=versions,
        notes=(*notes, *_single_blocks(cells), *_unused(limits, cases)),
    )


def _single_blocks(cells: pd.DataFrame) -> list[str]:
    single = int(((cells["base_blocks"] == 1) | (cells["new_blocks"] == 1)).sum())
    if not single:
        return []
    return [f"{single} of {len(cells)} cells were timed in one block, which tells nothing of their spread."]


def _unused(limits: Thresholds, cases: set[tuple[str, str]]) -> list[str]:
    return [f"The pattern {pattern!r} of the thresholds fits no case." for pattern in limits.unused(cases)]


def _first_difference(base: pd.DataFrame, new: pd.DataFrame) -> str:
    """In which part of the key two runs have nothing in common."""
    for name, what in (("backend", "backends"), ("workload", "workloads"), ("case", "cases"), ("dtype", "dtypes"),
                       ("batch_size", "batch sizes"), ("pass", "passes")):  # fmt: skip
        sides = [sorted(map(str, set(table[name]))) for table in (base, new)]
        if not set(sides[0]) & set(sides[1]):
            return f"their {what} are {_some(sides[0])} and {_some(sides[1])}"
    return "the cases are defined otherwise, or each cell was computed in one run only"


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "") if texts else "none"
