"""The run that compare, check and load_run return: its frames, and what shows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from convbench.report.export.figures.plots import Plots
from convbench.report.shown.page import page
from convbench.report.shown.short_table import short_table
from convbench.report.shown.style import styled
from convbench.report.views.slots import slots_of_run
from convbench.results import run as results
from convbench.results.loading import load_as
from convbench.results.runs import Runs

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


class Run(results.Run):
    """One run: frames of the measurements, a short table, and figures. A notebook displays its answer."""

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The ten columns that most people want, one row per cell: see short_table."""
        return short_table(self.measurements)

    def style(self) -> Styler:
        """The summary for a notebook: numbers with their units, the fastest in bold, wrong results in red."""
        return styled(self.summary)

    @property
    def plot(self) -> Plots:
        """Its figures: `plot.time("conv1")`, `plot.memory("conv1")`, `plot.roofline()`."""
        header, settings = self.header, self.header["settings"]
        threads = settings["threads"]
        setting = f"{threads} thread{'' if threads == 1 else 's'}, {header['machine'].get('processor', '')}"
        return Plots(
            measurements=self.measurements,
            slots=slots_of_run(self.backends, header["schema"], map(str, self.measurements["backend"].unique())),
            limits=self.limits,
            setting=setting.removesuffix(", "),
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer in sentences, the ranking, and where the whole report is."""
        return page(self)


def load_run(path: str | Path) -> Run:
    """Load the run in a folder. Raises RunError if the folder holds no run, or a damaged or newer one."""
    return load_as(Run, path)


def load_runs(paths: Sequence[str | Path]) -> Runs:
    """Load the runs in several folders. Raises RunError as load_run() does, and UsageError for a folder named twice."""
    return Runs(tuple(load_run(path) for path in paths))
