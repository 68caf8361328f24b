"""Which cells of an item are begun, and their check."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.results.events.schema import BackendStarted, CellPredicted, CellSkipped, ItemChecked, Recorded, fields_of
from convbench.run.checking.item import Checked, ItemChecker
from convbench.run.checking.pictures import PICTURED, Picture, pictures_of
from convbench.run.context import RunContext
from convbench.run.progress import Doing, Progress
from convbench.run.sessions import ItemEntrant, failed
from convbench.verify import MissingImages
from convbench.verify.fillings.photos import PHOTOS
from convbench.workers.arrays import DataSetFiles
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import DataKind, PassName

Happening = Recorded | Progress | Picture


def check_events(
    context: RunContext, item: Item, sessions: Sequence[BackendSession]
) -> Generator[Happening, None, DataSetFiles]:
    """Check an item on every backend that does it and is quick enough; the files of its data sets, if it was."""
    checked = yield from _check(context, item, sessions)
    yield ItemChecked(**fields_of(item.item_key))
    return () if checked is None else checked.data_sets


def _check(
    context: RunContext, item: Item, sessions: Sequence[BackendSession]
) -> Generator[Happening, None, Checked | None]:
    if item in context.too_large:
        yield from _all_skipped(
            item, [(each.name, context.settings.passes) for each in sessions], context.too_large[item]
        )
        return None
    entrants = []
    for session in sessions:
        yield Doing(f"{item.label}: predicting {session.name}")
        passes = yield from _begun(context, item, session)
        if passes:
            entrants.append(ItemEntrant(session, passes))
    checker = ItemChecker(
        scratch=context.scratch,
        seed=context.settings.seed,
        thoroughly=not context.settings.timing,  # timing needs the case that identities would cost the workers
        known=context.timed_results.known,
        kinds=_kinds(context.settings, item),
        stopwatch=context.stopwatch,
    )
    try:
        checked = yield from checker.events(item, entrants)
    except MissingImages as error:
        yield from _all_skipped(item, [(each.session.name, each.passes) for each in entrants], str(error))
        return None
    yield from _pictures(context, item, checked)
    return checked


def _kinds(settings: RunSettings, item: Item) -> tuple[DataKind, ...]:
    """The further kinds of data, at the smallest batch size that has any: other batches would tell the same."""
    sizes = [size for size in settings.batch_sizes if size]
    return settings.data if sizes and item.batch_size == sizes[0] else ()


def _begun(context: RunContext, item: Item, session: BackendSession) -> Generator[Recorded, None, tuple[PassName, ...]]:
    """The passes that are begun: supported, and within the budget by a prediction or by what a smaller batch took."""
    passes = context.settings.passes
    predicted = session.predict(item, passes)
    yield from _started(context, session)
    if isinstance(predicted, Failure):
        yield from (failed(item, session.name, name, predicted) for name in passes)
        return ()
    keys = {name: item.key(session.name, name) for name in passes}
    over = {name: context.budget.over_budget(keys[name], item.case, predicted[name]) for name in passes}
    # a cell that the backend cannot do is unsupported, whatever time it predicts for it
    slow = [name for name in passes if over[name] and predicted[name] is not None]
    declined = session.declined(item, slow) if slow else {}
    for name in passes:
        if name in declined:
            yield failed(item, session.name, name, declined[name])
            continue
        yield CellPredicted(**fields_of(keys[name]), predicted_s=predicted[name])
        if found := over[name]:
            yield CellSkipped(**fields_of(keys[name]), reason=found.reason, needed_budget_s=found.needed_s)
    return tuple(name for name in passes if over[name] is None)


def _started(context: RunContext, session: BackendSession) -> Iterator[BackendStarted]:
    """The first start of a backend in the run."""
    started = session.started
    if started is not None and session.name not in context.state.started:
        yield BackendStarted(
            name=session.name,
            facts=started.facts,
            start_s=started.start_s,
            harness_overhead_s=started.harness_overhead_s,
        )


def _all_skipped(item: Item, cells: Sequence[tuple[str, Sequence[PassName]]], reason: str) -> Iterator[CellSkipped]:
    for backend, passes in cells:
        for name in passes:
            yield CellSkipped(**fields_of(item.key(backend, name)), reason=reason)


def _pictures(context: RunContext, item: Item, checked: Checked) -> Iterator[Picture]:
    """Feature maps of photographs and drawings, at the smallest batch size that holds them all."""
    sizes, needed = context.settings.batch_sizes, len(PHOTOS) if item.case.x_data == "photos" else 1
    shown = next((size for size in sizes if size >= needed), sizes[-1])
    if item.case.x_data in PICTURED and item.batch_size == shown:
        yield from pictures_of(item, checked.tensors, checked.check.right_output("y"))
