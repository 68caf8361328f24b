"""Several runs beside each other: their frames one below the other, each row with its run and machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from convbench.errors import UsageError
from convbench.results.events.header import HEADER
from convbench.results.loading import load_run
from convbench.results.run import Run


@dataclass(frozen=True)
class Runs:
    """Several runs, each with a label. Nothing is averaged over them, and no run is ranked against another.

    Every frame is that of the runs, with the columns `run` (the label) and `machine` (its name) in front.
    """

    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise UsageError("there must be at least one run")
        folders = [run.folder.resolve() for run in self.runs]
        twice = next((folder for folder in folders if folders.count(folder) > 1), None)
        if twice is not None:
            raise UsageError(f"{twice} is named twice: name each run once")

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The name of each run: that of its folder, with as many parent folders as distinguish it from the others."""
        return run_labels([run.folder.resolve() for run in self.runs])

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row per cell; places and ratios are those within its run."""
        return self._joined([run.measurements for run in self.runs])

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per sample: one timed loop of calls."""
        return self._joined([run.samples for run in self.runs])

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row per tensor and pair of backends of one run, or backend and reference."""
        return self._joined([run.agreement for run in self.runs])

    @cached_property
    def networks(self) -> pd.DataFrame:
        """Whole networks; the mix of a row is that of its run."""
        return self._joined([run.networks for run in self.runs])

    @cached_property
    def network_layers(self) -> pd.DataFrame:
        """The fastest right backend of each layer of each network, within its run."""
        return self._joined([run.network_layers for run in self.runs])

    @cached_property
    def largest_batches(self) -> pd.DataFrame:
        """One row per search for the largest batch size."""
        return self._joined([run.largest_batches for run in self.runs])

    def _joined(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        named = []
        for run, label, frame in zip(self.runs, self.labels, frames, strict=True):
            marked = frame.copy()
            marked.insert(0, "run", label)
            marked.insert(1, "machine", run.machine_name)
            named.append(marked)
        filled = [frame for frame in named if not frame.empty]
        return pd.concat(filled, ignore_index=True) if filled else named[0]


def load_runs(paths: Sequence[str | Path]) -> Runs:
    """Load the runs in several folders. Raises RunError as load_run() does, and UsageError for a folder named twice."""
    return Runs(tuple(load_run(path) for path in paths))


def run_folders(top: Path) -> list[Path]:
    """Every folder with a run.json at any depth below one, by name; UsageError where that is no folder."""
    if not top.is_dir():
        raise UsageError(f"{top} is no folder: name one that has folders of runs in it")
    return sorted(header.parent for header in top.rglob(HEADER))


def run_labels(folders: Sequence[Path]) -> tuple[str, ...]:
    """The shortest end of each path that no other path has.

    >>> run_labels([Path("/a/laptop/run"), Path("/a/server/run"), Path("/a/first")])
    ('laptop/run', 'server/run', 'first')
    """
    return tuple(_label(folder, [other for other in folders if other != folder]) for folder in folders)


def _label(folder: Path, others: Sequence[Path]) -> str:
    for length in range(1, len(folder.parts) + 1):
        tail = folder.parts[-length:]
        if all(other.parts[-length:] != tail for other in others):
            return str(Path(*tail))
    return str(folder)
