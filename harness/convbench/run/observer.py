"""Who is told how a run goes: the terminal, a test, or nobody."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar

from convbench.results.events.schema import WarningGiven
from convbench.run.progress import Begun, Doing, Expected, SetAside, StepsDone

Result = TypeVar("Result")


class Observer(Protocol):
    """Told by the runner; must not raise and should return at once."""

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """The run begins; it has so many steps, and up to `most` as long as it is not within_s old."""

    def expect(self, steps: int) -> None:
        """It will have so many steps in all, as is known now."""

    def set_aside(self, seconds: float) -> None:
        """So many seconds are set aside for what is to come and counts no steps."""

    def step(self, what: str, *, timed: bool = False) -> None:
        """What is running now, and whether it is being timed, so that nothing may disturb it."""

    def advance(self, steps: int = 1) -> None:
        """So many steps are done."""

    def note(self, text: str) -> None:
        """Something worth a line of its own."""

    def end(self) -> None:
        """The run is over, in whatever way."""


class Silent:
    """Tells nobody."""

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """Nothing."""

    def expect(self, steps: int) -> None:
        """Nothing."""

    def set_aside(self, seconds: float) -> None:
        """Nothing."""

    def step(self, what: str, *, timed: bool = False) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


def tell(observer: Observer, happening: object) -> None:
    """Tell an observer what has happened, as far as it wants to know."""
    match happening:
        case Begun():
            observer.begin(happening.steps, happening.most_steps, happening.within_s)
        case Expected():
            observer.expect(happening.steps)
        case Doing():
            observer.step(happening.what, timed=happening.timed)
        case SetAside():
            observer.set_aside(happening.seconds)
        case StepsDone():
            observer.advance(happening.steps)
        case WarningGiven():
            observer.note(f"warning: {happening.text}")


def finish(steps: Generator[Doing, None, Result], observer: Observer) -> Result:
    """Carry out something that yields what it is doing, and return what it returns."""
    while True:
        try:
            tell(observer, next(steps))
        except StopIteration as ended:
            result: Result = ended.value
            return result
