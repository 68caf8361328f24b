"""A diff as one HTML page, which needs neither scripts nor a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log

from markupsafe import Markup

from convbench.report.diff import words
from convbench.report.diff.rows import DiffRow, worst_first
from convbench.report.diff.terminal import interval_of
from convbench.report.pages.templating import environment, template_file
from convbench.results.diff import Diff

STYLES = ("report.css", "comparing.css")
MOST_ROWS = 1000
"""Rows of the table, the worst first; the JSON has all."""
WIDTHS = (1.25, 1.5, 2.0, 4.0)
"""How far an axis reaches: the least that holds nine of ten points."""
TICKS = {
    1.25: (0.8, 0.9, 1.0, 1.1, 1.25),
    1.5: (0.67, 0.8, 1.0, 1.25, 1.5),
    2.0: (0.5, 0.7, 1.0, 1.4, 2.0),
    4.0: (0.25, 0.5, 1.0, 2.0, 4.0),
}


@dataclass(frozen=True, slots=True)
class RatioAxis:
    """A logarithmic axis from 1 / most to most; places are per cents of its length."""

    most: float

    @classmethod
    def over(cls, ratios: Sequence[float]) -> RatioAxis:
        """The shortest on which nine of ten ratios have a place.

        >>> RatioAxis.over([1.0, 1.1, 0.7]).most, RatioAxis.over([]).most
        (1.5, 1.25)
        """
        reaches = sorted(max(ratio, 1 / ratio) for ratio in ratios if isfinite(ratio) and ratio > 0)
        needed = reaches[ceil(0.9 * len(reaches)) - 1] if reaches else 1.0
        return cls(next((width for width in WIDTHS if width >= needed), WIDTHS[-1]))

    def place(self, ratio: float) -> float:
        """The place of a ratio; what is beyond an end stands there.

        >>> RatioAxis(2.0).place(1.0), RatioAxis(2.0).place(9.0)
        (50.0, 100.0)
        """
        share = 0.5 + 0.5 * log(ratio) / log(self.most) if ratio > 0 else 0.0
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The place and the label of each tick."""
        return [(self.place(value), f"{value:g}×") for value in TICKS[self.most]]


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A cell with its places on the axis; None where it has no ratio, or no interval."""

    cell: DiffRow
    at: float | None
    start: float | None
    end: float | None
    margin_from: float
    margin_to: float
    change: str
    interval: str
    tone: str


def render_diff(diff: Diff) -> str:
    """The whole page as text, to be written as UTF-8."""
    rows = worst_first(diff)
    axis = RatioAxis.over([row.ratio for row in rows])
    return (
        environment()
        .get_template("diff.html.j2")
        .render(
            diff=diff,
            styles=Markup("").join(template_file(name) for name in STYLES),
            headline=words.headline(diff),
            drift=words.drift_sentences(diff),
            recommendation=words.recommendation(diff),
            versions=words.versions(diff),
            gaps=words.gaps(diff),
            counts={name: diff.count("speed", name) for name in ("slower", "faster", "inconclusive")},
            broken=sum(failure.kind in {"right to wrong", "right to failed"} for failure in diff.failures),
            axis=axis,
            rows=[_placed(row, axis) for row in rows[:MOST_ROWS]],
            hidden=max(0, len(rows) - MOST_ROWS),
        )
    )


def _placed(row: DiffRow, axis: RatioAxis) -> PlacedRow:
    has_interval = isfinite(row.ratio_low) and isfinite(row.ratio_high)
    tone = "wrong" if row.is_bad else "ok" if row.verdict in {"faster", "wrong to right", "failed to right"} else ""
    return PlacedRow(
        cell=row,
        at=axis.place(row.ratio) if isfinite(row.ratio) else None,
        start=axis.place(row.ratio_low) if has_interval else None,
        end=axis.place(row.ratio_high) if has_interval else None,
        margin_from=axis.place(1 / (1 + row.margin)),
        margin_to=axis.place(1 + row.margin),
        change=words.percent(row.ratio),
        interval=interval_of(row),
        tone=tone,
    )
