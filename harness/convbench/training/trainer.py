"""A training as it happens: a generator of events, and of what is going on between them.

Every entrant carries out an epoch in turn, the reference first. The workers that have no turn are stopped by signal. So
the entrants meet the same machine, a training that is cut short has the same epochs of all, and the weights that two of
them have after one step are compared when both are there.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np

from convbench.learning.parameters import parts_of
from convbench.machine.array_file import open_array
from convbench.plan.status import Status
from convbench.results.training import events
from convbench.results.training.agreement import bound_of
from convbench.results.training.journal import ENTRANTS
from convbench.results.training.training import Deviation
from convbench.run.progress import Begun, Doing, Expected, Progress, StepsDone
from convbench.text.units import format_duration
from convbench.training.checking import first_deviation
from convbench.training.comparing import compare_weights
from convbench.training.course import Course, Launch
from convbench.training.replay import replayed
from convbench.training.schedule import LEAST_STEPS, chunk_of, is_watched, kept_steps, shares_of_time
from convbench.training.states import keep_only_last, state_folder
from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.workers.failure import Failure
from convbench.workers.session import unsupported
from convbench.workers.training import messages
from convbench.workers.training.files import PREDICTIONS, weights_file
from convbench_specs.training import TrainableNetwork

Happening = events.AnyEvent | Progress
LEAST_FIRST_STEPS, MOST_FIRST_STEPS, FIRST_S = 3, 10, 1.0
"""Steps that tell the pace of an entrant: so many at least, and up to so many for so many seconds."""
END_S = 3.0
"""Set aside for what follows the last step."""


class Trainer:
    """Trains a network with several entrants, the reference first among the courses."""

    def __init__(
        self,
        launch: Launch,
        network: TrainableNetwork,
        courses: Sequence[Course],
        *,
        labels: np.ndarray[tuple[int], np.dtype[np.int64]],
        steps_per_epoch: int,
        begin: float,
    ) -> None:
        """`labels` are those of the held-out images; `begin` is the monotonic time at which the call began.

        Courses that go on have the steps done of a whole epoch.
        """
        self._launch, self._network, self._courses = launch, network, courses
        self._labels, self._steps_per_epoch, self._begin = labels, steps_per_epoch, begin
        self._last = network.recipe.epochs * steps_per_epoch
        self._bound = bound_of(launch.dtype, network.recipe.optimizer)
        self._parts = parts_of(network, numpy_dtype(launch.dtype))
        self._kept = frozenset(kept_steps(self._last, None if self._bound is None else self._bound.step))
        self._done = 0
        """Steps of all courses since this process of the host began."""
        self._random = np.random.default_rng(launch.settings.seed)

    def happenings(self) -> Generator[Happening, None, None]:
        """Carry out the training."""
        active = [course for course in self._courses if not course.is_over]
        yield Begun(sum(self._last - course.steps_done for course in active), 0, 0.0)
        for course in active:
            course.worker.launch()
        for course in self._courses:
            yield Doing(f"{course.name}: prepares")
            yield from self._prepare(course)
        for course in self._in_turn(self._courses):
            yield from self._first_steps(course)
        whole, part = self._split()
        for course in (*whole, *part):
            epoch_s = (course.step_s or 0.0) * self._steps_per_epoch
            yield events.EpochPredicted(entrant=course.name, epoch_s=epoch_s, is_part=course in part)
        for epoch in range(1, self._network.recipe.epochs + 1):
            for course in self._in_turn(whole):
                yield from self._epoch(course, epoch, self._last)
            self._forget_weights()
        for course in part:
            yield from self._part(course)
        yield Doing("filters and feature maps")
        for course in self._courses:
            if not course.is_over and not course.moves:
                yield from self._draw(course)

    def _in_turn(self, courses: Sequence[Course]) -> list[Course]:
        """Those that take further steps: the reference, the others in random order, then the moved runs."""
        active = [course for course in courses if not course.is_over]
        own = [course for course in active if course is not self._courses[0] and not course.moves]
        order = [own[int(number)] for number in self._random.permutation(len(own))]
        return [
            *(course for course in active if course is self._courses[0]),
            *order,
            *(course for course in active if course.moves),
        ]

    def _first_steps(self, course: Course) -> Iterator[Happening]:
        """So many steps that the pace of an entrant is known, before time is divided."""
        end = min(course.steps_done + MOST_FIRST_STEPS, (self._epochs_done(course) + 1) * self._steps_per_epoch)
        begin = time.monotonic()
        while not course.is_over and course.steps_done < end:
            if len(course.seconds) >= LEAST_FIRST_STEPS and time.monotonic() - begin > FIRST_S:
                break
            yield from self._steps(course, min(chunk_of(course.step_s, end - course.steps_done), LEAST_FIRST_STEPS))
        course.worker.suspend()

    def _split(self) -> tuple[list[Course], list[Course]]:
        """Those for whose whole training there is time, and the others, the quickest first."""
        active = [course for course in self._courses if not course.is_over]
        needed = {course.name: self._needed_s(course) for course in active}
        shares = shares_of_time(needed, self._left_s())
        part = [course for course in active if shares[course.name] < needed[course.name]]
        return [course for course in active if course not in part], sorted(part, key=self._needed_s)

    def _part(self, course: Course) -> Iterator[Happening]:
        """The whole training after all, where time is left for it, or a part of it.

        A part goes on to the step in which weights are judged at most: nothing is learned of more.
        """
        judged = LEAST_STEPS if self._bound is None else self._bound.step
        for epoch in range(1, self._network.recipe.epochs + 1):
            has_time = self._needed_s(course) <= self._left_s()
            yield from self._epoch(course, epoch, self._last if has_time else judged)

    def _needed_s(self, course: Course) -> float:
        """Seconds for the steps that an entrant has left."""
        return (course.step_s or 0.0) * (self._last - course.steps_done)

    def _prepare(self, course: Course) -> Iterator[Happening]:
        if course.is_over:
            return
        reply = self._unsupported(course) or self._launch.prepare(course)
        if isinstance(reply, Failure):
            yield from self._fail(course, reply)
            return
        yield events.EntrantPrepared(
            entrant=course.name,
            prepare_s=reply.prepare_s,
            predicted_step_s=reply.predicted_step_s,
            algorithms=reply.algorithms,
            without_update=reply.without_update,
        )
        if course.steps_done:
            folder = state_folder(self._launch.folder, course.name, self._epochs_done(course))
            restored = course.worker.request(messages.RestoreState(folder=str(folder), steps_done=course.steps_done))
            if isinstance(restored, Failure):
                yield from self._fail(course, restored)
                return
        predicted = reply.predicted_step_s
        if predicted is not None and predicted > min(self._left_s(), self._launch.settings.timeout_s):
            yield from self._stop(course, f"a step would take {predicted:.3g} s, as the backend predicts")
        course.worker.suspend()

    def _epochs_done(self, course: Course) -> int:
        return course.steps_done // self._steps_per_epoch

    def _unsupported(self, course: Course) -> Failure | None:
        """Why an entrant is not even asked for the network, by what it declares."""
        for layer in self._network.cases:
            if reason := unsupported(course.registered, layer.case):
                return Failure(Status.UNSUPPORTED, f"{layer.name}: {reason}")
        return None

    def _epoch(self, course: Course, epoch: int, until: int) -> Iterator[Happening]:
        """The steps of an epoch, as far as an entrant goes, and what follows an epoch that is whole."""
        end = epoch * self._steps_per_epoch
        if course.is_over or course.steps_done >= end:
            return
        while not course.is_over and course.steps_done < end:
            if course.steps_done >= until or self._left_s() <= 0:
                yield from self._stop(course, self._too_slow(course))
            else:
                left = min(end, until) - course.steps_done
                yield from self._steps(course, chunk_of(course.step_s, left))
        if not course.is_over:
            yield from self._after_epoch(course, epoch)
        course.worker.suspend()

    def _steps(self, course: Course, count: int) -> Iterator[Happening]:
        first, folder = course.steps_done + 1, self._launch.arrays_of(course.name)
        numbers = range(first, first + count)
        watched = (
            []
            if course.moves or course.is_found_wrong
            else [step for step in numbers if is_watched(step, self._launch.settings.watch_every)]
        )
        request = messages.Train(
            steps=count,
            folder=str(folder),
            kept=[step for step in numbers if step in self._kept],
            watched=watched,
        )
        reply = course.worker.request(request, timeout_s=course.timeout_s(count, self._launch.settings.timeout_s))
        if isinstance(reply, Failure):
            yield from self._fail(course, reply)
            return
        times = reply.times
        if not (reply.steps_done == numbers[-1] and len(reply.losses) == len(times.own_s) == count):
            yield from self._fail(course, Failure(Status.CRASHED, "it told of other steps than it was asked for"))
            return
        course.steps_done = reply.steps_done
        course.seconds += [sum(each) for each in zip(times.compute_s, times.renew_s, times.own_s, strict=True)]
        yield events.StepsTaken(
            entrant=course.name,
            first=first,
            losses=reply.losses,
            compute_s=times.compute_s,
            renew_s=times.renew_s,
            own_s=times.own_s,
        )
        self._done += count
        yield StepsDone(count)
        yield Doing(f"{course.name}: step {course.steps_done:,} of {self._last:,}, loss {reply.losses[-1]:.4f}")
        for each in reply.watched:
            yield from self._check(course, each, folder)
        for step in request.kept:
            yield from self._compare(course, step)

    def _check(self, course: Course, watched: messages.WatchedStep, folder: Path) -> Iterator[Happening]:
        if course.is_found_wrong:
            return
        try:
            found = first_deviation(self._network, watched, folder, seed=self._launch.settings.seed)
        except (OSError, ValueError) as error:
            reason = f"its results were removed or replaced after the call: {type(error).__name__}"
            yield from self._fail(course, Failure(Status.CRASHED, reason))
            return
        yield events.StepWatched(entrant=course.name, step=watched.step)
        if found is not None:
            yield self._deviates(course, found)

    def _compare(self, course: Course, step: int) -> Iterator[Happening]:
        reference = self._courses[0]
        if course is reference or reference.steps_done < step:
            return
        try:
            ours, theirs = (
                open_array(weights_file(self._launch.arrays_of(each.name), step)) for each in (course, reference)
            )
        except (OSError, ValueError):  # a reference that went on from a later epoch has not written it
            return
        found = compare_weights(ours, theirs, self._parts)
        yield events.WeightsCompared(
            entrant=course.name, step=step, distance=found.distance, layer=found.layer, tensor=found.tensor
        )
        bound = self._bound
        is_judged = bound is not None and step <= bound.step and not course.moves
        if is_judged and bound is not None and not found.distance < bound.distance and not course.is_found_wrong:
            yield Doing(f"{course.name}: looks for where it begins to deviate")
            begun = replayed(self._launch, self._network, course, step, patience_s=self._left_s)
            if begun is not None:
                yield self._deviates(course, begun)

    def _deviates(self, course: Course, found: Deviation) -> events.DeviationFound:
        course.is_found_wrong = True
        return events.DeviationFound(
            entrant=course.name, step=found.step, layer=found.layer, tensor=found.tensor, sentence=found.sentence
        )

    def _after_epoch(self, course: Course, epoch: int) -> Iterator[Happening]:
        folder = self._launch.folder / ENTRANTS / course.name
        state = state_folder(self._launch.folder, course.name, epoch)
        timeout_s = course.timeout_s(self._steps_per_epoch, self._launch.settings.timeout_s)
        evaluated = course.worker.request(messages.Evaluate(folder=str(folder)), timeout_s=timeout_s)
        if isinstance(evaluated, Failure):
            yield from self._fail(course, evaluated)
            return
        kept = course.worker.request(messages.KeepState(folder=str(state)))
        if isinstance(kept, Failure):
            yield from self._fail(course, kept)
            return
        try:
            predictions = open_array(folder / PREDICTIONS)
        except (OSError, ValueError) as error:
            yield from self._fail(course, Failure(Status.CRASHED, f"its predictions cannot be read: {error}"))
            return
        keep_only_last(self._launch.folder, course.name, epoch)
        yield events.EpochEnded(
            entrant=course.name,
            epoch=epoch,
            steps_done=course.steps_done,
            accuracy=float(np.mean(predictions == self._labels)),
            test_loss=evaluated.loss,
        )

    def _draw(self, course: Course) -> Iterator[Happening]:
        folder = self._launch.folder / ENTRANTS / course.name
        drawn = course.worker.request(messages.Draw(image=0, folder=str(folder)))
        if isinstance(drawn, Failure):
            yield from self._fail(course, drawn)
        elif drawn.has_filters:
            yield events.FiltersKept(entrant=course.name)

    def _left_s(self) -> float:
        """Seconds that are left for steps."""
        return self._launch.settings.within_s - END_S - (time.monotonic() - self._begin)

    def _too_slow(self, course: Course) -> str:
        needed = format_duration((course.step_s or 0.0) * self._last)
        within_s = self._launch.settings.within_s
        return f"its {self._last:,} steps would take about {needed}, for which {within_s:g} s were too short"

    def _stop(self, course: Course, reason: str) -> Iterator[Happening]:
        course.is_over = True
        course.worker.stop()
        yield events.EntrantStopped(entrant=course.name, steps_done=course.steps_done, reason=reason)
        yield from self._fewer_steps()

    def _fail(self, course: Course, failure: Failure) -> Iterator[Happening]:
        course.is_over = True
        course.worker.stop()
        yield events.EntrantFailed(
            entrant=course.name,
            step=course.steps_done + 1,
            status=failure.status,
            reason=failure.reason,
            traceback=failure.traceback,
        )
        yield from self._fewer_steps()

    def _fewer_steps(self) -> Iterator[Happening]:
        yield Expected(self._done + sum(self._last - each.steps_done for each in self._courses if not each.is_over))

    def _forget_weights(self) -> None:
        """Weights that were compared are not needed any more."""
        judged = 0 if self._bound is None else self._bound.step
        for course in self._courses:
            for step in self._kept:
                if course is not self._courses[0] or step > judged:  # a part may be held against it at the end
                    weights_file(self._launch.arrays_of(course.name), step).unlink(missing_ok=True)
