"""What an engine can do: tell which machines there are, and have one of them carry out a job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from convbench.errors import UsageError
from convbench.sweep.on_machine.messages import Address, Glimpse, Order, Question, Report


class EngineLostError(UsageError):
    """The engine is gone: no job can be sent and no result received any more."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that takes jobs, by the address that its engine has for it. It is of one or several kinds."""

    address: str
    kinds: frozenset[str]
    engine: int = 0
    """Which of several clusters it belongs to."""


class Engine(Protocol):
    """A way to reach machines. Its methods raise EngineLostError where that way is gone."""

    async def machines(self) -> Collection[Machine]:
        """Those that are there now."""

    async def measure(self, machine: Machine, order: Order) -> Report:
        """Have a machine carry out an order, and wait for it: for ever, where it is gone, until this is cancelled."""

    async def look(self, machine: Machine, question: Question) -> Glimpse | None:
        """Ask about a job that is being made; None where there is no answer."""

    async def end(self, machine: Machine, address: Address) -> None:
        """Have a job end that is being made."""

    async def forget(self, machine: Machine, address: Address) -> None:
        """Have a machine remove what it has left of a job."""

    async def forget_sweep(self, machine: Machine, sweep: str) -> None:
        """Have a machine remove what it has left of a sweep."""

    async def close(self) -> None:
        """Let go of the machines, and of what was started to reach them."""
