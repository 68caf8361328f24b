"""Machines that exist only as numbers: each answers an order at once, with the run of a stub."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection

from convbench.sweep.engines.engine import Machine
from convbench.sweep.on_machine.messages import Address, Description, Glimpse, Measured, Order, Question, Report


class SimulatedEngine:
    """So many machines of one kind; `calls` counts what they were asked."""

    def __init__(self, machines: int, archive: bytes, answer_s: float = 0.0) -> None:
        self._machines = tuple(Machine(f"host{number}", frozenset({"machine"})) for number in range(machines))
        self._archive, self._answer_s = archive, answer_s
        self.calls: Counter[str] = Counter()
        self.at_once: Counter[Machine] = Counter()
        self.most_at_once = 0

    async def machines(self) -> Collection[Machine]:
        """All of them, always."""
        self.calls["machines"] += 1
        return self._machines

    async def measure(self, machine: Machine, order: Order) -> Report:
        """The same run for every order."""
        self.calls["measure"] += 1
        self.at_once[machine] += 1
        self.most_at_once = max(self.most_at_once, self.at_once[machine])
        await asyncio.sleep(self._answer_s)
        self.at_once[machine] -= 1
        description = Description(identity={"name": machine.address, "id": f"{hash(machine) & 0xFFFFFFFF:08x}"})
        return Measured(description=description, exit_code=0, archive=self._archive)

    async def look(self, machine: Machine, question: Question) -> Glimpse | None:
        """Nothing new."""
        self.calls["look"] += 1

    async def end(self, machine: Machine, address: Address) -> None:
        """Nothing to end."""

    async def forget(self, machine: Machine, address: Address) -> None:
        """Nothing to forget."""
        self.calls["forget"] += 1

    async def forget_sweep(self, machine: Machine, sweep: str) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing was started."""
