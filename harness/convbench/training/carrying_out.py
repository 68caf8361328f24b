"""Lets a training happen: its workers, its journal, and whoever is told."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import numpy as np

from convbench.plan.status import Status
from convbench.results.training import events
from convbench.results.training.journal import TrainingJournal
from convbench.run.observer import Observer, tell
from convbench.text.units import format_duration
from convbench.training.asked import Asked
from convbench.training.course import LOGS, Course, Launch
from convbench.training.data_sets import DataSet
from convbench.training.resume import Stored
from convbench.training.shown import keep_shown
from convbench.training.trainer import Trainer
from convbench.workers.arrays import scratch_folder


def carry_out(
    asked: Asked, journal: TrainingJournal, observer: Observer, begin: float, stored: Stored | None = None
) -> None:
    """Write every event into the journal, and tell the observer. However the training ends, its journal says how.

    `begin` is the monotonic time at which the call began; `stored` is a training that goes on.
    """
    interrupted = True
    (journal.folder / LOGS).mkdir(exist_ok=True)
    with scratch_folder() as scratch:
        launch = Launch(
            settings=asked.settings,
            network=asked.table,
            dtype=asked.header.settings.dtype,
            data=_data_files(asked.data, scratch / "data"),
            folder=journal.folder,
            scratch=scratch,
            reference=asked.entered.reference,
        )
        courses = _courses(asked, launch, stored)
        try:
            for course in courses:
                for event in _beginning(course, stored):
                    journal.write(event)
            trainer = Trainer(
                launch,
                asked.network,
                courses,
                labels=asked.data.test_labels,
                steps_per_epoch=len(asked.data.train_labels) // asked.network.recipe.batch_size,
                begin=begin,
            )
            with closing(trainer.happenings()) as happenings:
                for each in happenings:
                    if isinstance(each, events.Event):
                        journal.write(each)
                        if isinstance(each, events.EpochEnded):
                            journal.sync()
                        if isinstance(each, events.EpochPredicted) and each.is_part:
                            epoch = format_duration(each.epoch_s)
                            observer.note(f"{each.entrant} trains a part only: an epoch takes it about {epoch}")
                    tell(observer, each)
            keep_shown(journal.folder, asked.data, asked.entered.reference.backend.name)
            interrupted = False
        finally:
            for course in courses:
                course.worker.stop()
            elapsed_s = time.monotonic() - begin + (0.0 if stored is None else stored.elapsed_s)
            journal.write(events.TrainingEnded(entrant="", elapsed_s=elapsed_s, interrupted=interrupted))
            observer.end()


def _courses(asked: Asked, launch: Launch, stored: Stored | None) -> list[Course]:
    """The entrants, the reference first, and the moved runs, each where it goes on."""
    reference = asked.entered.reference
    courses = [launch.course(each) for each in asked.entered.in_order]
    courses += [launch.course(reference, moves=moves) for moves in range(1, asked.settings.moved_runs + 1)]
    for course in courses:
        if stored is not None:
            stored.put_in(course)
    return courses


def _beginning(course: Course, stored: Stored | None) -> list[events.AnyEvent]:
    """What the journal does not know of an entrant yet."""
    found: list[events.AnyEvent] = []
    if course.moves and (stored is None or course.name not in stored.state.entrants):
        found.append(events.EntrantFound(entrant=course.name, status=Status.OK, moves=course.moves))
    if stored is not None and not course.is_over:
        found.append(events.Resumed(entrant=course.name, steps_done=course.steps_done))
    return found


def _data_files(data: DataSet, folder: Path) -> Path:
    """The arrays of a data set as files that every worker maps."""
    folder.mkdir(parents=True)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        np.save(folder / f"{name}.npy", getattr(data, name))
    return folder
