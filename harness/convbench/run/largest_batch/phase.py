"""The phase of a run that searches the largest batch of every case or whole network, by backend."""

from __future__ import annotations

from collections.abc import Iterator

from convbench.plan.items import CellKey
from convbench.results.events.schema import Recorded, WarningGiven
from convbench.run.context import RunContext
from convbench.run.largest_batch.search import Searcher, safe_limit
from convbench.run.largest_batch.subjects import WHOLE, Subject, subjects_of
from convbench.run.progress import Doing, Progress, SetAside
from convbench.run.timing.promise import left_out_text, reason
from convbench_specs import Case

LEAST_SEARCH_S = 0.5
"""A search that has less time is not begun."""
SHOWN = 3
"""Layers that are named where a network lacks some."""


def largest_batch_events(context: RunContext) -> Iterator[Recorded | Progress]:
    """A search for every subject that a backend computed at some batch size, and that was not searched yet.

    In a run that promised to end they share the time that is left; without any they are left out, and say so. A whole
    network of which a backend has not computed every layer is not searched, and says so.
    """
    promise = context.promise
    limit, told = safe_limit(context.settings.memory_limit_bytes)
    if told:
        yield WarningGiven(text=told)
    wanted = {each.backend.name: _wanted(context, each.backend.name) for each in context.backends}
    promise.searches = sum(not lacking for subjects in wanted.values() for lacking in subjects.values())
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
            for subject, lacking in wanted[name].items():
                if lacking:
                    yield searcher.event(subject, searcher.skipped(lacking))
                    continue
                yield SetAside(promise.searches * promise.search_s(promise.searches))
                yield Doing(f"{subject.label}: largest batch of {name}")
                search_s = promise.search_s(promise.searches)
                promise.searches -= 1
                late += search_s < LEAST_SEARCH_S
                if search_s < LEAST_SEARCH_S:
                    yield searcher.event(subject, searcher.skipped(reason(context.settings)))
                else:
                    found = yield from searcher.find(subject, search_s)
                    yield searcher.event(subject, found)
    yield SetAside(0.0)
    if late:
        what = "searches for the largest batch were left out"
        yield WarningGiven(text=left_out_text(what, [f"{late} of them"], context.settings))


def _wanted(context: RunContext, backend: str) -> dict[Subject, str]:
    """What is to be searched of a backend, and why a whole network is not."""
    found = {
        (each.workload, each.case, each.dtype, each.pass_name)
        for each in context.state.largest_batches
        if each.backend == backend
    }
    wanted = {}
    for subject in subjects_of(context.plan, context.settings):
        if (subject.workload, subject.case, subject.dtype, subject.pass_name) not in found:
            missing = [case.name for case in subject.cases() if not _is_computed(context, backend, subject, case)]
            if not missing or subject.case == WHOLE:
                wanted[subject] = _lacking(missing)
    return wanted


def _is_computed(context: RunContext, backend: str, subject: Subject, case: Case) -> bool:
    """Whether a backend has computed a case at any batch size in one of the passes that the subject needs."""
    return any(
        context.state.has_result(CellKey(subject.workload, case.name, case.dtype, size, backend, pass_name))
        for size in context.settings.batch_sizes
        for pass_name in subject.passes()
    )


def _lacking(missing: list[str]) -> str:
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return f"not computed in this run: {', '.join(missing[:SHOWN])}{more}" if missing else ""
