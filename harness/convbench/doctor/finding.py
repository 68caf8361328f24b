"""What a look at one thing found: a value, never an exception."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one topic; a warning says in `remedy` what to do. "unknown" is what this system does not tell."""

    topic: str
    level: Level
    text: str
    remedy: str = ""

    @property
    def warning(self) -> str:
        """How the warnings of a run put it, in one line."""
        return f"{self.topic}: {self.text}" + (f" Remedy: {self.remedy}" if self.remedy else "")

    def as_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)
