"""What one check found. It is a value and never an exception."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one topic; "unknown" means that the system hides it.

    A warning says which numbers it affects and by how much, and in `remedy` what its reader can do.
    """

    topic: str
    level: Level
    text: str
    remedy: str = ""
    affects: str = ""

    @property
    def warning(self) -> str:
        """The finding in one line, as a run shows it among its warnings."""
        affects = f" Affects {self.affects}." if self.affects else ""
        return f"{self.topic}: {self.text}{affects}" + (f" Remedy: {self.remedy}" if self.remedy else "")

    def as_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)
