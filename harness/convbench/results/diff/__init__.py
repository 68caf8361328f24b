"""Two stored runs, or two entrants of one run, side by side: what became slower, wrong, or larger."""

from convbench.results.diff.diff import diff
from convbench.results.diff.result import Diff, Failure, VersionChange
from convbench.results.diff.stored import Drift

__all__ = ["Diff", "Drift", "Failure", "VersionChange", "diff"]
