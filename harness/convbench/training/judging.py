"""What is held against an entrant while it trains: each result of a watched step, and its weights as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from convbench.learning.parameters import parts_of
from convbench.machine.array_file import open_array
from convbench.results.training import events
from convbench.results.training.agreement import bound_of
from convbench.results.training.training import Deviation
from convbench.run.progress import Doing
from convbench.training.checking import first_deviation
from convbench.training.comparing import Comparison, compare_weights
from convbench.training.course import Course, Launch
from convbench.training.replay import replayed
from convbench.training.schedule import LEAST_STEPS, is_watched, kept_steps
from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.workers.training.files import remove_watched, weights_file
from convbench.workers.training.messages import WatchedStep
from convbench_specs.training import TrainableNetwork


class Judge:
    """Judges entrants against the right values of each layer, and against the weights of the reference."""

    def __init__(
        self,
        launch: Launch,
        network: TrainableNetwork,
        reference: Course,
        *,
        last: int,
        patience_s: Callable[[], float],
    ) -> None:
        """`last` is the number of the last step; `patience_s` tells how long looking for a fault may take."""
        self._launch, self._network, self._reference = launch, network, reference
        self._patience_s = patience_s
        self._bound = bound_of(launch.dtype, network.recipe.optimizer)
        self._parts = parts_of(network, numpy_dtype(launch.dtype))
        self._kept = frozenset(kept_steps(last, None if self._bound is None else self._bound.step))

    @property
    def judged_step(self) -> int:
        """The step up to which weights are judged, or up to which a training tells something of a slow entrant."""
        return LEAST_STEPS if self._bound is None else self._bound.step

    def kept(self, numbers: Sequence[int]) -> list[int]:
        """Of these steps those after which weights are kept."""
        return [step for step in numbers if step in self._kept]

    def watched(self, course: Course, numbers: Sequence[int]) -> list[int]:
        """Of these steps those that are watched; none of an entrant of which a fault is known."""
        if course.moves or course.is_found_wrong:
            return []
        return [step for step in numbers if is_watched(step, self._launch.settings.watch_every)]

    def check(self, course: Course, watched: WatchedStep) -> Iterator[events.AnyEvent]:
        """Check every result of a step; OSError or ValueError where one cannot be read."""
        if course.is_found_wrong:
            return
        folder = self._launch.arrays_of(course.name)
        try:
            found = first_deviation(self._network, watched, folder, seed=self._launch.settings.seed)
        finally:
            remove_watched(folder, watched.step)
        yield events.StepWatched(entrant=course.name, step=watched.step)
        if found is not None:
            yield _deviation(course, found)

    def compare(self, course: Course, step: int) -> Iterator[events.AnyEvent | Doing]:
        """Compare the weights after a step; where they are too far off, look for the step in which that begins.

        OSError or ValueError where those of the entrant cannot be read.
        """
        found = self._comparison(course, step)
        if found is None:
            return
        yield events.WeightsCompared(
            entrant=course.name, step=step, distance=found.distance, layer=found.layer, tensor=found.tensor
        )
        bound = self._bound
        if bound is None or step > bound.step or found.distance < bound.distance:
            return
        if not course.moves and not course.is_found_wrong:
            yield Doing(f"{course.name}: looks for where it begins to deviate")
            again = replayed(self._launch, self._network, course, step, patience_s=self._patience_s)
            yield from (events.StepWatched(entrant=course.name, step=each + 1) for each in range(again.right_steps))
            if again.deviation is not None:
                yield _deviation(course, again.deviation)

    def forget(self, courses: Sequence[Course]) -> None:
        """Remove weights that were compared, but those of the reference that a slow entrant may be held against."""
        for course in courses:
            for step in self._kept:
                if course is not self._reference or step > self.judged_step:
                    weights_file(self._launch.arrays_of(course.name), step).unlink(missing_ok=True)

    def _comparison(self, course: Course, step: int) -> Comparison | None:
        """None for the reference itself, and where it has not come to this step or began after it."""
        if course is self._reference:
            return None
        with suppress(FileNotFoundError):
            reference = open_array(weights_file(self._launch.arrays_of(self._reference.name), step))
            return compare_weights(
                open_array(weights_file(self._launch.arrays_of(course.name), step)), reference, self._parts
            )
        return None


def _deviation(course: Course, found: Deviation) -> events.DeviationFound:
    course.is_found_wrong = True
    return events.DeviationFound(
        entrant=course.name, step=found.step, layer=found.layer, tensor=found.tensor, sentence=found.sentence
    )
