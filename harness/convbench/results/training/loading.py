"""From the journal of a training to its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.errors import RunError
from convbench.machine.array_file import open_array
from convbench.plan.network_table import network_of
from convbench.plan.status import Status
from convbench.results.training import events
from convbench.results.training.agreement import Agreement, Bound, bound_of
from convbench.results.training.header import TrainingHeader, read_header
from convbench.results.training.journal import ENTRANTS, read_events
from convbench.results.training.training import (
    Deviation,
    Epoch,
    MovedRun,
    ShownImage,
    Training,
    TrainingEntrant,
    WeightDistance,
)
from convbench_specs import WorkloadError
from convbench_specs.training import TrainableNetwork

Array = NDArray[Any]
SHOWN_PIXELS, SHOWN_INDICES, SHOWN_LABELS = "shown_pixels.npy", "shown_indices.npy", "shown_labels.npy"


def load_training(folder: str | Path) -> Training:
    """The training of a folder, finished or not; RunError where there is none, or it is damaged."""
    folder = Path(folder)
    header = read_header(folder)
    try:
        network = network_of(header.network, header.settings.dtype)
    except WorkloadError as error:
        raise RunError(f"{folder} is damaged: {error}") from error
    return training_of(folder, header, network, read_events(folder))


@dataclass(slots=True)
class EntrantState:
    """An entrant while its events are read."""

    found: events.EntrantFound
    prepared: events.EntrantPrepared | None = None
    losses: list[float] = field(default_factory=list)
    compute_s: list[float] = field(default_factory=list)
    renew_s: list[float] = field(default_factory=list)
    own_s: list[float] = field(default_factory=list)
    distances: list[events.WeightsCompared] = field(default_factory=list)
    watched: list[int] = field(default_factory=list)
    deviation: events.DeviationFound | None = None
    epochs: list[events.EpochEnded] = field(default_factory=list)
    predicted: events.EpochPredicted | None = None
    stopped: events.EntrantStopped | None = None
    failed: events.EntrantFailed | None = None
    has_filters: bool = False

    def apply(self, event: events.AnyEvent) -> None:
        """Take in what happened to it."""
        match event:
            case events.StepsTaken():
                for name in ("losses", "compute_s", "renew_s", "own_s"):
                    getattr(self, name).extend(getattr(event, name))
            case events.WeightsCompared():
                self.distances.append(event)
            case events.StepWatched():
                self.watched.append(event.step)
            case events.EpochEnded():
                self.epochs.append(event)
            case events.Resumed():
                self._go_back(event.steps_done)
            case _:
                self._take(event)

    def _take(self, event: events.AnyEvent) -> None:
        """Take in what happens to it once."""
        match event:
            case events.EntrantFound():
                self.found = event
            case events.EntrantPrepared():
                self.prepared = event
            case events.EpochPredicted():
                self.predicted = event
            case events.DeviationFound():
                self.deviation = self.deviation or event
            case events.EntrantStopped():
                self.stopped = event
            case events.EntrantFailed():
                self.failed = event
            case events.FiltersKept():
                self.has_filters = True

    def _go_back(self, steps_done: int) -> None:
        """What came after a step is carried out again."""
        for name in ("losses", "compute_s", "renew_s", "own_s"):
            del getattr(self, name)[steps_done:]
        self.distances = [each for each in self.distances if each.step <= steps_done]
        self.watched = [step for step in self.watched if step <= steps_done]
        self.epochs = [each for each in self.epochs if each.steps_done <= steps_done]
        if self.deviation is not None and self.deviation.step > steps_done:
            self.deviation = None
        self.stopped = self.failed = None


@dataclass(slots=True)
class TrainingState:
    """A training while its events are read, or while they happen."""

    entrants: dict[str, EntrantState] = field(default_factory=dict)
    ended: events.TrainingEnded | None = None

    def apply(self, event: events.AnyEvent) -> None:
        """Take in what happened."""
        if isinstance(event, events.TrainingEnded):
            self.ended = event
        elif isinstance(event, events.EntrantFound) and event.entrant not in self.entrants:
            self.entrants[event.entrant] = EntrantState(event)
        elif event.entrant in self.entrants:
            self.entrants[event.entrant].apply(event)
            if isinstance(event, events.Resumed):
                self.ended = None


def training_of(
    folder: Path, header: TrainingHeader, network: TrainableNetwork, happened: Iterable[events.AnyEvent]
) -> Training:
    """What the events come to."""
    state = TrainingState()
    for event in happened:
        state.apply(event)
    bound = bound_of(header.settings.dtype, network.recipe.optimizer)
    steps_per_epoch = max(1, header.data.train_images // network.recipe.batch_size)
    own = [each for each in state.entrants.values() if not each.found.moves]
    entrants = [
        entrant_of(each, folder, bound=bound, reference=header.settings.reference, steps_per_epoch=steps_per_epoch)
        for each in own
    ]
    return Training(
        folder=folder,
        header=header,
        network=network,
        entrants=tuple(_with_own_ratios(entrants)),
        moved=tuple(
            MovedRun(each.found.moves, np.asarray(each.losses), _distances(each))
            for each in state.entrants.values()
            if each.found.moves
        ),
        shown=_shown(folder),
        bound=bound,
        elapsed_s=None if state.ended is None else state.ended.elapsed_s,
        interrupted=state.ended is None or state.ended.interrupted,
    )


def entrant_of(
    state: EntrantState, folder: Path, *, bound: Bound | None, reference: str, steps_per_epoch: int
) -> TrainingEntrant:
    """What the events of an entrant come to."""
    found, failed, prepared = state.found, state.failed, state.prepared
    arrays = folder / ENTRANTS / found.entrant
    agreement, agrees_until = judged(state, bound, is_reference=found.entrant == reference)
    status = found.status if failed is None else failed.status
    if status is Status.OK and agreement == "disagrees":
        status = Status.WRONG
    return TrainingEntrant(
        name=found.entrant,
        status=status,
        reason=found.reason if failed is None else failed.reason,
        version=found.version,
        short_name=found.short_name,
        display_order=found.display_order,
        backend=found.backend,
        options=found.options,
        algorithms={} if prepared is None else prepared.algorithms,
        predicted_epoch_s=None if state.predicted is None else state.predicted.epoch_s,
        losses=np.asarray(state.losses, np.float64),
        compute_s=np.asarray(state.compute_s, np.float64),
        renew_s=np.asarray(state.renew_s, np.float64),
        own_s=np.asarray(state.own_s, np.float64),
        distances=_distances(state),
        watched=tuple(sorted(set(state.watched))),
        deviation=_deviation(state, bound),
        agreement=agreement,
        agrees_until=agrees_until,
        epochs=tuple(_epochs(state)),
        steps_per_epoch=steps_per_epoch,
        stopped="" if state.stopped is None else state.stopped.reason,
        filters=_array(arrays / "filters.npy") if state.has_filters else None,
        feature_maps=_array(arrays / "feature_maps.npy") if state.has_filters else None,
        predictions=_array(arrays / "predictions.npy") if state.has_filters else None,
    )


def judged(state: EntrantState, bound: Bound | None, *, is_reference: bool) -> tuple[Agreement, int]:
    """What is concluded of an entrant, and the last step up to which it was found right.

    The steps that were watched are judged always, the weights up to the step of the bound. Weights that are further off
    though all results of all steps before are right by themselves tell nothing: it is rounding that has grown, as in
    deep networks, where the winner of a maximum changes.
    """
    within = [each for each in state.distances if bound is not None and each.step <= bound.step]
    beyond = [each.step for each in _beyond(state, bound)]
    steps = [*state.watched, *(each.step for each in within if each.step not in beyond)]
    wrong = beyond if is_reference is False else []
    if state.deviation is not None:
        wrong = [*wrong, state.deviation.step]
    if wrong:
        return "disagrees", max((step for step in steps if step < min(wrong)), default=0)
    return ("agrees", max(steps)) if steps else ("not judged", 0)


def _deviation(state: EntrantState, bound: Bound | None) -> Deviation | None:
    found = state.deviation
    if found is not None:
        return Deviation(found.step, found.layer, found.tensor, found.sentence)
    for each in _beyond(state, bound):
        assert bound is not None
        sentence = (
            f"the weights are {each.distance:.1e} of their size from the reference's, more than {bound.distance:g}"
        )
        return Deviation(each.step, each.layer, each.tensor, sentence)
    return None


def _beyond(state: EntrantState, bound: Bound | None) -> list[events.WeightsCompared]:
    """Where the weights are too far off and no watched steps explain it."""
    if bound is None:
        return []
    watched = set(state.watched)
    right = next(step for step in count() if step + 1 not in watched)
    far = [each for each in state.distances if each.step <= bound.step and not each.distance < bound.distance]
    return [each for each in far if each.step > right or not isfinite(each.distance)]


def _epochs(state: EntrantState) -> list[Epoch]:
    epochs, start = [], 0
    for each in state.epochs:
        steps = slice(start, each.steps_done)
        seconds = {name: float(np.sum(getattr(state, name)[steps])) for name in ("compute_s", "renew_s", "own_s")}
        epochs.append(
            Epoch(
                number=each.epoch,
                steps_done=each.steps_done,
                loss=float(np.mean(state.losses[steps])),
                accuracy=each.accuracy,
                test_loss=each.test_loss,
                **seconds,
            )
        )
        start = each.steps_done
    return epochs


def _with_own_ratios(entrants: Sequence[TrainingEntrant]) -> list[TrainingEntrant]:
    """Each with how many times as long the host's own part took beside it as beside the best."""
    medians = {each.name: float(np.median(each.own_s[1:])) for each in entrants if each.steps > 1}
    shortest = min(medians.values(), default=0.0)
    return [
        replace(each, own_ratio=medians[each.name] / shortest) if shortest and each.name in medians else each
        for each in entrants
    ]


def _distances(state: EntrantState) -> tuple[WeightDistance, ...]:
    found = {each.step: WeightDistance(each.step, each.distance) for each in state.distances}
    return tuple(found[step] for step in sorted(found))


def _shown(folder: Path) -> tuple[ShownImage, ...]:
    pixels, indices, labels = (_array(folder / name) for name in (SHOWN_PIXELS, SHOWN_INDICES, SHOWN_LABELS))
    if pixels is None or indices is None or labels is None:
        return ()
    return tuple(
        ShownImage(int(index), int(label), image) for index, label, image in zip(indices, labels, pixels, strict=True)
    )


def _array(path: Path) -> Array | None:
    with suppress(OSError, ValueError):
        return np.array(open_array(path))
    return None
