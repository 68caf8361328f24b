"""Every column of a run's frames, declared once; the tables of docs/results.md are written from here."""

from convbench.results.columns.agreement import AGREEMENT
from convbench.results.columns.column import Column, Dtype, Unit, names
from convbench.results.columns.diff import DIFF_CELLS
from convbench.results.columns.keys import names_of_one_run
from convbench.results.columns.largest_batches import LARGEST_BATCHES
from convbench.results.columns.measurements import MEASUREMENTS
from convbench.results.columns.networks import NETWORK_LAYERS, NETWORKS
from convbench.results.columns.samples import SAMPLES

__all__ = [
    "AGREEMENT",
    "DIFF_CELLS",
    "LARGEST_BATCHES",
    "MEASUREMENTS",
    "NETWORKS",
    "NETWORK_LAYERS",
    "SAMPLES",
    "Column",
    "Dtype",
    "Unit",
    "names",
    "names_of_one_run",
]
