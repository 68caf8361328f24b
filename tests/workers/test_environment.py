"""The tuned allocator reaches the timing workers' environment, where glibc can obey it, and nowhere else."""

from __future__ import annotations

import pytest

from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.workers import environment
from convbench.workers.environment import TUNED_ALLOCATOR, allocator_environment


def test_the_default_changes_nothing():
    assert allocator_environment("default") == {}


def test_tuned_needs_glibc(monkeypatch):
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("glibc", "2.39"))
    assert allocator_environment("tuned") == TUNED_ALLOCATOR
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("", ""))
    with pytest.raises(UsageError, match="the C library here is unknown"):
        RunSettings(allocator="tuned")


@pytest.mark.parametrize(("name", "value"), [("allocator", "tunde"), ("cache", "luke")])
def test_an_unknown_name_is_refused(name, value):
    with pytest.raises(UsageError, match=f"unknown {name} '{value}'"):
        RunSettings(**{name: value})
