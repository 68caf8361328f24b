"""The one exception family of convbench.

Expected outcomes (a case that a backend cannot do) are values, see backend.py. An exception means that a call or
a file is at fault; its text says what, where and what to do, in one or two lines, and reaches the user as it is.
"""

from __future__ import annotations


class ConvbenchError(Exception):
    """Base of every error that convbench raises on purpose."""


class SpecError(ConvbenchError):
    """A parameter that no case can have; `key` is the parameter's name.

    >>> str(SpecError("stride", "must be at least 1, not -2"))
    'stride must be at least 1, not -2'
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem


class WorkloadError(ConvbenchError):
    """A workload file that cannot be read; the text names file, case, key and what would be right."""
