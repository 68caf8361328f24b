"""Who is told how a run goes: the terminal, a test, or nobody."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told by the runner; must not raise and should return at once."""

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """The run begins; it has so many steps, and up to `most` as long as it is not within_s old."""

    def expect(self, steps: int) -> None:
        """It will have so many steps in all, as is known now."""

    def step(self, what: str) -> None:
        """What is running now."""

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

    def step(self, what: str) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
