"""JUnit XML of the checks, as CI systems read it: a suite for each workload, a test case for each cell.

- A wrong cell is a failure with its finding, a cell in which the backend failed is an error. Where there is either, the
  run itself exits with 1.
- A cell of which nothing is proven is skipped with the reason: one that was not computed, and one that is untrusted.
- A right cell passes. Its `time` is that of one call, which no other cell has; the exact numbers are properties.
Source of the layout: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from xml.etree import ElementTree as ET

from convbench.plan.status import FAILED, Status
from convbench.report.views.rows import read_rows
from convbench.results.run import Run
from convbench.text.foreign import visible
from convbench.verify import RIGHT_ON_NUMBERS

PROPERTIES = ("median_s", "ci_low_s", "ci_high_s")


@dataclass(frozen=True, slots=True)
class CheckedCell:
    """A row of the measurements, as far as a test case shows it."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: str
    status: str
    verdict: str
    reason: str
    finding: str
    tensor: str
    explanation: str
    reproduce: str
    median_s: float
    ci_low_s: float
    ci_high_s: float


def junit(run: Run) -> str:
    """The document, with an XML declaration."""
    cells = read_rows(run.measurements.assign(**_missing(run)), CheckedCell)
    suites = [_suite(name, list(rows), run) for name, rows in groupby(cells, key=lambda cell: cell.workload)]
    root = ET.Element("testsuites", _counts(suites) | {"name": visible(run.header["command"])})
    root.extend(suites)
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _missing(run: Run) -> dict[str, str]:
    """The optional column of texts that a test case shows, where the run has it not."""
    return {} if "explanation" in run.measurements else {"explanation": ""}


def _suite(name: str, cells: Sequence[CheckedCell], run: Run) -> ET.Element:
    cases = [_case(cell) for cell in cells]
    attributes = {"name": visible(name), "timestamp": visible(run.header["started"])}
    suite = ET.Element("testsuite", attributes | _outcomes(cases))
    suite.extend(cases)
    return suite


def _outcomes(cases: Sequence[ET.Element]) -> dict[str, str]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: sum(case.find(tag) is not None for case in cases) for name, tag in kinds.items()}
    return {"tests": str(len(cases))} | {name: str(count) for name, count in counts.items()}


def _counts(suites: Sequence[ET.Element]) -> dict[str, str]:
    """The sums over all suites."""
    names = ("tests", "failures", "errors", "skipped")
    return {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in names}


def _case(cell: CheckedCell) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": visible(f"{cell.workload}.{cell.case}"),
            "name": visible(f"{cell.backend}: {cell.pass_name}, batch {cell.batch_size}, {cell.dtype}"),
        },
    )
    proven = cell.status == Status.OK and cell.verdict in RIGHT_ON_NUMBERS
    if not proven:
        case.append(_outcome(cell))
    elif isfinite(cell.median_s):
        case.set("time", f"{cell.median_s:.12f}")
        properties = ET.SubElement(case, "properties")
        for name in PROPERTIES:
            if isfinite(value := getattr(cell, name)):
                ET.SubElement(properties, "property", {"name": name, "value": repr(value)})
    if proven and cell.reason:  # it differs on NaN
        ET.SubElement(case, "system-out").text = visible(cell.reason)
    return case


def _outcome(cell: CheckedCell) -> ET.Element:
    """What a cell is that is not proven right."""
    if cell.status == Status.WRONG:
        return _told("failure", cell.finding or "disagrees", cell.reason, cell)
    if cell.status in FAILED:
        return _told("error", cell.status, cell.reason, cell)
    kind = cell.status if cell.status != Status.OK else cell.verdict or "not checked"
    return ET.Element("skipped", {"message": visible(f"{kind}: {cell.reason}" if cell.reason else kind)})


def _told(tag: str, kind: str, reason: str, cell: CheckedCell) -> ET.Element:
    told = ET.Element(tag, {"type": visible(kind), "message": visible(reason)})
    lines = [reason, cell.explanation, cell.reproduce]
    told.text = visible("\n".join(line for line in lines if line))
    return told
