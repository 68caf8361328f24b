"""Which figures a run has: `run.plot.time("conv1")`, `.memory("conv1")` and `.roofline()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.errors import UsageError, unknown_name
from convbench.report.export.figures.curves import MEMORY, TIME, Quantity, curves
from convbench.report.export.figures.figure import Figure
from convbench.report.export.figures.roofline import roofline
from convbench.report.views.cases import CaseKey, case_labels, in_usual_order
from convbench.report.views.roofline import roofline_view
from convbench.results.roofline import Limits


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plots:
    """The figures of one run. Each shows itself in a notebook, and `save` writes it as SVG, PDF or PNG."""

    measurements: pd.DataFrame
    slots: Mapping[str, int]
    limits: Limits | None
    setting: str
    """Threads and processor, for the line under a title."""

    def __repr__(self) -> str:
        return "<figures of a run: .time(case), .memory(case), .roofline()>"

    def time(
        self,
        case: str | None = None,
        *,
        pass_name: str | None = None,
        dtype: str | None = None,
        workload: str | None = None,
        backends: Sequence[str] | None = None,
    ) -> Figure:
        """Median time of a call of one case over batch sizes, with 95 % intervals, a curve a backend.

        A run of one case needs no name of it. Without `pass_name` it is the first of forward, backward and both that
        was measured. UsageError for a name that the run does not have, or where nothing was timed.
        """
        return self._curves(TIME, case=case, pass_name=pass_name, dtype=dtype, workload=workload, backends=backends)

    def memory(
        self,
        case: str | None = None,
        *,
        pass_name: str | None = None,
        dtype: str | None = None,
        workload: str | None = None,
        backends: Sequence[str] | None = None,
    ) -> Figure:
        """Peak memory of a warm call of one case over batch sizes, with the range of its repetitions; else as time."""
        return self._curves(MEMORY, case=case, pass_name=pass_name, dtype=dtype, workload=workload, backends=backends)

    def roofline(
        self,
        *,
        pass_name: str | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        backends: Sequence[str] | None = None,
    ) -> Figure:
        """GFLOP/s of every case over its arithmetic intensity, under the limits of the machine.

        Without `batch_size` it is the largest one at which most cells have a time. UsageError where the run knows no
        limits of its machine, or does not have a name.
        """
        roofs = roofline_view(self.measurements, [("", self.limits)] if self.limits else []).roofs
        if not roofs:
            raise UsageError(
                "this run timed nothing or knows no limits of its machine (convbench limits measures them)"
            )
        cells = self._of(self.measurements[self.measurements["median_s"].notna()], "backend", backends)
        cells = self._one(cells, "dtype", dtype)
        cells = self._of_pass(cells, pass_name)
        timed = cells.groupby("batch_size").size()
        largest: int = timed[timed == timed.max()].index.max()
        chosen = largest if batch_size is None else batch_size
        if chosen not in set(cells["batch_size"]):
            raise unknown_name("batch size", str(chosen), sorted(map(str, cells["batch_size"].unique())))
        cells = cells[cells["batch_size"] == chosen]
        own = [roof for roof in roofs if roof.label in set(cells["dtype"])]
        title = f"{cells['pass'].iloc[0]}, batch size {chosen}"
        return roofline(cells, self._labels(cells), own, self.slots, title=title)

    def _curves(
        self,
        quantity: Quantity,
        *,
        case: str | None,
        pass_name: str | None,
        dtype: str | None,
        workload: str | None,
        backends: Sequence[str] | None,
    ) -> Figure:
        cells = self._one(self.measurements, "case", case)
        cells = self._one(self._one(cells, "workload", workload), "dtype", dtype)
        cells = self._of(self._of_pass(cells, pass_name), "backend", backends)
        title = f"{self._labels(cells)[0]}, {cells['pass'].iloc[0]}"
        return curves(cells, self.slots, quantity, title=title, setting=self.setting)

    def _one(self, cells: pd.DataFrame, column: str, name: str | None) -> pd.DataFrame:
        """The cells of one case, workload or dtype, which must be named where there are several."""
        known = [str(each) for each in cells[column].unique()]
        if name is None and len(known) > 1:
            raise UsageError(f"which {column}? There are {', '.join(known)}")
        return self._of(cells, column, None if name is None else [name])

    def _of_pass(self, cells: pd.DataFrame, pass_name: str | None) -> pd.DataFrame:
        timed = cells.loc[cells["median_s"].notna(), "pass"].unique()
        first = in_usual_order(timed)[:1]
        return self._of(cells, "pass", [pass_name] if pass_name is not None else first or None)

    def _of(self, cells: pd.DataFrame, column: str, names: Sequence[str] | None) -> pd.DataFrame:
        """The cells with one of the names."""
        if names is None:
            return cells
        known = {str(each) for each in cells[column].unique()}
        for name in names:
            if name not in known:
                raise unknown_name(column, name, known)
        return cells[cells[column].isin(names)]

    def _labels(self, cells: pd.DataFrame) -> list[str]:
        labels = case_labels(self.measurements)
        keys = cells[["workload", "case", "dtype"]].itertuples(index=False, name=None)
        return [labels[CaseKey(*key)] for key in keys]
