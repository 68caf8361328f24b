"""Where tests find what is not Python: the project's root, plug-ins that misbehave, and stored runs."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
PLUGINS = TESTS / "plugins"
RUNS = TESTS / "data" / "runs"
EXAMPLE = ROOT / "docs" / "examples" / "convbench-einsum" / "convbench_einsum.py"
