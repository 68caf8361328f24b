"""The HTML report: one file that asks the network for nothing.

Styles, scripts, data and pictures are inside the page, and a Content-Security-Policy forbids the browser to load
anything else. The answer, who agrees with whom and what was not measured are plain HTML and need no scripts; curves and
the table of all cells are drawn by the scripts in templates/, from the JSON that embed.py writes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convbench.measure.memory import FLOOR_BYTES
from convbench.plan.status import FAILED
from convbench.report import view
from convbench.report.embed import encode_frame, encode_pairs, script_safe_json, worst_disagreements
from convbench.report.headline import headline, join_names
from convbench.report.inputs import (
    CHECK_COLUMNS,
    MEASUREMENT_COLUMNS,
    OPTIONAL_MEASUREMENT_COLUMNS,
    ROOFLINE_COLUMNS,
    ReportInput,
)
from convbench.report.largest_batch_view import largest_batch_view
from convbench.report.networks_view import networks_view
from convbench.report.roofline_view import roofline_view
from convbench.report.slots import placed_as_listed, slots
from convbench.results.events.state import BackendRecord
from convbench.results.run import Picture
from convbench.results.summary import ORACLE, REFERENCES, backend_verdicts, not_ranked, rank
from convbench.text import units

PACKAGE = "convbench.report"
SCRIPTS = ("units.js", "chart.js", "curves.js", "roofline.js", "cells.js", "report.js")
"""In the order in which they build on each other; they share one scope."""
SCHEMA_WITHOUT_DISPLAY_ORDER = 1
STYLES = ("report.css", "networks.css", "roofline.css")


def render_report(run: ReportInput) -> str:
    """The whole page as text, to be written as UTF-8."""
    measurements, agreement = run.measurements.reset_index(drop=True), run.agreement
    ranked = rank(measurements)
    verdicts = backend_verdicts(measurements, agreement)
    slots_by_name = _slots(run)
    roofline = roofline_view(measurements, run.limits)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            slots=slots_by_name,
            styles=Markup("").join(_file(name) for name in STYLES),
            scripts=Markup("\n").join(_file(name) for name in SCRIPTS),
            data=Markup(script_safe_json(_data(measurements, agreement, slots_by_name) | {"roofs": roofline["roofs"]})),  # noqa: S704 -- escaped for a script
            headline=headline(verdicts, ranked, run.backends),
            counts=_counts(measurements, verdicts),
            means=view.means_view(ranked),
            ranking=view.ranking_view(measurements, ranked),
            matrix=view.matrix_view(agreement),
            backends=view.backends_view(verdicts, run.backends),
            samples=view.samples_view(measurements),
            disagreements=_disagreements(agreement),
            not_ranked=not_ranked(measurements).to_dict("records"),
            roofline=roofline,
            networks=networks_view(run.networks, run.network_layers),
            largest=largest_batch_view(run.largest_batches),
            pictures=[(picture, _data_uri(picture)) for picture in run.pictures],
            oracle=ORACLE,
            floor_bytes=FLOOR_BYTES,
        )
    )


def _slots(run: ReportInput) -> dict[str, int]:
    """The slot of every backend that is recorded or measured; of several runs only the first records its backends."""
    recorded = run.backends
    if run.settings.schema_version == SCHEMA_WITHOUT_DISPLAY_ORDER:
        recorded = placed_as_listed(recorded)
    known = {backend.name for backend in recorded}
    measured = [str(name) for name in run.measurements["backend"].unique() if name not in known]
    return slots([*recorded, *(BackendRecord(name=name) for name in measured)])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    formats = (name for name in dir(units) if name.startswith("format_"))
    environment.filters |= {name.removeprefix("format_"): getattr(units, name) for name in formats}
    environment.filters |= {"names": join_names, "date": format_date}
    return environment


def _file(name: str) -> Markup:
    text = (resources.files(PACKAGE) / "templates" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 -- our own file


def _data(measurements: pd.DataFrame, agreement: pd.DataFrame, slots_by_name: Mapping[str, int]) -> dict[str, Any]:
    """What the scripts read."""
    columns = [
        *MEASUREMENT_COLUMNS,
        *(name for name in (*OPTIONAL_MEASUREMENT_COLUMNS, *CHECK_COLUMNS, *ROOFLINE_COLUMNS) if name in measurements),
    ]
    labels = view.case_labels(measurements)
    keys = measurements[view.CASE].itertuples(index=False, name=None)
    cells = measurements[columns].assign(label=[labels[key] for key in keys])
    return {"cells": encode_frame(cells), "slots": slots_by_name, "pairs": encode_pairs(agreement)}


def _counts(measurements: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, int]:
    """The numbers at the top of the page."""
    return {
        "right": int((verdicts["verdict"] == "right").sum()),
        "checked": int((verdicts["verdict"] != "").sum()),
        "cells": len(measurements),
        "measured": int(measurements["median_s"].notna().sum()),
        "wrong": int((measurements["status"] == "wrong").sum()),
        "failed": int(measurements["status"].isin(FAILED).sum()),
        "tensors": int(verdicts["tensors"].sum()),
        "agreeing": int((verdicts["tensors"] - verdicts["disagreeing"] - verdicts["untrusted"]).sum()),
        "cases": len(measurements[view.CASE].drop_duplicates()),
    }


def _disagreements(agreement: pd.DataFrame) -> dict[str, Any]:
    """Sentences on what does not agree with the oracle, a list a backend; of other pairs the number only."""
    off = agreement[agreement["verdict"] != "agrees"]
    against_oracle = off[off["right"] == ORACLE]
    shown = worst_disagreements(against_oracle)
    return {
        "by_backend": [
            {
                "backend": name,
                "rows": rows.to_dict("records"),
                "in_all": int((against_oracle["left"] == name).sum()),
            }
            for name, rows in shown.groupby("left", sort=False)
        ],
        "other_pairs": int((~off["right"].isin(REFERENCES)).sum()),
    }


def _data_uri(picture: Picture) -> str:
    return f"data:image/png;base64,{b64encode(picture.png).decode('ascii')}"


def format_date(text: str) -> str:
    """An ISO 8601 time as people write it; other text as it is.

    >>> format_date("2026-11-20T13:24:05+00:00"), format_date("yesterday")
    ('20 November 2026, 13:24 UTC', 'yesterday')
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()
