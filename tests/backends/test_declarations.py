"""What the bundled backends declare of themselves, and the environment that they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

import convbench
from convbench.workers.discovery.loading import load_backend
from convbench.workers.plugins import find_backends
from convbench_specs import APPROACH, CONTRACT, Settings

FOUND = find_backends(directory=Path("/nowhere")).backends
BUNDLED = {name: load_backend(entry.plugin, name) for name, entry in FOUND.items()}
ORDER = ["naive", "numpy-im2col", "numba-cpu", "numba-cuda", "pytorch", "tensorflow", "jax"]
JAX_CACHE = "JAX_COMPILATION_CACHE_DIR"
NUMBA_CACHE = "NUMBA_CACHE_DIR"


@pytest.mark.parametrize("name", ORDER)
def test_bundled_backends_have_the_first_places_in_lists_and_keep_to_this_contract(name):
    assert BUNDLED[name].display_order == ORDER.index(name)
    assert BUNDLED[name].contract == CONTRACT


def test_short_names_fit_their_columns_and_tell_backends_apart():
    heads = [BUNDLED[name].short_name or name[:6] for name in ORDER]
    assert max(map(len, heads)) <= 6
    assert len(set(heads)) == len(heads)


def test_variables_of_frameworks_that_every_worker_gets():
    declared = [BUNDLED[name].framework_variables for name in ORDER]
    assert {one for each in declared for one in each.threads} == {
        "NUMBA_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "NPROC",
    }
    assert {one for each in declared for one in each.passed_prefixes} == {"NUMBA_", "TF_", "XLA_", "JAX_", "TORCH_"}


def test_packages_whose_versions_are_recorded():
    recorded = {package for name in ORDER for package in BUNDLED[name].packages}
    assert recorded >= {"torch", "tensorflow-cpu", "tensorflow", "jax", "jaxlib", "numba", "numba-cuda", "llvmlite"}


def test_caches_lie_in_the_scratch_folder_of_the_run(monkeypatch):
    monkeypatch.delenv(NUMBA_CACHE, raising=False)
    settings = Settings(scratch_folder="/scratch")
    assert BUNDLED["jax"].environment(settings)[JAX_CACHE] == str(Path("/scratch/jax"))
    assert BUNDLED["numba-cuda"].environment(settings)[NUMBA_CACHE] == str(Path("/scratch/numba"))


def test_a_numba_cache_of_the_users_own_stays(monkeypatch):
    monkeypatch.setenv(NUMBA_CACHE, "/own")
    assert BUNDLED["numba-cuda"].environment(Settings(scratch_folder="/scratch"))[NUMBA_CACHE] == "/own"


def test_without_a_scratch_folder_there_are_no_caches(monkeypatch):
    monkeypatch.delenv(NUMBA_CACHE, raising=False)
    assert JAX_CACHE not in BUNDLED["jax"].environment(Settings())
    assert NUMBA_CACHE not in BUNDLED["numba-cuda"].environment(Settings())


@pytest.mark.parametrize(
    ("name", "options", "approach"),
    [
        ("naive", {}, "loops"),
        ("numpy-im2col", {"level": "textbook"}, "im2col"),
        ("numpy-im2col", {}, "blocked im2col"),
    ],
)
def test_a_worker_tells_how_it_computes_a_convolution(name, options, approach):
    assert load_backend(FOUND[name].plugin, name).start(Settings(options=options))[APPROACH] == approach


@pytest.mark.slow
def test_workers_of_all_kinds_tell_it_to_their_run(tmp_path):
    run = convbench.check(
        case='operation = "flatten", input = [1, 2, 2]',
        backends=["naive", "numpy-im2col", "numba-cpu", "pytorch", "tensorflow", "jax"],
        entrants=[convbench.Entrant("textbook", "numpy-im2col", {"level": "textbook"})],
        batch_sizes=1, passes="forward", data="none", output=tmp_path / "run",
    )  # fmt: skip
    assert {record.name: record.facts[APPROACH] for record in run.backends} == {
        "naive": "loops",
        "textbook": "im2col",
        "numpy-im2col": "blocked im2col",
        "numba-cpu": "compiled kernels",
        "pytorch": "framework",
        "tensorflow": "framework",
        "jax": "framework",
    }
