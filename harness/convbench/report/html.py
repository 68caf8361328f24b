"""The HTML report, which is one file and needs no network.

Styles, scripts, data and pictures are inside the page, and a Content-Security-Policy forbids the browser to load
anything else. The answer, the agreement of the backends and what was not measured are plain HTML and need no scripts.
The scripts in templates/ draw the curves and the table of all cells, from the JSON that embed.py writes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd
from markupsafe import Markup

from convbench.measure.memory import FLOOR_BYTES
from convbench.plan.status import FAILED
from convbench.report.inputs import (
    CHECK_COLUMNS,
    MEASUREMENT_COLUMNS,
    OPTIONAL_MEASUREMENT_COLUMNS,
    ROOFLINE_COLUMNS,
    RUN_COLUMNS,
    ReportInput,
)
from convbench.report.pages.embed import encode_frame, encode_pairs, script_safe_json
from convbench.report.pages.templating import environment, template_file
from convbench.report.views.cases import CASE, CaseKey, case_labels
from convbench.report.views.course.ideas import IDEAS
from convbench.report.views.course.story import CourseView, course_view
from convbench.report.views.fastest import means_view, ranking_view
from convbench.report.views.headline import headline
from convbench.report.views.largest_batch import LargestBatchView, largest_batch_view
from convbench.report.views.networks import networks_view
from convbench.report.views.not_ranked import not_ranked_view
from convbench.report.views.right import MatrixView, backends_view, disagreements_view, matrix_view, samples_view
from convbench.report.views.roofline import Roof, roofline_view
from convbench.report.views.runs import RunsView, own_name
from convbench.report.views.slots import placed, slots, slots_of_run
from convbench.results.run import Picture
from convbench.results.summary import ORACLE, backend_verdicts, rank

SCRIPTS = ("units.js", "chart.js", "download.js", "curves.js", "roofline.js", "cells.js", "report.js")
"""In an order in which each uses only what stands before it, as they share one scope."""
STYLES = ("report.css", "networks.css", "roofline.css", "course.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The numbers at the top of the page: of backends, of cells, of tensors compared with the oracle, and of cases."""

    right: int
    checked: int
    cells: int
    measured: int
    wrong: int
    failed: int
    tensors: int
    agreeing: int
    cases: int


def render_report(run: ReportInput) -> str:
    """The whole page as text, to be written as UTF-8."""
    measurements, agreement = run.measurements.reset_index(drop=True), run.agreement
    ranked = rank(measurements)
    verdicts = backend_verdicts(measurements, agreement)
    slots_by_name = _slots(run)
    roofline = roofline_view(measurements, run.limits)
    data = Markup(_data(measurements, agreement, slots_by_name, roofline.roofs))  # noqa: S704 -- escaped for a script
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            runs=run.runs,
            slots=slots_by_name,
            styles=Markup("").join(template_file(name) for name in STYLES),
            scripts=Markup("\n").join(template_file(name) for name in SCRIPTS),
            data=data,
            headline=headline(verdicts, ranked, run.backends),
            counts=_counts(measurements, verdicts),
            means=means_view(ranked),
            ranking=ranking_view(measurements, ranked),
            matrices=_matrices(agreement, run.runs),
            backends=backends_view(verdicts, run.backends),
            samples=samples_view(measurements),
            disagreements=disagreements_view(agreement),
            not_ranked=not_ranked_view(measurements),
            roofline=roofline,
            course=CourseView() if run.runs else course_view(measurements, run.backends, run.cases),
            ideas=IDEAS,
            networks=networks_view(run.networks, run.network_layers),
            largest=_largest(run),
            pictures=[(picture, _data_uri(picture)) for picture in run.pictures],
            oracle=ORACLE,
            floor_bytes=FLOOR_BYTES,
        )
    )


def _slots(run: ReportInput) -> dict[str, int]:
    """The slot of every backend that is recorded or has cells. Of several runs only the first records its backends."""
    if run.runs is None:
        return slots_of_run(run.backends, run.settings.schema_version, map(str, run.measurements["backend"].unique()))
    # a backend has one colour in all runs, under its own name and under those that say the run
    recorded = placed(run.backends, run.settings.schema_version)
    names = {record.name: own_name(record.name, run.runs.labels) for record in recorded}
    own = slots([replace(record, name=names[record.name]) for record in recorded])
    return own | {name: own[of_all] for name, of_all in names.items()}


def _matrices(agreement: pd.DataFrame, runs: RunsView | None) -> list[tuple[str, MatrixView]]:
    """The matrix of each run that has one, with its label where there are several."""
    if runs is None:
        return [("", found)] if (found := matrix_view(agreement)).names else []
    each = [(label, matrix_view(agreement[agreement["run"] == label])) for label in runs.labels]
    return [(label, matrix) for label, matrix in each if matrix.names]


def _largest(run: ReportInput) -> list[tuple[str, LargestBatchView]]:
    """The table of each run that searched, as each has a limit of its own."""
    found = run.largest_batches
    if run.runs is None or found.empty:
        each = [("", largest_batch_view(found))]
    else:
        each = [(label, largest_batch_view(found[found["run"] == label])) for label in run.runs.labels]
    return [(label, table) for label, table in each if table.rows]


def _data(
    measurements: pd.DataFrame, agreement: pd.DataFrame, slots_by_name: Mapping[str, int], roofs: Sequence[Roof]
) -> str:
    """What the scripts read, as JSON that may stand in the page."""
    optional = (*OPTIONAL_MEASUREMENT_COLUMNS, *CHECK_COLUMNS, *ROOFLINE_COLUMNS, *RUN_COLUMNS)
    columns = [*MEASUREMENT_COLUMNS, *(name for name in optional if name in measurements)]
    labels = case_labels(measurements)
    keys = measurements[CASE].itertuples(index=False, name=None)
    cells = measurements[columns].assign(label=[labels[CaseKey(*key)] for key in keys])
    return script_safe_json(
        {
            "cells": encode_frame(cells),
            "slots": slots_by_name,
            "pairs": encode_pairs(agreement),
            "roofs": [asdict(roof) for roof in roofs],
        }
    )


def _counts(measurements: pd.DataFrame, verdicts: pd.DataFrame) -> Counts:
    return Counts(
        right=int((verdicts["verdict"] == "right").sum()),
        checked=int((verdicts["verdict"] != "").sum()),
        cells=len(measurements),
        measured=int(measurements["median_s"].notna().sum()),
        wrong=int((measurements["status"] == "wrong").sum()),
        failed=int(measurements["status"].isin(FAILED).sum()),
        tensors=int(verdicts["tensors"].sum()),
        agreeing=int((verdicts["tensors"] - verdicts["disagreeing"] - verdicts["untrusted"]).sum()),
        cases=len(measurements[CASE].drop_duplicates()),
    )


def _data_uri(picture: Picture) -> str:
    return f"data:image/png;base64,{b64encode(picture.png).decode('ascii')}"
