"""What a cell may cost: its calls are predicted, and what would be over the budget is not begun.

- A backend's own prediction goes first; else the time at a smaller batch, as if it grew in proportion.
- The budget bounds the timed calls of a cell over the blocks that were asked for; a slow cell gets fewer rounds, then
  fewer blocks. Only cells that get all of these take part in the further ones that fill the run's time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from convbench.journal import CellKey
from convbench.report.units import format_seconds
from convbench.settings import RunSettings

MIN_SAMPLES = 3
"""Fewer samples have no spread; of a slow cell each is of a block of its own."""
MIN_CALLS = 3 + MIN_SAMPLES
"""Calls that a cell costs at least: three for the checks, then the samples."""


@dataclass(slots=True)
class Pace:
    """What calls took so far, by everything that identifies a cell but its batch size."""

    settings: RunSettings
    _seen: dict[tuple[str, ...], tuple[int, float]] = field(default_factory=dict)

    def remember(self, key: CellKey, seconds: float) -> None:
        """Keep the fastest call at the largest batch size: noise only adds."""
        batch_size, fastest = self._seen.get(_family(key), (0, 0.0))
        if key.batch_size == batch_size:
            seconds = min(seconds, fastest)
        self._seen[_family(key)] = (key.batch_size, seconds)

    def seconds(self, key: CellKey) -> float:
        """Seconds a call that were last remembered, 0 where none were."""
        return self._seen.get(_family(key), (0, 0.0))[1]

    def over_budget(self, key: CellKey, predicted_s: float | None) -> str:
        """Why a cell is not begun; empty where it is. `predicted_s` is the backend's own prediction of a call."""
        budget = self.settings.budget_s
        if predicted_s is not None:
            if predicted_s * MIN_CALLS <= budget:
                return ""
            return (
                f"predicted {format_seconds(predicted_s)} a call; {MIN_CALLS} calls are over the budget of {budget:g} s"
            )
        batch_size, seconds = self._seen.get(_family(key), (1, 0.0))
        guess = seconds * key.batch_size / batch_size
        if guess <= budget:  # a guess: one call must be over
            return ""
        return f"predicted {format_seconds(guess)} a call, from {format_seconds(seconds)} at batch size {batch_size}"

    def too_slow(self, call_s: float) -> str:
        """Why a cell is not timed whose call took so long; empty where it is."""
        budget = self.settings.budget_s
        if call_s * MIN_SAMPLES <= budget:
            return ""
        return f"a call takes {format_seconds(call_s)}; {MIN_SAMPLES} samples are over the budget of {budget:g} s"

    def blocks(self, call_s: float) -> int:
        """Blocks that a cell takes part in, at most."""
        affordable = max(MIN_SAMPLES, int(self.settings.budget_s / max(call_s, self.settings.sample_s)))
        return self.settings.most_blocks if affordable >= self.settings.blocks else affordable

    def rounds(self, call_s: float) -> int:
        """Rounds of each of its blocks."""
        blocks = min(self.settings.blocks, self.blocks(call_s))
        affordable = int(self.settings.budget_s / blocks / max(call_s, self.settings.sample_s))
        least = -(-MIN_SAMPLES // blocks)
        return max(least, min(self.settings.rounds, affordable))


def _family(key: CellKey) -> tuple[str, ...]:
    return (key.workload, key.case, key.dtype, key.backend, key.pass_name)
