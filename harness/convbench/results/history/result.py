"""What a history holds, as typed values. Machines and their settings are never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A run in a history: its folder, when it was started (ISO 8601), and the versions of its backends."""

    folder: str
    started: str
    versions: Mapping[str, str]
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A cell in one run: the run's number among the machine's, seconds of a call with their 95 % interval."""

    run: int
    median_s: float
    low_s: float
    high_s: float
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesStep:
    """Where a cell's time steps to another level: `run` is the first of the new one."""

    run: int
    before_s: float
    after_s: float
    version_before: str
    version: str

    @property
    def ratio(self) -> float:
        """The new level over the old one; over 1 is slower."""
        return self.after_s / self.before_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSeries:
    """A cell over time; runs in which it was not right or not timed have no point."""

    workload: str
    case: str
    definition: str
    """What the case computes: a case may keep its name and become another."""
    dtype: str
    batch_size: int
    pass_name: str
    backend: str
    points: tuple[Point, ...]
    steps: tuple[SeriesStep, ...]

    @property
    def cell(self) -> str:
        """The cell as a line names it."""
        return f"{self.backend}, {self.case} {self.pass_name} batch {self.batch_size} {self.dtype}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineHistory:
    """The runs of one machine with the same settings, oldest first, and the cells that they timed."""

    machine: Mapping[str, str]
    settings: Mapping[str, str]
    runs: tuple[Moment, ...]
    series: tuple[CellSeries, ...]
    display_order: Mapping[str, int | None]
    """The place of each backend among others, and with it its colour."""

    @property
    def name(self) -> str:
        """Machine and settings in one line."""
        kind = ", ".join(self.machine[fact] for fact in ("name", "processor", "cores") if self.machine.get(fact))
        return f"{kind or 'unnamed machine'}; " + ", ".join(f"{name} {value}" for name, value in self.settings.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All runs below a folder."""

    folder: Path
    machines: tuple[MachineHistory, ...]
    skipped: tuple[str, ...] = ()
    """Runs that were left out, each with the reason."""
