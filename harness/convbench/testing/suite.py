"""Tests for any backend: whether it is right, by the checks of `convbench check`, under pytest.

    from convbench.testing import BackendTests

    class TestMine(BackendTests):
        backend = "mine"                  # and plugin = "my_module", or a .py file, where it is not installed

The backend runs in a worker process of its own, one for the class. What it does not support is a skipped test with its
reason; so is a backend that is not available here. A failure says which tensor is wrong and where, and gives the
command that does it again. Needs pytest and hypothesis.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from convbench.testing import random_cases  # isort: skip  # first: it says which extra brings hypothesis

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.plan.status import LEFT_OUT
from convbench.testing.checker import Checked, Checker
from convbench.testing.worked_examples import WorkedExample, in_dtype, worked_examples
from convbench.verify import IDENTITIES, MissingImages, make_tensors
from convbench.verify.bounds.dtypes import unit_roundoff
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered, availability, find_backends
from convbench_specs import (
    DATA_KINDS,
    PASSES,
    Case,
    Conv,
    Device,
    DType,
    Flatten,
    PassName,
    Pool,
    Supports,
    TensorName,
    Tensors,
    Unavailable,
    load_workload,
)

__all__ = ["BackendTests"]


HELD_CASES = (
    Case(
        name="conv",
        operation=Conv(in_channels=4, out_channels=6, kernel_size=(3, 2), stride=(2, 1), padding="same", groups=2),
        input_shape=(4, 9, 8),
    ),
    Case(name="max", operation=Pool(kind="max", kernel_size=(3, 3), stride=(2, 2)), input_shape=(3, 9, 8)),
    Case(name="average", operation=Pool(kind="average", kernel_size=(2, 2)), input_shape=(3, 9, 8)),
    Case(name="flatten", operation=Flatten(order="channels_last"), input_shape=(3, 4, 5)),
)
"""Cases that are held to the identities."""


class BackendTests:
    """The tests; a subclass names the backend, and may set any of the other attributes.

    `plugin` is what --plugin takes. `workload` and `batch_sizes` are what must be right, beside `max_examples` random
    cases of at most about `max_multiply_adds`: the same ones in every run, unless `derandomize` is False. At least
    `minimum_cases` of the workload must be computed, so that it is no success where all is skipped. `budget_s` is how
    long the calls of a pass may take by the backend's own prediction; what takes longer is skipped. `environment` are
    variables that must stand.
    """

    backend: ClassVar[str]
    plugin: ClassVar[str] = ""
    device: ClassVar[Device] = "cpu"
    threads: ClassVar[int] = 2
    dtypes: ClassVar[tuple[DType, ...]] = ("float32", "float64")
    batch_sizes: ClassVar[tuple[int, ...]] = (0, 1, 3)
    workload: ClassVar[str] = "edge_cases"
    minimum_cases: ClassVar[int] = 1
    max_examples: ClassVar[int] = 50
    max_multiply_adds: ClassVar[int] = 20_000
    derandomize: ClassVar[bool] = True
    seed: ClassVar[int] = 0
    budget_s: ClassVar[float] = 20.0
    timeout_s: ClassVar[float] = 60.0
    environment: ClassVar[Mapping[str, str]] = {}

    _checker: ClassVar[Checker]
    _supports: ClassVar[Supports]
    _stack: ClassVar[ExitStack]

    @classmethod
    def setup_class(cls) -> None:
        """Start the worker; skips the class where the backend is not available."""
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name, value in cls.environment.items():
                patch.setenv(name, value)
            registered = _registered(cls.backend, cls.plugin)
            available = availability(registered, cls.device)
            if isinstance(available, Unavailable):
                pytest.skip(f"{cls.backend} is unavailable: {available.reason}")
            cls._supports = registered.backend.supported
            chosen = RunSettings(
                threads=cls.threads, device=cls.device, seed=cls.seed, budget_s=cls.budget_s, timeout_s=cls.timeout_s
            )
            patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # a worker imports what pytest can
            logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="convbench-logs-")))
            cls._checker = stack.enter_context(Checker([registered], chosen, logs))
            cls._stack = stack.pop_all()

    @classmethod
    def teardown_class(cls) -> None:
        """End the worker."""
        cls._stack.close()

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """Spread the tests of this class over the attributes of the subclass."""
        if metafunc.function.__module__ != __name__:
            return  # one that the author added
        if "case" in metafunc.fixturenames:
            chosen = load_workload(cls.workload).cases
            metafunc.parametrize("case", chosen, ids=[case.name for case in chosen])
        if "example" in metafunc.fixturenames:
            examples = [
                in_dtype(example, dtype)
                for example in worked_examples()
                for dtype in (cls.dtypes if example.results else cls.dtypes[:1])
            ]
            metafunc.parametrize("example", examples, ids=[f"{each.case.name}-{each.case.dtype}" for each in examples])
        if "held" in metafunc.fixturenames:
            metafunc.parametrize("held", HELD_CASES, ids=[case.name for case in HELD_CASES])
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", cls.dtypes)
        if "batch_size" in metafunc.fixturenames:
            metafunc.parametrize("batch_size", cls.batch_sizes)

    def test_case_of_the_workload(self, case: Case, dtype: DType, batch_size: int) -> None:
        """Every output and gradient is right: exactly on integers, within the bound on random numbers, and trusted."""
        checked = self._checker.check(case.with_dtype(dtype), batch_size)
        self._assert_right(checked)
        left_out = checked.left_out(self.backend)
        if len(left_out) == len(PASSES):
            pytest.skip(left_out["forward"])

    def test_enough_cases_are_computed(self) -> None:
        """At least `minimum_cases` of the workload and of the cases of these tests, in any of the dtypes."""
        cases = (*load_workload(self.workload).cases, *HELD_CASES)
        asked = [case.with_dtype(dtype) for dtype in self.dtypes for case in cases]
        why, computed = "", 0
        for case in asked:
            left_out = self._checker.check(case, 1).left_out(self.backend)
            computed += len(left_out) < len(PASSES)
            if computed >= self.minimum_cases:
                return
            why = why or left_out.get("forward", "")
        pytest.fail(
            f"{self.backend} computes {computed} of {len(asked)} cases, fewer than minimum_cases = "
            f"{self.minimum_cases}: name a workload that it computes; the first that it does not: {why}",
            pytrace=False,
        )

    def test_further_kinds_of_data(self, held: Case) -> None:
        """The same on constant, tiny, huge, ... numbers. What it makes of NaN and infinity may differ."""
        self._assert_right(self._checker.check(held.with_dtype(self.dtypes[0]), 2, kinds=tuple(DATA_KINDS)))

    def test_identities(self, dtype: DType, held: Case) -> None:
        """What must hold without an oracle: inner products, halves of the batch, and in float64 finite differences."""
        checked = self._checker.check(held.with_dtype(dtype), 2, identities=True)
        self._assert_right(checked)
        if not any(row.right in IDENTITIES for row in checked.rows):
            pytest.skip(next(iter(checked.left_out(self.backend).values())))

    def test_update_gives_the_results_of_a_fresh_preparation(self, dtype: DType, held: Case) -> None:
        """After `update` every result follows from the new tensors alone, bit for bit."""
        case = held.with_dtype(dtype)
        first, second = (make_tensors(case, 2, seed=self.seed + number) for number in (0, 1))
        orders: tuple[tuple[PassName, ...], ...] = (("forward", "backward"), ("backward", "forward"))
        for passes in orders:
            fresh = self._compute(case, second, passes)
            updated = self._checker.compute_updated(self.backend, case, first, second, passes)
            if updated is None:
                pytest.skip(f"{self.backend} has no update: the host prepares again")
            if isinstance(updated, Failure):
                pytest.fail(f"{updated.status}: {updated.reason}\n{updated.traceback}", pytrace=False)
            for name, expected in fresh.items():
                np.testing.assert_array_equal(updated[name], expected, err_msg=f"{name} of {case.name}", strict=True)

    def test_random_cases(self) -> None:
        """The same for cases that hypothesis draws from all that is supported; shows the smallest that fails."""
        drawn = random_cases.cases(self.dtypes, supports=self._supports, max_multiply_adds=self.max_multiply_adds)
        known: dict[tuple[Case, int], Checked] = {}  # a crash may not come twice: its worker may be given up

        @settings(max_examples=self.max_examples, derandomize=self.derandomize, deadline=None, database=None)
        @given(case=drawn, batch_size=random_cases.batch_sizes())
        def is_right(case: Case, batch_size: int) -> None:
            if (case, batch_size) not in known:
                known[case, batch_size] = self._checker.check(case, batch_size)
            self._assert_right(known[case, batch_size])

        is_right()
        if all(len(checked.left_out(self.backend)) == len(PASSES) for checked in known.values()):
            pytest.skip(f"{self.backend} supports none of {self.max_examples} random cases")

    def test_worked_example(self, example: WorkedExample) -> None:
        """Numbers and sizes that can be checked by hand."""
        passes: tuple[PassName, ...] = ("forward", "backward") if example.results else ("forward",)
        results = self._compute(example.case, example.tensors, passes)
        assert results["y"].shape == example.y_shape
        for name, expected in example.results.items():
            if name in results:
                np.testing.assert_array_equal(results[name], expected, err_msg=f"{name} of {example.case.name}")

    def test_global_average_of_photographs(self, dtype: DType) -> None:
        """The mean colours of two photographs."""
        pool = Pool(kind="average", kernel_size="global")
        case = Case(name="photos", operation=pool, input_shape=(3, 70, 120), dtype=dtype, x_data="photos")
        try:
            tensors = make_tensors(case, 2, seed=self.seed)
        except MissingImages as error:
            pytest.skip(str(error))
        means = [[0.643388, 0.597182, 0.582504], [0.763075, 0.260110, 0.108488]]
        y = self._compute(case, tensors, ("forward",))["y"]
        np.testing.assert_allclose(y.reshape(2, 3), means, rtol=0, atol=max(1e-5, 2 * unit_roundoff(dtype)))

    def _assert_right(self, checked: Checked) -> None:
        if checked.faults:
            item, data = checked.item, checked.faults[0].data
            command = self._checker.command(item.case, item.batch_size, [self.backend], data)
            again = " ".join([*(f"{name}={shlex.quote(value)}" for name, value in self.environment.items()), command])
            lines = [f"{each.status}: {each.backend} {each.pass_name}: {each.reason}" for each in checked.faults]
            raise AssertionError("\n".join([*lines, f"again: {again}", checked.faults[0].traceback]))

    def _compute(self, case: Case, tensors: Tensors, passes: tuple[PassName, ...]) -> Mapping[TensorName, NDArray[Any]]:
        """Results on given tensors; skips where the backend does not support the case."""
        results = self._checker.compute(self.backend, case, tensors, passes)
        if isinstance(results, Failure):
            if results.status in LEFT_OUT:
                pytest.skip(f"{results.status}: {results.reason}")
            pytest.fail(f"{results.status}: {results.reason}\n{results.traceback}", pytrace=False)
        return results


def _registered(name: str, plugin: str) -> Registered:
    """The backend; UsageError where there is none of that name, with the plug-ins that could not be loaded."""
    plugins = [plugin] if plugin else []
    registry = find_backends(plugins).demand(plugins)
    try:
        return registry.select([name])[0]
    except UsageError as error:
        failed = "".join(f"\nleft out: {each.plugin.label}: {each.reason}" for each in registry.failed)
        raise UsageError(f"{error}{failed}") from error
