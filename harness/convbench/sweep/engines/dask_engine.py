"""Jobs on the workers of dask clusters. A worker is a machine if it has a resource: its name is the kind of machine.

What of dask is not relied on, and why:

- Its own retries. When a worker dies, dask blames every task that was there and sends them wherever it likes. Here a
  worker has one task at a time, tied to its address; when the address is gone, the task is cancelled and the job handed
  out anew.
- Its cancelling. A running task cannot be cancelled, so a job ends when its sender says so or is silent for too long.
- Its environment. A nanny sets thread counts and malloc's thresholds for its worker; the process that measures gets
  none of them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent import futures
from typing import Any, TypeVar

from convbench.errors import UsageError
from convbench.sweep.engines.engine import EngineLostError, Machine
from convbench.sweep.on_machine.carrying_out import carry_out
from convbench.sweep.on_machine.folders import end, forget, forget_sweep, look
from convbench.sweep.on_machine.messages import (
    Address,
    Description,
    Ended,
    Glimpse,
    Order,
    Question,
    Refused,
    Report,
    protocol,
)
from convbench.text.foreign import clean

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
GONE = "the scheduler is gone: start it and its workers again"
ANSWER_S = 30.0
"""A worker that does not answer a short question for so long is left alone until the next."""
NANNY_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What distributed.nanny.pre-spawn-environ of dask's configuration sets by default."""


def called(spoken: str, function: Callable[[Asked], Answer], argument: Asked) -> Answer:
    """Call a function on a worker, whose convbench must have the same messages: else fields would change places."""
    if spoken != protocol():
        raise UsageError("its convbench is another than the one that conducts the sweep: install the same there")
    return function(argument)


class DaskEngine:
    """Clusters as connected clients know them, to be used inside the event loop that these are in.

    `started` is what was started to reach them and is closed with the engine.
    """

    def __init__(self, clients: Sequence[Any], started: Sequence[Any] = ()) -> None:
        self._clients = tuple(clients)
        self._started = tuple(started)
        self._known: tuple[dict[str, Machine], ...] = tuple({} for _ in self._clients)
        """Every worker that was ever seen, by its address."""

    async def machines(self) -> Collection[Machine]:
        """Every worker that has a resource."""
        found: list[Machine] = []
        for number, client in enumerate(self._clients):
            self._demand(client)
            known, present = self._known[number], await self._asked(client.scheduler.ncores())
            if not present.keys() <= known.keys():  # the long answer, of megabytes, only where there are new ones
                identity = await self._asked(client.scheduler.identity(n_workers=-1))
                for address, worker in identity["workers"].items():
                    known[address] = Machine(address, frozenset(worker.get("resources") or ()), number)
            found += [known[address] for address in present if address in known and known[address].kinds]
        return found

    async def measure(self, machine: Machine, order: Order) -> Report:
        """Submit the order to one worker and wait for its report."""
        client = self._clients[machine.engine]
        future = client.submit(
            called,
            protocol(),
            carry_out,
            order,
            key=f"convbench-{order.sweep}-{order.job.id}-{secrets.token_hex(4)}",  # else dask gives old results
            workers=[machine.address],
            allow_other_workers=False,
            resources={order.job.kind: 1},
            retries=0,
            pure=False,
        )
        try:
            report: Report = await future
        except futures.CancelledError:  # dask's, not asyncio's: that one is for us
            self._demand(client)
            return Ended(reason="the scheduler dropped it")
        except OSError as error:
            self._demand(client)
            return Ended(reason=clean(f"the connection broke: {error}"))
        except Exception as error:  # noqa: BLE001  # whatever a worker raises: convbench may be missing there
            self._demand(client)
            return Refused(description=Description(), reason=clean(f"{type(error).__name__}: {error}"))
        finally:
            future.release()
        return report

    async def look(self, machine: Machine, question: Question) -> Glimpse | None:
        """Ask the worker's event loop, which answers while its one thread measures."""
        return await self._run(machine, look, question)

    async def end(self, machine: Machine, address: Address) -> None:
        """Call a job off."""
        await self._run(machine, end, address)

    async def forget(self, machine: Machine, address: Address) -> None:
        """Have the worker remove a job's folder."""
        await self._run(machine, forget, address)

    async def forget_sweep(self, machine: Machine, sweep: str) -> None:
        """Have the worker remove a sweep's folder."""
        await self._run(machine, forget_sweep, sweep)

    async def close(self) -> None:
        """Close clients, then clusters that were started for them."""
        for each in (*self._clients, *self._started):
            async with asyncio.timeout(ANSWER_S):
                await each.close()

    async def _run(self, machine: Machine, function: Callable[..., Answer], argument: object) -> Answer | None:
        """What a function answers on a worker; None where the worker cannot be asked."""
        client = self._clients[machine.engine]
        self._demand(client)
        try:
            async with asyncio.timeout(ANSWER_S):
                answers = await client.run(
                    called, protocol(), function, argument, workers=[machine.address], on_error="return"
                )
        except (OSError, TimeoutError, ValueError):  # it is gone, or busy: it is asked again
            return None
        answer = answers.get(machine.address)
        return None if isinstance(answer, Exception) else answer

    def _demand(self, client: Any) -> None:
        """EngineLostError where a client has lost its scheduler."""
        if client.status != "running":
            raise EngineLostError(GONE)

    async def _asked(self, answer: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except (OSError, TimeoutError) as error:
            raise EngineLostError(GONE) from error
