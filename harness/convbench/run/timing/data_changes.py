"""When the data of a timed case change, and when what a timed loop returned is looked at.

Both happen between samples, never inside a timed loop. They cost time that samples could have had, so they come as
often as they take a small share of it: in the second round of a block in any case, and the last round is always looked
at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from convbench.verify.data_sets import DataSet
from convbench_specs import PassName

SHARE = 0.1
"""Of the time of the samples, for new data and for looking at results, each."""


@dataclass(slots=True)
class DataChanges:
    """The data sets that one worker has in a block. `number` is the present one, of so many as there are."""

    number: DataSet
    count: int
    _update_s: float = 0.0
    _sampled_s: float = 0.0
    """Seconds of the samples since the last change."""
    _digest_s: dict[PassName, float] = field(default_factory=dict)

    def next_number(self, round_number: int) -> DataSet | None:
        """The data set to change to before a round; None where it stays as it is."""
        if not round_number or self.count < 2 or self._update_s > SHARE * self._sampled_s:
            return None
        return (self.number + 1) % self.count

    def changed(self, number: DataSet, update_s: float) -> None:
        """The worker has another data set now; putting it in took so long."""
        self.number, self._update_s, self._sampled_s = number, update_s, 0.0

    def is_looked_at(self, pass_name: PassName, round_number: int, rounds: int, loop_s: float) -> bool:
        """Whether to look at what the timed loop of a round returns; it takes about `loop_s` seconds."""
        if round_number == rounds - 1:
            return True
        known_s = self._digest_s.get(pass_name)
        return round_number > 0 if known_s is None else known_s <= SHARE * loop_s

    def sampled(self, pass_name: PassName, elapsed_s: float, digest_s: float | None) -> None:
        """A sample took so long, and looking at its result; None where nobody did."""
        self._sampled_s += elapsed_s
        if digest_s is not None:
            self._digest_s[pass_name] = digest_s
