"""The host of convbench: it finds backends, checks, measures and reports. What a script calls is here.

run = convbench.compare("quick", backends=["numpy-im2col", "pytorch"])
run.measurements      # a pandas DataFrame, one row per cell
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbench.api import check, compare
    from convbench.errors import RunError, UsageError
    from convbench.extraction.asking import extract
    from convbench.plan.entrants import Entrant
    from convbench.report.export import export
    from convbench.report.shown.run import Run, load_run, load_runs
    from convbench.report.site import Published, publish
    from convbench.results.diff import Diff, diff
    from convbench.results.history import History, history
    from convbench.results.runs import Runs
    from convbench.results.tables import read_csv
    from convbench.results.training import Training, load_training
    from convbench.training.train import train
    from convbench_specs import ConvbenchError

    __version__: str

_HOMES = {
    "ConvbenchError": "convbench_specs",
    "Diff": "convbench.results.diff",
    "Entrant": "convbench.plan.entrants",
    "History": "convbench.results.history",
    "Published": "convbench.report.site",
    "Run": "convbench.report.shown.run",
    "RunError": "convbench.errors",
    "Runs": "convbench.results.runs",
    "Training": "convbench.results.training",
    "UsageError": "convbench.errors",
    "check": "convbench.api",
    "compare": "convbench.api",
    "diff": "convbench.results.diff",
    "export": "convbench.report.export",
    "history": "convbench.results.history",
    "extract": "convbench.extraction.asking",
    "load_run": "convbench.report.shown.run",
    "load_runs": "convbench.report.shown.run",
    "load_training": "convbench.results.training",
    "publish": "convbench.report.site",
    "read_csv": "convbench.results.tables",
    "train": "convbench.training.train",
}
"""Where each name is from: imported on first use, as pandas alone takes longer than `convbench --help` may."""

__all__ = [
    "ConvbenchError",
    "Diff",
    "Entrant",
    "History",
    "Published",
    "Run",
    "RunError",
    "Runs",
    "Training",
    "UsageError",
    "__version__",
    "check",
    "compare",
    "diff",
    "export",
    "extract",
    "history",
    "load_run",
    "load_runs",
    "load_training",
    "publish",
    "read_csv",
    "train",
]


def __dir__() -> list[str]:
    """What is imported on first use, too."""
    return [*__all__, *(name for name in globals() if name.startswith("__") and name not in __all__)]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # reading it takes a while, and few ask

        return version("convbench")
    if name not in _HOMES:
        raise AttributeError(f"module 'convbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
