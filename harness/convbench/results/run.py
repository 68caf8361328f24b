"""A run that was made: its frames, worked out from its events when they are first asked for.

Names of columns have their units: _s seconds per call, _bytes, _flops; `left` and `right` name what was compared. Every
column is declared in the package columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from convbench.plan.items import CellKey
from convbench.plan.status import FAILED, LEFT_OUT, Status
from convbench.results.events.header import Header
from convbench.results.events.schema import Columns, Resumed
from convbench.results.events.state import BackendRecord, RunState
from convbench.results.frames import agreement_frame, largest_batch_frame, sample_frame
from convbench.results.measurements import measurements_frame
from convbench.results.networks import fastest_layers, roll_up
from convbench.results.roofline import Limits
from convbench.results.statistics.comparison import LEAST_MARGIN
from convbench.results.timings import between
from convbench_specs import Workload

LONGEST_PATH = 160
"""Letters of a folder's path in the one line that stands for a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A feature map, or a row of them, as a PNG file's bytes."""

    title: str
    caption: str
    png: bytes


@dataclass(kw_only=True)
class Run:
    """One run, loaded from its folder."""

    folder: Path
    header: Header
    """The content of run.json."""
    workloads: tuple[Workload, ...]
    """The workloads as they were when the run was made."""
    pictures: tuple[Picture, ...] = ()
    state: RunState = field(repr=False)
    """Its events, folded."""

    def __repr__(self) -> str:
        """One line, however large the run is."""
        took = "interrupted" if self.interrupted else f"{self.duration_s:.0f} s"
        where = str(self.folder)
        where = where if len(where) <= LONGEST_PATH else f"…{where[-LONGEST_PATH:]}"
        return f"<Run {where}: {len(self.backends)} backends, {len(self.cells):,} cells, {took}>"

    @property
    def cells(self) -> Mapping[CellKey, Columns]:
        """What the events say of each cell, without what is worked out from samples."""
        return self.state.cells

    @property
    def backends(self) -> tuple[BackendRecord, ...]:
        """The backends that were asked for, and whether each could take part."""
        return self.state.records()

    @property
    def identity(self) -> Mapping[str, str]:
        """Which machine made it, see machine/identity.py; empty in runs from before that was recorded."""
        return {name: str(value) for name, value in self.header.get("identity", {}).items()}

    @property
    def machine_name(self) -> str:
        """The name of its machine; empty in older runs."""
        return self.identity.get("name", "")

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings that the run printed."""
        return tuple(self.state.warnings)

    @property
    def resumed(self) -> tuple[Resumed, ...]:
        """Each time that the run went on after it was cut short."""
        return tuple(self.state.resumed)

    @property
    def duration_s(self) -> float:
        """Seconds that the run took; NaN if it was killed."""
        finished = self.state.finished
        return float("nan") if finished is None else finished.duration_s

    @property
    def interrupted(self) -> bool:
        """Whether the run ended early."""
        finished = self.state.finished
        return finished is None or finished.interrupted

    @property
    def is_cut(self) -> bool:
        """Whether its journal tells of no end, as a killed run or a file that was cut leaves it."""
        return self.state.finished is None

    @property
    def phases_s(self) -> Mapping[str, float]:
        """Seconds that each phase of the run took: preparing, calling (what is checked), verifying, timing, memory."""
        return {} if self.state.finished is None else self.state.finished.phases_s

    @property
    def timed_s(self) -> Mapping[str, float]:
        """Those of the seconds that the backends used while the clock of a worker ran, by request.

        prepare and update are their own preparation, run the first and second calls, warm_up and sample come with the
        calls that warm up and settle before. Empty in older runs.
        """
        return {} if self.state.finished is None else self.state.finished.timed_s

    @cached_property
    def limits(self) -> Limits | None:
        """The highest rates that the machine reaches; None in a run that did not time, and in older runs."""
        return None if self.state.limits is None else self.state.limits.limits

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per sample: one timed loop of calls."""
        return sample_frame(self.state.samples)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row per tensor and pair of backends, or backend and reference."""
        return agreement_frame(self.state.agreement)

    @cached_property
    def largest_batches(self) -> pd.DataFrame:
        """One row per search for the largest batch size."""
        return largest_batch_frame(self.state.largest_batches)

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row per cell, in the order of the run."""
        frame = measurements_frame(
            self.cells, self.samples, workloads=self.workloads, limits=self.limits, margin=self.margin
        )
        versions = {record.name: record.version for record in self.backends}
        entrants = {record.name: record.entered for record in self.backends}
        who = list(frame["backend"])
        return frame.assign(
            version=[versions.get(name, "") for name in who], entrant=[entrants.get(name, "") for name in who]
        )

    @cached_property
    def networks(self) -> pd.DataFrame:
        """Whole networks: time and training memory a backend, and the mix of the fastest layers; see networks.py."""
        return roll_up(self.measurements, self._measured_workloads)

    @cached_property
    def network_layers(self) -> pd.DataFrame:
        """The fastest right backend of each layer of each network."""
        return fastest_layers(self.measurements, self._measured_workloads)

    @property
    def _measured_workloads(self) -> tuple[Workload, ...]:
        """None where a run only checked."""
        settings = self.header.get("settings", {})
        return self.workloads if settings.get("timing", True) or settings.get("memory", True) else ()

    @property
    def margin(self) -> float:
        """Ratios within 1 + margin count as equal: the noise floor of the machine, but at least 1 %."""
        return max(LEAST_MARGIN, float(self.header.get("floor") or 0.0))

    def compare(self, left: str, right: str) -> pd.DataFrame:
        """Time of the backend `left` divided by that of `right`, one row per case, dtype, batch size and pass.

        Columns: ratio, ratio_low, ratio_high (95 % t interval over the blocks), blocks, p_value, p_holm (adjusted over
        the rows), and `speed` of `left`: faster, slower, equivalent or inconclusive. Empty where one was never timed.
        """
        return between(self.samples, left, right, self.margin)

    @property
    def is_computed(self) -> bool:
        """Whether any cell was tried: not if all are unsupported, unavailable or skipped."""
        return not bool(self.measurements["status"].isin(LEFT_OUT).all())

    @property
    def is_right(self) -> bool:
        """Whether no cell is wrong."""
        return not bool((self.measurements["status"] == Status.WRONG).any())

    @property
    def has_failed(self) -> bool:
        """Whether a backend failed in a cell: an error, a crash, a call that was killed."""
        return bool(self.measurements["status"].isin(FAILED).any())
