"""By how much a case may become slower: one margin for all, and others for patterns of names from a small TOML file.

fail_above = 5          # per cent, for every case that no pattern fits
memory_above = 5        # per cent of the peak memory

[cases]
"conv*" = 10            # a pattern of names of cases; the last one that fits counts
"lenet5/pool1" = 3      # or of WORKLOAD/CASE
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from convbench.errors import UsageError, unknown_name
from convbench.results.diff.memory import MEMORY_MARGIN

FAIL_ABOVE = 0.05
KEYS = ("fail_above", "memory_above", "cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Margins as shares: 0.05 is 5 %."""

    fail_above: float = FAIL_ABOVE
    memory_above: float = MEMORY_MARGIN
    cases: Mapping[str, float] = field(default_factory=dict)

    def of(self, workload: str, case: str) -> float:
        """The margin of a case: that of the last pattern that fits its name, or workload/name.

        >>> Thresholds(cases={"conv*": 0.1, "tiny/conv2": 0.2}).of("tiny", "conv2")
        0.2
        """
        named = (case, f"{workload}/{case}")
        fitting = [share for pattern, share in self.cases.items() if any(fnmatchcase(name, pattern) for name in named)]
        return fitting[-1] if fitting else self.fail_above

    def unused(self, cases: Iterable[tuple[str, str]]) -> list[str]:
        """The patterns that fit none of the (workload, case)."""
        names = [name for workload, case in cases for name in (case, f"{workload}/{case}")]
        return [pattern for pattern in self.cases if not any(fnmatchcase(name, pattern) for name in names)]


def read_thresholds(path: Path) -> Thresholds:
    """Thresholds from a file; UsageError where it cannot be read, has an unknown key, or a value is no per cent."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    for key in table:
        if key not in KEYS:
            raise unknown_name(f"key in {path}", key, KEYS)
    cases = table.get("cases", {})
    if not isinstance(cases, dict):
        raise UsageError(f'{path}: cases must be a table of patterns, such as [cases] with "conv*" = 10')
    return Thresholds(
        fail_above=share(table.get("fail_above", 100 * FAIL_ABOVE), f"{path}: fail_above"),
        memory_above=share(table.get("memory_above", 100 * MEMORY_MARGIN), f"{path}: memory_above"),
        cases={pattern: share(value, f"{path}: {pattern!r}") for pattern, value in cases.items()},
    )


def share(per_cent: object, what: str) -> float:
    """A share from per cents; UsageError for what is no number from 0 to 1000."""
    if isinstance(per_cent, bool) or not isinstance(per_cent, int | float) or not 0 <= per_cent <= 1000:
        raise UsageError(f"{what} must be per cents from 0 to 1000, such as 5, not {per_cent!r}")
    return float(per_cent) / 100
