"""What a notebook shows of a run: the answer in sentences, the ranking of one pass and batch size, and the path.

Everything is inside, and nothing is loaded. Text has the notebook's own colour, so that it is read on light and dark.
"""

from __future__ import annotations

from convbench.report.files import REPORT
from convbench.report.pages.templating import environment
from convbench.report.views.cases import TableKey
from convbench.report.views.fastest import RankingRow, RankingTable, RankingView, ranking_view
from convbench.report.views.headline import headline
from convbench.results.run import Run
from convbench.results.summary import backend_verdicts, rank

MOST_ROWS = 40
"""Cases that a notebook shows; the report has all."""


def page(run: Run) -> str:
    """HTML of the answer; it is escaped, as names are written by others."""
    measurements = run.measurements
    ranked = rank(measurements)
    view = ranking_view(measurements, ranked)
    table = _shown(view)
    timed = [row for row in table.rows if _has_time(row)] if table else []
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(
            headline=headline(backend_verdicts(measurements, run.agreement), ranked, run.backends),
            interrupted=run.interrupted,
            table=table,
            columns=[name for name in view.columns if any(name in row.cells for row in timed)],
            rows=timed[:MOST_ROWS],
            others=sum(map(_is_timed, view.tables)) - 1,
            warnings=len(run.warnings),
            folder=run.folder,
            report=run.folder / REPORT,
        )
    )


def _shown(view: RankingView) -> RankingTable | None:
    """The table that the page shows first, too; None where nothing was timed."""
    if not view.columns:
        return None
    return next((table for table in view.tables if TableKey(table.pass_name, table.batch_size) == view.default), None)


def _is_timed(table: RankingTable) -> bool:
    return any(map(_has_time, table.rows))


def _has_time(row: RankingRow) -> bool:
    return any(cell.kind != "empty" for cell in row.cells.values())
