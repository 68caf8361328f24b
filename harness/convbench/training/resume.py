"""Where a training goes on that was killed or interrupted: after the last epoch that all its entrants have ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from convbench.errors import UsageError
from convbench.results.training.header import TrainingHeader, read_header
from convbench.results.training.journal import read_events
from convbench.results.training.loading import EntrantState, TrainingState
from convbench.training.asked import settings_of
from convbench.training.course import Course
from convbench.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Stored:
    """A training in its folder, as far as it came. `epoch` is the last one that all who still train have ended."""

    folder: Path
    header: TrainingHeader
    state: TrainingState
    settings: TrainingSettings
    epoch: int

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state.ended is not None and not self.state.ended.interrupted

    @property
    def elapsed_s(self) -> float:
        """Seconds that it took so far, as far as it could tell."""
        return 0.0 if self.state.ended is None else self.state.ended.elapsed_s

    def put_in(self, course: Course) -> None:
        """Let an entrant go on where it was; one that is over stays so."""
        state = self.state.entrants.get(course.name)
        if state is None:
            return
        if not _trains(state):
            course.is_over, course.steps_done = True, len(state.losses)
            return
        if not _is_part(state):
            course.steps_done = next((each.steps_done for each in state.epochs if each.epoch == self.epoch), 0)
        deviation = state.deviation
        course.is_found_wrong = deviation is not None and deviation.step <= course.steps_done


def stored_training(folder: Path) -> Stored:
    """The training of a folder; RunError where it is none."""
    header, state = read_header(folder), TrainingState()
    for event in read_events(folder):
        state.apply(event)
    epoch = common_epoch(state.entrants.values())
    return Stored(folder, header, state, settings_of(header.settings, header.network.name), epoch)


def common_epoch(states: Iterable[EntrantState]) -> int:
    """The last epoch that all have ended who still train; those who train a part only begin that again."""
    training = [each for each in states if _trains(each) and not _is_part(each)]
    return min((each.epochs[-1].epoch if each.epochs else 0 for each in training), default=0)


def refuse_differences(stored: Stored, present: TrainingHeader) -> None:
    """UsageError where images, processor or packages are not those of the stored training."""
    then, now = stored.header, present
    found = []
    if then.data.digest != now.data.digest:
        found.append(f"the images at {then.data.source} have changed")
    if then.machine.get("processor") != now.machine.get("processor"):
        found.append(f"the processor was {then.machine.get('processor')}, is {now.machine.get('processor')}")
    found += [
        f"package {name} was {then.packages.get(name)}, is {now.packages.get(name)}"
        for name in dict.fromkeys([*then.packages, *now.packages])
        if then.packages.get(name) != now.packages.get(name)
    ]
    if found:
        raise UsageError(f"{stored.folder} cannot go on here: {'; '.join(found)}")


def _is_part(state: EntrantState) -> bool:
    return state.predicted is not None and state.predicted.is_part


def _trains(state: EntrantState) -> bool:
    return state.stopped is None and state.failed is None and state.found.status == "ok"
