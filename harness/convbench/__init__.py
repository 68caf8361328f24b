"""The host of convbench: it finds backends, checks, measures and reports. The three calls of a script are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbench.api import check, compare
    from convbench.results.loading import load_run
    from convbench.results.run import Run

__all__ = ["Run", "check", "compare", "load_run"]


def __dir__() -> list[str]:
    """What is re-exported on first use, too."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


def __getattr__(name: str) -> Any:
    """Re-export on first use: importing pandas takes longer than `convbench --help` may, and workers do not need it."""
    if name not in __all__:
        raise AttributeError(f"module 'convbench' has no attribute {name!r}")
    from convbench import api  # noqa: PLC0415

    return getattr(api, name)
