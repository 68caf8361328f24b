"""A checker keeps workers through many cases and says what is wrong, what is left out, and how to see it again."""

from __future__ import annotations

import numpy as np
import pytest

from convbench.machine.facts import usable_cores
from convbench.plan.settings import RunSettings
from convbench.testing.checker import Checker
from convbench.workers.failure import Failure
from convbench.workers.plugins import find_backends
from convbench_specs import Case, Conv, Flatten, Tensors

CONV = Case(name="conv", operation=Conv(in_channels=2, out_channels=3, kernel_size=(3, 3)), input_shape=(2, 5, 5))
DEPTHWISE = Conv(in_channels=2, out_channels=2, kernel_size=(3, 3), groups=2)
FLATTEN = Case(name="flatten", operation=Flatten(), input_shape=(2, 3))

WHOLE_ONLY = """
from convbench_specs import Backend, Prepared, hookimpl

class WholeOnly(Backend):
    name = "whole-only"

    def prepare(self, case, tensors):
        if len(tensors.x) != 4:
            raise ArithmeticError(f"no kernel for a batch of {len(tensors.x)}")
        x, dy = tensors.x.copy(), tensors.dy.copy()
        return Prepared(
            forward=lambda: x.reshape(case.y_shape(4)), backward=lambda: (dy.reshape(x.shape), None, None)
        )

@hookimpl
def convbench_backends():
    return [WholeOnly]
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that gives a checker in a with statement."""

    def start(names, plugins=(), **settings):
        found = find_backends([str(plugin) for plugin in plugins])
        return Checker(found.select(names), RunSettings(threads=1, **settings), tmp_path_factory.mktemp("logs"))

    return start


def test_a_right_backend_has_no_faults_and_workers_stay(start):
    with start(["numpy-im2col"]) as checker:
        for batch_size in (0, 1, 2):
            checked = checker.check(CONV, batch_size)
            assert not checked.faults
            assert not checked.left_out("numpy-im2col")
            assert {row.tensor for row in checked.rows} == {"y", "dx", "dw", "db"}
        before = checker.sessions["numpy-im2col"].started
        checker.renew()
        assert not checker.check(CONV, 1).faults
        assert checker.sessions["numpy-im2col"].started is not before


def test_identities_that_need_further_calls_are_asked_for(start):
    double = CONV.with_dtype("float64")
    with start(["numpy-im2col"]) as checker:
        asked = {row.right for row in checker.check(double, 2, identities=True).rows}
        assert asked == {"oracle", "adjoint", "batch additivity", "finite differences"}
        assert {row.right for row in checker.check(double, 2).rows} == {"oracle", "adjoint"}
        alone = checker.check(CONV, 1, identities=True)  # it has no halves, and float32 no differences
        assert not alone.faults
        assert {row.right for row in alone.rows} == {"oracle", "adjoint"}


def test_a_backend_that_fails_on_half_the_batch_is_not_called_wrong_for_it(start, tmp_path):
    plugin = tmp_path / "whole_only.py"
    plugin.write_text(WHOLE_ONLY)
    with start(["whole-only"], [plugin]) as checker:
        checked = checker.check(FLATTEN, 4, identities=True)
        assert not checked.faults
        assert checked.cells["whole-only", "forward"]["identities"] == "untrusted"
        (row,) = [row for row in checked.rows if row.right == "batch additivity"]
        assert row.verdict == "untrusted"
        assert "no kernel for a batch of 2 (whole_only.py:" in row.description
        assert "), on the inputs for batch additivity" in row.description


def test_a_fault_names_pass_tensor_and_reason_and_the_command_names_the_plugin(start, plugins):
    with start(["last-tap", "numpy-im2col"], [plugins / "last_tap.py"], seed=3) as checker:
        checked = checker.check(CONV, 2)
        (fault,) = checked.faults
        assert (fault.backend, fault.pass_name, fault.status, fault.tensor) == ("last-tap", "forward", "wrong", "y")
        assert fault.reason.startswith("y: ")
        assert set(checked.left_out("last-tap")) == {"backward", "both"}
        command = checker.command(CONV, 2, ["last-tap"])
        threads = "" if len(usable_cores()) == 1 else " --threads 1"
        plugin = f"--plugin {plugins / 'last_tap.py'}"
        assert command.endswith(f"--backends last-tap --batch-sizes 2 --seed 3{threads} {plugin}")
        unsupported = checker.check(Case(name="d", operation=DEPTHWISE, input_shape=(2, 5, 5)), 1)
        assert not unsupported.faults
        assert len(unsupported.left_out("last-tap")) == 3


def test_what_is_predicted_to_take_too_long_is_skipped(start):
    with start(["naive"], budget_s=1e-9) as checker:
        checked = checker.check(CONV, 1)
        assert not checked.faults
        assert all(reason.startswith("skipped: a call would take") for reason in checked.left_out("naive").values())


def test_results_on_tensors_of_ones_own_come_back_unchecked(start, plugins):
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    with start(["honest", "last-tap"], [plugins / "faulty.py", plugins / "last_tap.py"]) as checker:
        results = checker.compute("honest", FLATTEN, Tensors(x=x, dy=-x.reshape(1, 6)))
        np.testing.assert_array_equal(results["y"], x.reshape(1, 6))
        np.testing.assert_array_equal(results["dx"], -x)
        refused = checker.compute("last-tap", FLATTEN, Tensors(x=x, dy=x.reshape(1, 6)))
        assert isinstance(refused, Failure)
        assert refused.status == "unsupported"


def test_a_result_of_objects_or_text_is_an_error_of_its_cell(start, plugins):
    with start(["objects"], [plugins / "fragile.py"]) as checker:
        faults = checker.check(FLATTEN, 1).faults
        assert {(fault.pass_name, fault.status) for fault in faults} == {("forward", "error"), ("both", "error")}
        assert "y has dtype object; to_numpy must return an array of numbers" in faults[0].reason


def test_a_backend_whose_workers_die_is_given_up_and_the_rest_is_skipped(start, plugins):
    last = Case(name="last", operation=Flatten(order="channels_last"), input_shape=(2, 3))
    with start(["fragile"], [plugins / "fragile.py"]) as checker:
        statuses = [checker.check(last, 1) for _ in range(12)]
        assert "exited with code 3" in statuses[0].faults[0].reason
        assert "given up after 10 workers" in statuses[-1].left_out("fragile")["forward"]
