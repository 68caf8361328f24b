"""The tuned allocator reaches the timing workers' environment, where glibc can obey it, and nowhere else."""

from __future__ import annotations

import pytest

import convbench
from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.workers import environment
from convbench.workers.environment import TUNED_ALLOCATOR, allocator_environment, union, worker_environment
from convbench_specs import FrameworkVariables


def test_the_default_changes_nothing():
    assert allocator_environment("default") == {}


def test_tuned_needs_glibc(monkeypatch):
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("glibc", "2.39"))
    assert allocator_environment("tuned") == TUNED_ALLOCATOR
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("", ""))
    with pytest.raises(UsageError, match="the C library here is unknown"):
        allocator_environment("tuned")


def test_a_run_with_an_allocator_that_cannot_be_is_refused_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("", ""))
    with pytest.raises(UsageError, match="the C library here is unknown"):
        convbench.compare(allocator="tuned", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_worker_gets_what_plugins_declare_for_their_frameworks_and_little_else():
    own = {"PATH": "/bin", "NET_HOME": "/net", "SECRET": "x", "OMP_NUM_THREADS": "7"}
    declared = union([FrameworkVariables(threads=("NET_THREADS",), passed_prefixes=("NET_",)), FrameworkVariables()])
    found = worker_environment(own, declared, threads=2, backend={"MINE": "1"}, purpose={"MALLOC_ARENA_MAX": "1"})
    assert found["NET_HOME"] == "/net"
    assert "SECRET" not in found
    assert found["NET_THREADS"] == found["OMP_NUM_THREADS"] == "2"
    assert (found["MINE"], found["MALLOC_ARENA_MAX"], found["PATH"]) == ("1", "1", "/bin")


@pytest.mark.parametrize(("name", "value"), [("allocator", "tunde"), ("cache", "luke")])
def test_an_unknown_name_is_refused(name, value):
    with pytest.raises(UsageError, match=f"unknown {name} '{value}'"):
        RunSettings(**{name: value})
