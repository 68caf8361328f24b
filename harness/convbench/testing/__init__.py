"""For authors of plug-ins, and is a machine steady: tests, fuzzing, worked examples, new distributions, the A/A test.

from convbench.testing import BackendTests
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbench.testing.suite import BackendTests

__all__ = ["BackendTests"]


def __getattr__(name: str) -> Any:
    """Re-export on first use: the suite needs pytest and hypothesis, and what else is here does not."""
    if name not in __all__:
        raise AttributeError(f"module 'convbench.testing' has no attribute {name!r}")
    from convbench.testing.suite import BackendTests  # noqa: PLC0415

    return BackendTests
