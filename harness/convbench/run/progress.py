"""How a run goes, beside what it finds: what it is doing, and how many steps are done. The journal keeps none of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begun:
    """The run has so many steps, and up to `most_steps` as long as it is not within_s old."""

    steps: int
    most_steps: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Expected:
    """It will have so many steps in all, as is known now."""

    steps: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """So many seconds are set aside for what is to come and counts no steps: limits, searches, files."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Doing:
    """What is running now, as a short phrase; `timed` says that it is being timed, and nothing may disturb it."""

    what: str
    timed: bool = False


@dataclass(frozen=True, slots=True)
class StepsDone:
    """So many more steps are done."""

    steps: int


Progress = Begun | Expected | SetAside | Doing | StepsDone
