"""Where an entrant begins to deviate whose weights are off: its steps again in a fresh worker, each one watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convbench.results.training.training import Deviation
from convbench.training.checking import first_deviation
from convbench.training.course import Course, Launch
from convbench.workers.failure import Failure
from convbench.workers.training import messages
from convbench.workers.training.files import remove_watched
from convbench_specs.training import TrainableNetwork


@dataclass(frozen=True, slots=True)
class Replayed:
    """Steps from the first on whose results are all right by themselves, and the first wrong one, if one was found."""

    right_steps: int
    deviation: Deviation | None = None


def replayed(
    launch: Launch, network: TrainableNetwork, course: Course, until: int, *, patience_s: Callable[[], float]
) -> Replayed:
    """The steps up to `until` again, until a result is wrong, the worker fails or time is over."""
    again = launch.course(course.registered, patience_s=patience_s)
    folder = launch.arrays_of(f"{course.name}-again")
    right = 0
    try:
        if isinstance(launch.prepare(again), Failure):
            return Replayed(right)
        for step in range(1, until + 1):
            if patience_s() <= 0:
                break
            reply = again.worker.request(messages.Train(steps=1, folder=str(folder), kept=[], watched=[step]))
            if isinstance(reply, Failure):
                break
            for watched in reply.watched:
                try:
                    found = first_deviation(network, watched, folder, seed=launch.settings.seed)
                except (OSError, ValueError):
                    return Replayed(right)
                finally:
                    remove_watched(folder, watched.step)
                if found is not None:
                    return Replayed(right, found)
            right = step
    finally:
        again.worker.stop()
    return Replayed(right)
