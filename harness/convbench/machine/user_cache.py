"""The user's cache folder, which holds small JSON files with what was measured on this machine.

A file is always written as a whole, so that no reader finds half of one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The folder that CONVBENCH_CACHE_DIR names, else convbench in the user's cache folder."""
    named = environment.get("CONVBENCH_CACHE_DIR")
    if named:
        return Path(named)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convbench"


def read_table(path: Path) -> dict[str, object]:
    """The JSON object in a file; empty if the file is missing or damaged."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> str:
    """Write a file, and its folder if needed; returns why it could not be written, or an empty text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)  # in one step, since another process may be reading it
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or error}"
    return ""
