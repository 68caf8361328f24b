"""Memory is measured of one backend at a time, and comes out by cell."""

from __future__ import annotations

from convbench.plan.items import Item
from convbench.run.memory import measure_memory
from convbench_specs import Case, Flatten

ITEM = Item("w", Case(name="c", operation=Flatten(), input_shape=(1, 2, 2)), 1)


class _Session:
    """Answers as a worker does, and notes in `heard` what it is asked."""

    def __init__(self, name, heard=None):
        self.name, self.heard, self.asked = name, [] if heard is None else heard, []

    def prepare(self, item, paths):
        self.heard.append((self.name, "prepare"))
        return {}

    def ask(self, request, pass_name, *, repeats):
        self.asked.append((request, pass_name, repeats))
        if request == "kept":
            return {"kept_bytes": [7, 9, 8]}
        return {"peaks": [{"peak_bytes": size, "source": self.name} for size in (3, 1, 2)]}

    def release(self): ...

    def suspend(self):
        self.heard.append((self.name, "suspend"))


def _measured(sessions, passes=("forward",)):
    return measure_memory(ITEM, dict.fromkeys(sessions, passes), {})


def test_peaks_are_told_by_median_and_range():
    ((key, columns),) = _measured([_Session("mine")])
    assert key == ITEM.key("mine", "forward")
    assert columns == {
        "peak_memory_bytes": 2,
        "peak_memory_min_bytes": 1,
        "peak_memory_max_bytes": 3,
        "memory_source": "mine",
    }


def test_what_is_kept_belongs_to_the_passes_that_train():
    columns = _measured([_Session("mine")], ("forward", "backward", "both"))
    kept = {key.pass_name: found["kept_memory_bytes"] for key, found in columns if "kept_memory_bytes" in found}
    assert kept == {"backward": 8, "both": 8}


def test_no_other_worker_runs_beside_the_one_that_is_measured():
    heard = []
    columns = _measured([_Session(name, heard) for name in "abc"])
    assert heard == [(name, request) for name in "abc" for request in ("prepare", "suspend")]
    assert [key.backend for key, _ in columns] == list("abc")


def test_every_pass_is_read_three_times_and_what_is_kept_is_asked_once_a_case():
    session = _Session("mine")
    _measured([session], ("forward", "backward", "both"))
    assert session.asked == [
        *(("memory", name, 3) for name in ("forward", "backward", "both")),
        ("kept", "backward", 3),
    ]


def test_a_session_without_passes_is_left_alone():
    idle = _Session("idle")
    assert measure_memory(ITEM, {idle: ()}, {}) == []
    assert idle.heard == []
