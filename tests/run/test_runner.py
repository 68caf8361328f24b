"""Whatever a backend does costs its own cells, is named with its status, and the run ends well."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from paths import PLUGINS

import convbench
from convbench.plan.settings import RunSettings
from convbench.run import runner

FAULTY = ["honest", "raises", "hangs", "prints", "exits", "killed", "out-of-memory", "never-starts"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):

    return convbench.compare(
        str(PLUGINS / "faulty.toml"),
        plugins=[str(PLUGINS / "faulty.py")],
        backends=FAULTY,
        batch_sizes=[1, 2],
        timeout_s=3,
        sample_s=1e-4,
        blocks=2,
        rounds=3,
        output=tmp_path_factory.mktemp("runs") / "faulty",
    )


def _cells(run, backend, case="bad", pass_name="forward"):
    cells = run.measurements
    chosen = cells[(cells["backend"] == backend) & (cells["case"] == case) & (cells["pass"] == pass_name)]
    return chosen[chosen["batch_size"] == 1].iloc[0]


@pytest.mark.parametrize(
    ("backend", "status", "reason"),
    [
        ("honest", "ok", ""),
        ("prints", "ok", ""),
        ("raises", "error", "ArithmeticError: the kernel is out of order"),
        ("hangs", "timed out", "within 3 s"),
        ("exits", "crashed", "exited with code 3"),
        ("killed", "crashed", "SIGKILL"),
        ("out-of-memory", "out of memory", "no 12 TB here"),
        ("never-starts", "error", "its library is broken"),
    ],
)
def test_a_fault_becomes_the_status_of_its_cell(run, backend, status, reason):
    cell = _cells(run, backend)
    assert cell["status"] == status
    assert reason in cell["reason"]


@pytest.mark.parametrize("backend", [name for name in FAULTY if name != "never-starts"])
@pytest.mark.parametrize("case", ["good", "after"])
def test_other_cells_of_a_faulty_backend_are_measured(run, backend, case):
    cells = run.measurements
    cells = cells[(cells["backend"] == backend) & (cells["case"] == case)]
    assert len(cells) == 2 * 2  # batch sizes x passes
    assert set(cells["status"]) == {"ok"}
    assert set(cells["verdict"]) == {"agrees"}
    assert (cells["samples"] >= 3).all()


@pytest.mark.parametrize("backend", ["raises", "exits", "killed", "hangs", "out-of-memory"])
def test_a_pass_beside_the_faulty_one_is_measured(run, backend):
    cell = _cells(run, backend, pass_name="backward")
    assert cell["status"] == "ok"
    assert cell["samples"] >= 3


def test_a_batch_size_above_one_that_timed_out_is_not_waited_for_again(run):
    cells = run.measurements
    cell = cells[(cells["backend"] == "hangs") & (cells["batch_size"] == 2) & (cells["case"] == "bad")]
    assert cell.set_index("pass").loc["forward", "status"] == "skipped"


def test_the_run_ended_and_its_files_are_there(run):
    assert not run.interrupted
    for name in ("run.json", "journal.jsonl", "measurements.csv", "agreement.csv", "report.html"):
        assert (run.folder / name).stat().st_size > 0
    assert run.is_right


def test_the_passes_of_an_item_take_turns_in_the_rounds(run):
    for _, taken in run.samples.groupby(["case", "batch_size", "block"]):
        assert taken["round"].is_monotonic_increasing
        assert set(taken.loc[taken["round"] == 0, "pass"]) == set(taken["pass"])


def test_the_seconds_of_a_run_are_told_by_what_they_were_spent_on(run):
    assert set(run.phases_s) == {"preparing", "calling", "verifying", "timing", "memory"}
    assert all(seconds > 0 for seconds in run.phases_s.values())
    assert sum(run.phases_s.values()) <= run.duration_s


def test_the_seconds_that_backends_took_under_a_clock_are_told(run):
    assert set(run.timed_s) == {"prepare", "run", "exercise", "warm_up", "sample"}
    assert all(seconds > 0 for seconds in run.timed_s.values())
    assert run.samples["elapsed_s"].sum() + run.samples["settled_s"].sum() <= run.timed_s["sample"]
    assert sum(run.timed_s.values()) < run.duration_s


@pytest.mark.parametrize(("own", "held_to"), [((0, 0), 2), ((0, 8), 8), ((1, 0), 2)])
def test_timed_calls_are_held_to_the_peak_of_the_entrant_with_most_threads(monkeypatch, own, held_to):
    """Else an entrant with more threads than the run has would be called faster than any processor."""
    monkeypatch.setattr(runner, "peak_flops_per_s", lambda dtype, cores: cores)
    entrants = [SimpleNamespace(threads=threads) for threads in own]
    assert runner._peaks(RunSettings(threads=2), entrants)("float32") == held_to
    assert runner._peaks(RunSettings(threads=2, device="cuda"), entrants) is None
