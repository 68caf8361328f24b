"""The bundled backends: each by the suite that every author has, and all against each other on random cases."""

from __future__ import annotations

from itertools import combinations
from types import MappingProxyType

import pytest
from hypothesis import given, settings

from convbench.plan.settings import RunSettings
from convbench.testing.checker import Checker
from convbench.testing.random_cases import batch_sizes, cases
from convbench.testing.suite import BackendTests
from convbench.verify import IDENTITIES, ORACLE
from convbench.workers.plugins import availability, find_backends
from convbench_specs import Available

CPU_BACKENDS = ["naive", "numpy-im2col", "numba-cpu", "pytorch", "tensorflow", "jax"]


class TestNaive(BackendTests):
    backend = "naive"


class TestNumpyIm2col(BackendTests):
    backend = "numpy-im2col"


class TestNumbaCpu(BackendTests):
    backend = "numba-cpu"


class TestPyTorch(BackendTests):
    backend = "pytorch"


class TestTensorFlow(BackendTests):  # it compiles each shape and dtype: the rest is below
    backend = "tensorflow"
    batch_sizes = (3,)
    dtypes = ("float32",)
    max_examples = 20


class TestJax(BackendTests):
    backend = "jax"
    batch_sizes = (3,)
    dtypes = ("float32",)
    max_examples = 20


@pytest.mark.slow
class TestTensorFlowOnAnInstanceInFloat64(BackendTests):
    backend = "tensorflow"
    batch_sizes = (1,)
    dtypes = ("float64",)


@pytest.mark.slow
class TestJaxOnAnInstanceInFloat64(BackendTests):
    backend = "jax"
    batch_sizes = (1,)
    dtypes = ("float64",)


@pytest.mark.slow
class TestTensorFlowOnAnEmptyBatch(BackendTests):
    backend = "tensorflow"
    batch_sizes = (0,)
    dtypes = ("float32",)
    max_examples = 20


@pytest.mark.slow
class TestJaxOnAnEmptyBatch(BackendTests):
    backend = "jax"
    batch_sizes = (0,)
    dtypes = ("float32",)
    max_examples = 20


class TestNumbaCuda(BackendTests):
    """In Numba's simulator, where a thread of a GPU is one of Python: what takes longer than the budget is skipped."""

    backend = "numba-cuda"
    batch_sizes = (3,)
    dtypes = ("float32",)
    max_examples = 5
    max_multiply_adds = 50
    budget_s = 0.1
    environment = MappingProxyType({"NUMBA_ENABLE_CUDASIM": "1"})


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    """Every CPU backend that is installed, in workers that stay."""
    registered = find_backends().select(CPU_BACKENDS)
    installed = [each for each in registered if isinstance(availability(each, "cpu"), Available)]
    with Checker(installed, RunSettings(threads=2, budget_s=20), tmp_path_factory.mktemp("logs")) as checker:
        yield checker


@pytest.mark.parametrize("count", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_all_cpu_backends_agree_with_the_oracle_and_with_each_other_on_random_cases(checker, count):
    checked = {}

    @settings(max_examples=count, derandomize=True, deadline=None, database=None)
    @given(case=cases(), batch_size=batch_sizes())
    def all_agree(case, batch_size):
        if (case, batch_size) not in checked:
            checked[case, batch_size] = checker.check(case, batch_size)
        found = checked[case, batch_size]
        able = [name for name in checker.sessions if not found.left_out(name)]
        again = checker.command(case, batch_size, able)
        assert not found.faults, f"{found.faults}\nagain: {again}"
        assert {row.verdict for row in found.rows} == {"agrees"}, again
        for tensor in ("y", *case.gradient_names):
            rows = [row for row in found.rows if row.tensor == tensor and row.right not in IDENTITIES]
            compared = {(row.left, row.right) for row in rows}
            assert compared == {*combinations(able, 2), *((name, ORACLE) for name in able)}, again

    all_agree()
    assert len(checked) >= 0.9 * count  # hypothesis may draw a case twice
