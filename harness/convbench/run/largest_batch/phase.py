"""The phase of a run that searches the largest batch of every case, backend and pass."""

from __future__ import annotations

from collections.abc import Iterator

from convbench.results.events.schema import Recorded, WarningGiven
from convbench.run.context import RunContext
from convbench.run.largest_batch.search import Searcher, Wanted, safe_limit
from convbench.run.progress import Doing, Progress, SetAside
from convbench.run.timing.promise import left_out_text, reason

LEAST_SEARCH_S = 0.5
"""A search that has less time is not begun."""


def largest_batch_events(context: RunContext) -> Iterator[Recorded | Progress]:
    """A search for every case, backend and pass that computed at some batch size, and was not searched yet.

    In a run that promised to end they share the time that is left; without any they are left out, and say so.
    """
    promise = context.promise
    limit, told = safe_limit(context.settings.memory_limit_bytes)
    if told:
        yield WarningGiven(text=told)
    wanted = {each.backend.name: _wanted(context, each.backend.name) for each in context.backends}
    promise.searches = sum(map(len, wanted.values()))
    late = 0
    for registered in context.backends:
        name = registered.backend.name
        searcher = Searcher(
            registered,
            context.settings,
            limit,
            log=context.workers.log_of(name),
            scratch=context.scratch,
            patience_s=promise.patience_s,
        )
        with searcher:
            for workload, case, pass_name in wanted[name]:
                yield SetAside(promise.searches * promise.search_s(promise.searches))
                yield Doing(f"{workload}/{case.name} {pass_name}: largest batch of {name}")
                search_s = promise.search_s(promise.searches)
                promise.searches -= 1
                late += search_s < LEAST_SEARCH_S
                if search_s < LEAST_SEARCH_S:
                    yield searcher.event(workload, case, pass_name, searcher.skipped(reason(context.settings)))
                else:
                    found = yield from searcher.find(case, pass_name, search_s)
                    yield searcher.event(workload, case, pass_name, found)
    yield SetAside(0.0)
    if late:
        what = "searches for the largest batch were left out"
        yield WarningGiven(text=left_out_text(what, [f"{late} of them"], context.settings))


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
