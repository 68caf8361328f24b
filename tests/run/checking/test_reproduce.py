"""The command behind "again" shows the fault that it is printed for."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

import convbench
from convbench.cli.main import main
from convbench.plan.items import Item, Plan
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.results.events.schema import CellFailed, CellJudged, fields_of
from convbench.run.checking.reproduce import Annotator
from convbench_specs import Case, Flatten

ITEM = Item("w", Case(name="f", operation=Flatten(), input_shape=(2, 3)), 4)
KEY = fields_of(ITEM.key("mine", "forward"))
EVENTS = [
    CellFailed(**KEY, status=Status.TIMED_OUT, reason="no answer"),
    CellFailed(**KEY, status=Status.CRASHED, reason="it died"),
    CellJudged(**KEY, data="random", own="untrusted", verdict="disagrees", is_wrong=True),
]
TIRES = """
import threading

from convbench_specs import Available, Backend, Prepared, hookimpl


class Tires(Backend):
    name = "tires"

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        calls = iter(range(600))  # more than the checks make

        def forward():
            if next(calls, None) is None:
                threading.Event().wait()
            return tensors.x.reshape(len(tensors.x), -1).copy()

        return Prepared(forward=forward)


@hookimpl
def convbench_backends():
    return [Tires]
"""


def annotated(event, settings, checked=()):
    return Annotator(Plan((), (ITEM,)), settings, [], checked)(event).reproduce


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_fault_of_the_checks_is_shown_by_check_and_a_later_one_by_the_compare_that_times(event):
    settings = RunSettings(blocks=2, rounds=4, threads=1, timeout_s=3)
    command, *_, found = annotated(event, settings).partition("check")
    assert command == "convbench "
    assert "--threads 1 --timeout 3" in found
    later = annotated(event, settings, {ITEM.item_key})
    assert later.startswith("convbench compare --case ")
    assert later.endswith("--seed 0 --threads 1 --timeout 3 --blocks 2 --rounds 4 --no-memory")


def test_the_compare_has_the_cache_and_the_allocator_of_the_run():
    settings = RunSettings(cache="cold", allocator="tuned", threads=2, budget_s=2, rounds=5)
    command = annotated(EVENTS[0], settings, {ITEM.item_key})
    assert command.endswith("--budget 2 --blocks 3 --rounds 5 --no-memory --allocator tuned --cache cold")


@pytest.mark.slow
def test_what_hangs_only_while_it_is_timed_hangs_again_by_the_command(tmp_path):
    plugin = tmp_path / "tires.py"
    plugin.write_text(TIRES)
    run = convbench.compare(
        case='operation = "flatten", input = [2, 3]', plugins=[str(plugin)], backends=["tires"], passes=["forward"],
        batch_sizes=[1], blocks=1, rounds=2, timeout_s=2, memory=False, output=tmp_path / "run",
    )  # fmt: skip
    cell = run.measurements.iloc[0]
    assert (cell["status"], cell["verdict"]) == ("timed out", "agrees")
    program, *arguments = shlex.split(cell["reproduce"])
    assert (program, arguments[0]) == ("convbench", "compare")
    done = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path / "again")])
    assert done.exit_code == 1
    assert "timed out: tires" in done.stdout
