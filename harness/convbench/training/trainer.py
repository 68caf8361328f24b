"""A training as it happens: a generator of events, and of what is going on between them.

Every entrant carries out an epoch in turn, the reference first. The workers that have no turn are stopped by signal. So
the entrants meet the same machine, a training that is cut short has the same epochs of all, and the weights that two of
them have after one step are compared when both are there.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from convbench.machine.array_file import open_array
from convbench.plan.status import Status
from convbench.results.training import events
from convbench.results.training.journal import ENTRANTS
from convbench.run.progress import Begun, Doing, Expected, Progress, StepsDone
from convbench.text.units import format_duration
from convbench.training.course import Course, Launch
from convbench.training.judging import Judge
from convbench.training.schedule import chunk_of, shares_of_time
from convbench.training.states import keep_only_last, state_folder
from convbench.workers.failure import Failure
from convbench.workers.session import unsupported
from convbench.workers.training import messages
from convbench.workers.training.files import PREDICTIONS
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
        self._reference = courses[0]
        self._judge = Judge(launch, network, self._reference, last=self._last, patience_s=self._left_s)
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
        if self._reference in part:  # the others are held against what it has done
            yield from self._part(self._reference)
        for epoch in range(1, self._network.recipe.epochs + 1):
            for course in self._in_turn(whole):
                yield from self._epoch(course, epoch, self._last)
            self._judge.forget(self._courses)
        for course in part:
            yield from self._part(course)
        yield Doing("filters and feature maps")
        for course in self._courses:
            if not course.is_over and not course.moves:
                yield from self._draw(course)

    def _in_turn(self, courses: Sequence[Course]) -> list[Course]:
        """Those that take further steps: the reference, the others in random order, then the moved runs."""
        active = [course for course in courses if not course.is_over]
        own = [course for course in active if course is not self._reference and not course.moves]
        order = [own[int(number)] for number in self._random.permutation(len(own))]
        return [
            *(course for course in active if course is self._reference),
            *order,
            *(course for course in active if course.moves),
        ]

    def _first_steps(self, course: Course) -> Iterator[Happening]:
        """So many steps that the pace of an entrant is known, before time is divided; no more than the reference's."""
        end = min(course.steps_done + MOST_FIRST_STEPS, (self._epochs_done(course) + 1) * self._steps_per_epoch)
        if course is not self._reference and not self._reference.is_over:
            end = min(end, self._reference.steps_done)
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
        for epoch in range(1, self._network.recipe.epochs + 1):
            has_time = self._needed_s(course) <= self._left_s()
            yield from self._epoch(course, epoch, self._last if has_time else self._judge.judged_step)

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
        request = messages.Train(
            steps=count,
            folder=str(folder),
            kept=self._judge.kept(numbers),
            watched=self._judge.watched(course, numbers),
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
        yield Doing(f"{course.name}: loss {reply.losses[-1]:.4f}, step {course.steps_done:,} of {self._last:,}")
        try:
            for each in reply.watched:
                yield from self._judge.check(course, each)
            for step in request.kept:
                yield from self._judge.compare(course, step)
        except (OSError, ValueError) as error:
            reason = f"its arrays were removed or replaced after the call: {type(error).__name__}"
            yield from self._fail(course, Failure(Status.CRASHED, reason))

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
