"""Why a process of a plug-in gave no answer."""

from __future__ import annotations

from dataclasses import dataclass

from convbench.plan.status import Status


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no result: the status of its cell, one line of reason, and the traceback if there is one.

    `alive` says that the process still runs.
    """

    status: Status
    reason: str
    traceback: str = ""
    alive: bool = False
