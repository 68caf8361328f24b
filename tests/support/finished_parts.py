"""What a journal holds of items that are finished, and whether a run that went on still has it exactly once."""

from __future__ import annotations

import json
from pathlib import Path

from convbench.results.events.journal import JOURNAL

KEYS = ("event", "workload", "case", "dtype", "batch_size", "backend", "pass", "data", "tensor", "left", "right")


def whole_lines(folder: Path) -> list[dict]:
    """The events of a journal, without a last line that was cut short."""
    text = (folder / JOURNAL).read_text() if (folder / JOURNAL).is_file() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def finished_part(events: list[dict]) -> list[dict]:
    """Checks of the items that are checked, and samples of those that are timed."""
    checked = {_item(event) for event in events if event["event"] == "item_checked"}
    timed = {(_item(event), event["block"]) for event in events if event["event"] == "item_timed"}
    return [
        event
        for event in events
        if (event["event"] in ("computed", "judged", "agreement") and _item(event) in checked)
        or (event["event"] == "sample" and (_item(event), event["block"]) in timed)
    ]


def lost_or_made_twice(before: list[dict], after: list[dict]) -> list[dict]:
    """Events of the finished part of a journal that stand in a later one less or more often than in the first."""
    return [kept for kept in finished_part(before) if _count(kept, before) != _count(kept, after)]


def _item(event: dict) -> tuple:
    return tuple(event[name] for name in ("workload", "case", "dtype", "batch_size"))


def _count(event: dict, events: list[dict]) -> int:
    """How many events are about the same thing: the same check, or the same sample."""
    return sum(all(event.get(key) == other.get(key) for key in (*KEYS, "block", "round")) for other in events)
