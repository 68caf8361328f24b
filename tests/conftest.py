"""Fixtures that more than one module needs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def plugins() -> Path:
    """Folder of the plug-ins that tests use."""
    return Path(__file__).parent / "plugins"
