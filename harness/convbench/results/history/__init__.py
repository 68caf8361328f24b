"""All runs below a folder over time: a series for each cell on each machine, with its steps."""

from convbench.results.history.history import history
from convbench.results.history.result import CellSeries, History, MachineHistory, Moment, Point, SeriesStep

__all__ = ["CellSeries", "History", "MachineHistory", "Moment", "Point", "SeriesStep", "history"]
