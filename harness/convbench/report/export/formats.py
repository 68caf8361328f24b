"""The formats that a run can be exported in: a table of them, each with what makes its text from a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convbench.errors import unknown_name
from convbench.report.export.bencher import bencher
from convbench.report.export.github_action import github_action
from convbench.report.export.junit import junit
from convbench.report.export.latex import latex
from convbench.report.export.markdown import markdown
from convbench.report.export.parquet import parquet
from convbench.report.export.pyperf import pyperf
from convbench.report.export.pytest_benchmark import pytest_benchmark
from convbench.results.run import Run


@dataclass(frozen=True, slots=True)
class Format:
    """A format; `render` gives text, or bytes where the format is not text.

    A format `of_times` holds right cells that were timed and no other: what it leaves out must be told beside it.
    """

    name: str
    reader: str
    render: Callable[[Run], str] | Callable[[Run], bytes]
    of_times: bool = False
    is_text: bool = True


FORMATS = {
    each.name: each
    for each in (
        Format("pytest-benchmark", "pytest-benchmark compare", pytest_benchmark, of_times=True),
        Format("pyperf", "pyperf stats, pyperf compare_to", pyperf, of_times=True),
        Format("bencher", "bencher run --adapter json", bencher, of_times=True),
        Format("github-action", "the benchmark action of GitHub", github_action, of_times=True),
        Format("markdown", "people: the summary of a CI job, a pull request", markdown),
        Format("latex", "people: a table of a paper, with booktabs", latex),
        Format("junit", "CI systems: a test case for each cell", junit),
        Format("parquet", "pandas and other readers of tables", parquet, is_text=False),
    )
}
"""Every format by its name."""


def format_named(name: str) -> Format:
    """The format of a name; UsageError with the nearest and with all that exist where there is none."""
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return FORMATS[name]
