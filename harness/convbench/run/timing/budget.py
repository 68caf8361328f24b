"""What a cell may cost: its calls are predicted, and what would be over the budget is not begun.

- A backend's own prediction goes first: so much of it that MIN_CALLS are over the budget is not begun. Else the time at
  a smaller batch size grows with the images, but for what work on the filters may have taken, which is the same for any
  batch: the guess is the geometric mean of the least and the most, or with two sizes on their line, between both.
- The budget bounds the timed calls of a cell over the blocks that were asked for; a slow cell gets fewer rounds, then
  fewer blocks. Only cells that get all of these take part in the further ones that fill the run's time.
- What has been called for its checks is timed MIN_SAMPLES times even so, unless one call alone is over the budget: a
  layer that is missing costs its network the total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from convbench.plan.items import CellKey
from convbench.plan.settings import RunSettings
from convbench.text.units import format_seconds
from convbench_specs import Case, cost

MIN_SAMPLES = 3
"""Fewer samples have no spread; of a slow cell each is of a block of its own."""
MIN_CALLS = 3 + MIN_SAMPLES
"""Calls that a cell costs at least: three for the checks, then the samples."""
FILTER_BYTES_PER_S = 4e8
"""What work on the filters may be as slow as: a page fault of 10 us for every 4 KiB, as where a virtual machine's host
takes freed memory back."""


@dataclass(frozen=True, slots=True)
class OverBudget:
    """Why a cell is skipped, and the budget in seconds with which it would not be."""

    reason: str
    needed_s: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What cells may cost. `fastest_s` has the shortest call of every cell that was called so far."""

    settings: RunSettings
    fastest_s: Mapping[CellKey, float]

    def seconds(self, key: CellKey) -> float:
        """Seconds a call of the fastest that was seen, 0 where none was."""
        return self.fastest_s.get(key, 0.0)

    def over_budget(self, key: CellKey, case: Case, predicted_s: float | None) -> OverBudget | None:
        """Why a cell is not begun; None where it is. `predicted_s` is the backend's own prediction of a call."""
        budget = self.settings.budget_s
        if predicted_s is not None:
            if predicted_s * MIN_CALLS <= budget:
                return None
            calls = f"{format_seconds(predicted_s)} per call; {MIN_CALLS} calls exceed"
            return OverBudget(f"predicted {calls} the budget of {budget:g} s (--budget)", predicted_s * MIN_CALLS)
        seen = self._seen(key)
        smaller = sorted(seen)[-2:]
        guess = extrapolated_s({size: seen[size] for size in smaller}, key, case)
        if guess <= budget:  # a guess: one call must be over
            return None
        known = " and ".join(f"{format_seconds(seen[size])} at batch size {size}" for size in smaller)
        reason = f"predicted {format_seconds(guess)} per call, from {known}; the budget is {budget:g} s (--budget)"
        return OverBudget(reason, guess)

    def _seen(self, key: CellKey) -> dict[int, float]:
        """Seconds a call of the same case, backend and pass at the smaller batch sizes of the run.

        A run that does not time takes what a call needs; only what was killed for its time is not begun again.
        """
        least = 0.0 if self.settings.timing else self.settings.timeout_s
        smaller = [size for size in self.settings.batch_sizes if size < key.batch_size]
        seen = {size: self.fastest_s.get(key._replace(batch_size=size), -1.0) for size in smaller}
        return {size: seconds for size, seconds in seen.items() if seconds >= least}

    def too_slow(self, call_s: float) -> OverBudget | None:
        """Why a cell is not timed whose call took so long; None where it is."""
        budget = self.settings.budget_s
        if call_s <= budget:
            return None
        return OverBudget(f"one call takes {format_seconds(call_s)}; the budget is {budget:g} s (--budget)", call_s)

    def blocks(self, call_s: float) -> int:
        """Blocks that a cell takes part in, at most."""
        affordable = int(self.settings.budget_s / max(call_s, self.settings.sample_s))
        return self.settings.most_blocks if affordable >= self.settings.blocks else max(MIN_SAMPLES, affordable)

    def rounds(self, call_s: float) -> int:
        """Rounds of each of its blocks."""
        blocks = min(self.settings.blocks, self.blocks(call_s))
        affordable = int(self.settings.budget_s / blocks / max(call_s, self.settings.sample_s))
        least = -(-MIN_SAMPLES // blocks)
        return max(least, min(self.settings.rounds, affordable))


def extrapolated_s(seen: dict[int, float], key: CellKey, case: Case) -> float:
    """Seconds a call from those at up to two smaller batch sizes, the smallest first; 0 where none is known."""
    if not seen:
        return 0.0
    size, seconds = list(seen.items())[-1]
    images = key.batch_size / size
    on_filters = min(seconds, cost(case, 0, key.pass_name).bytes / FILTER_BYTES_PER_S)
    least, most = on_filters + (seconds - on_filters) * images, seconds * images
    if len(seen) == 1:
        return sqrt(least * most)
    first, first_seconds = next(iter(seen.items()))
    an_image = (seconds - first_seconds) / (size - first)
    return min(max(seconds + an_image * (key.batch_size - size), least), most)
