"""The user's cache folder, for what was measured of a machine: small JSON files, each written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def cache_folder(environment: Mapping[str, str]) -> Path:
    """CONVBENCH_CACHE_DIR, or convbench in the user's cache folder."""
    named = environment.get("CONVBENCH_CACHE_DIR")
    if named:
        return Path(named)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convbench"


def read_table(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> str:
    """Put a file in place, its folder too; why it could not be written, or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)  # at once: another process may be reading
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or error}"
    return ""
