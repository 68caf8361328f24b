"""Where an entrant begins to deviate whose weights are off: its steps again in a fresh worker, each one watched."""

from __future__ import annotations

from collections.abc import Callable

from convbench.results.training.training import Deviation
from convbench.training.checking import first_deviation
from convbench.training.course import Course, Launch
from convbench.workers.failure import Failure
from convbench.workers.training import messages
from convbench.workers.training.files import remove_watched
from convbench_specs.training import TrainableNetwork


def replayed(
    launch: Launch, network: TrainableNetwork, course: Course, until: int, *, patience_s: Callable[[], float]
) -> Deviation | None:
    """The first wrong result of the steps up to `until`; None where each result by itself is right, or time is over."""
    again = launch.course(course.registered, patience_s=patience_s)
    folder = launch.arrays_of(f"{course.name}-again")
    try:
        if isinstance(launch.prepare(again), Failure):
            return None
        for step in range(1, until + 1):
            if patience_s() <= 0:
                return None
            reply = again.worker.request(messages.Train(steps=1, folder=str(folder), kept=[], watched=[step]))
            if isinstance(reply, Failure):
                return None
            for watched in reply.watched:
                try:
                    found = first_deviation(network, watched, folder, seed=launch.settings.seed)
                except (OSError, ValueError):
                    return None
                finally:
                    remove_watched(folder, watched.step)
                if found is not None:
                    return found
    finally:
        again.worker.stop()
    return None
