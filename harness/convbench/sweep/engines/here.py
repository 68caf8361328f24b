"""No engine: jobs are made one after the other on this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from convbench.sweep.engines.engine import Machine
from convbench.sweep.on_machine.carrying_out import carry_out
from convbench.sweep.on_machine.folders import end, forget, forget_sweep, look
from convbench.sweep.on_machine.messages import Address, Glimpse, Order, Question, Report


class HereEngine:
    """This computer as the only machine, of these kinds."""

    def __init__(self, kinds: Collection[str]) -> None:
        self._machine = Machine("this machine", frozenset(kinds))

    async def machines(self) -> Collection[Machine]:
        """Only this one."""
        return (self._machine,)

    async def measure(self, machine: Machine, order: Order) -> Report:  # noqa: ARG002
        """Carry it out in a thread; it ends when the job is called off, or when this process dies."""
        return await asyncio.to_thread(carry_out, order)

    async def look(self, machine: Machine, question: Question) -> Glimpse | None:  # noqa: ARG002
        """Look here."""
        return await asyncio.to_thread(look, question)

    async def end(self, machine: Machine, address: Address) -> None:  # noqa: ARG002
        """Call the job off."""
        end(address)

    async def forget(self, machine: Machine, address: Address) -> None:  # noqa: ARG002
        """Remove its folder."""
        forget(address)

    async def forget_sweep(self, machine: Machine, sweep: str) -> None:  # noqa: ARG002
        """Remove the folder of a sweep."""
        forget_sweep(sweep)

    async def close(self) -> None:
        """Nothing was started."""
