"""The phase of a run that searches the largest batch of every case, backend and pass."""

from __future__ import annotations

from collections.abc import Iterator

from convbench.results.events.schema import Recorded, WarningGiven
from convbench.run.context import RunContext
from convbench.run.largest_batch.search import Wanted, safe_limit, search_backend
from convbench.run.progress import Progress


def largest_batch_events(context: RunContext) -> Iterator[Recorded | Progress]:
    """A search for every case, backend and pass that computed at some batch size, and was not searched yet."""
    settings = context.settings
    limit, told = safe_limit(settings.memory_limit_bytes)
    if told:
        yield WarningGiven(text=told)
    for registered in context.backends:
        name = registered.backend.name
        wanted = _wanted(context, name)
        if wanted:
            log = context.workers.log_of(name)
            yield from search_backend(registered, wanted, settings, limit, log=log, scratch=context.scratch)


def _wanted(context: RunContext, backend: str) -> list[Wanted]:
    found = {
        (each.workload, each.case, each.dtype, each.pass_name)
        for each in context.state.largest_batches
        if each.backend == backend
    }
    wanted = dict.fromkeys(
        (item.workload, item.case, pass_name)
        for item in context.plan.items
        for pass_name in context.settings.passes
        if context.state.has_result(item.key(backend, pass_name))
    )
    return [
        (workload, case, pass_name)
        for workload, case, pass_name in wanted
        if (workload, case.name, case.dtype, pass_name) not in found
    ]
