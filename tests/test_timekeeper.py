"""What the timekeeper leaves to the pace of a run."""

from __future__ import annotations

from types import SimpleNamespace

from convbench.examination import Turn
from convbench.measure.core_speed import CoreSpeeds
from convbench.neighbours import Neighbours
from convbench.pace import Pace
from convbench.plan import Item
from convbench.settings import RunSettings
from convbench.timekeeper import Timekeeper
from convbench_specs import Case, Pool

CASE = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(2, 4, 4))


def test_a_call_that_is_too_slow_to_be_timed_still_tells_what_a_larger_batch_takes():
    told = []
    journal = SimpleNamespace(cell=lambda key, **columns: told.append(columns), write=None)
    settings = RunSettings(budget_s=0.3)
    pace = Pace(settings)
    keeper = Timekeeper(
        settings,
        journal,
        pace,
        Neighbours(lambda: 0.0),
        CoreSpeeds([0]),
        step=lambda what: None,
        fail=lambda *why: None,
    )
    slow = Item("w", CASE, 8)
    keeper.time(slow, {"forward": [Turn(SimpleNamespace(name="mine"), {"forward": 0.5})]}, 0, 3)
    assert [columns["status"] for columns in told] == ["skipped"]
    assert pace.seconds(slow.key("mine", "forward")) == 0.5
    assert pace.over_budget(Item("w", CASE, 32).key("mine", "forward"), CASE, None)
